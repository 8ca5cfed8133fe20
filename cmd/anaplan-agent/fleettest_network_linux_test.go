//go:build cgo

package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// network is hosts that reach each other and nothing else: each is a network namespace of its own, on
// one bridge. The namespaces have no names, so that they go with this process.
type network struct {
	t     *testing.T
	hub   *host
	hosts []*host
}

// host is one of them.
type host struct {
	network *network
	name    string // of its interface
	number  int    // of its address
	space   *os.File
}

func newNetwork(t *testing.T) *network {
	if _, err := exec.LookPath("ip"); err != nil {
		t.Fatal("ip is not there: apt-get install iproute2")
	}
	n := &network{t: t}
	n.hub = n.newHost("hub")
	n.hub.ip("link add bridge type bridge")
	n.hub.ip("link set bridge up")
	return n
}

// add adds a host. All hosts know each other's interfaces, so that a way can be cut by a wrong entry.
func (n *network) add(name string) *host {
	h := n.newHost(name)
	h.number = len(n.hosts) + 1
	h.ip("link add %s address %s type veth peer name to-%s netns %s", name, h.hardware(), name, n.hub.path())
	h.ip("address add %s/24 dev %s", h.address(), name)
	h.ip("link set %s up", name)
	h.ip("link set lo up")
	n.hub.ip("link set to-%s master bridge up", name)
	for _, other := range n.hosts {
		h.knows(other, other.hardware())
		other.knows(h, h.hardware())
	}
	n.hosts = append(n.hosts, h)
	return h
}

// newHost makes a namespace.
func (n *network) newHost(name string) *host {
	h := &host{network: n, name: name}
	made := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked, so that the thread ends with this function
		err := unix.Unshare(unix.CLONE_NEWNET)
		if err == nil {
			h.space, err = os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
		}
		made <- err
	}()
	if err := <-made; err != nil {
		n.t.Fatalf("a network namespace, for which one must be root: %v", err)
	}
	n.t.Cleanup(func() { h.space.Close() })
	return h
}

func (h *host) address() string  { return fmt.Sprintf("10.77.0.%d", h.number) }
func (h *host) hardware() string { return fmt.Sprintf("02:00:00:00:00:%02x", h.number) }
func (h *host) path() string     { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), h.space.Fd()) }

// ip runs the command ip in the host.
func (h *host) ip(format string, args ...any) {
	h.network.t.Helper()
	line := fmt.Sprintf(format, args...)
	var said strings.Builder
	cmd := exec.Command("ip", strings.Fields(line)...)
	cmd.Stdout, cmd.Stderr = &said, &said
	err := h.start(cmd)
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		h.network.t.Fatalf("ip %s: %v: %s", line, err, said.String())
	}
}

// knows has a host send what is for another one to an interface of that number.
func (h *host) knows(other *host, hardware string) {
	h.network.t.Helper()
	h.ip("neighbour replace %s lladdr %s nud permanent dev %s", other.address(), hardware, h.name)
}

// nobodysHardware is the number of an interface that there is not.
const nobodysHardware = "02:00:00:00:00:ff"

// cut loses what a host sends to others, without a word; mend undoes that.
func (h *host) cut(others ...*host) {
	h.network.t.Helper()
	for _, other := range others {
		h.knows(other, nobodysHardware)
	}
}

func (h *host) mend(others ...*host) {
	h.network.t.Helper()
	for _, other := range others {
		h.knows(other, other.hardware())
	}
}

// inside does something in the network of the host, in this goroutine: what it opens and starts stays
// there.
func (h *host) inside(do func() error) error {
	runtime.LockOSThread()
	before, err := os.Open(fmt.Sprintf("/proc/self/task/%d/ns/net", unix.Gettid()))
	if err != nil {
		return err
	}
	defer before.Close()
	if err := unix.Setns(int(h.space.Fd()), unix.CLONE_NEWNET); err != nil {
		return err
	}
	err = do()
	if err := unix.Setns(int(before.Fd()), unix.CLONE_NEWNET); err != nil {
		return err // the thread stays locked, and ends with the goroutine
	}
	runtime.UnlockOSThread()
	return err
}

// listen listens on a port of the host.
func (h *host) listen(port int) (listener net.Listener, err error) {
	err = h.inside(func() error {
		listener, err = net.Listen("tcp", fmt.Sprintf("%s:%d", h.address(), port))
		return err
	})
	return listener, err
}

// start starts a program in the host.
func (h *host) start(cmd *exec.Cmd) error { return h.inside(cmd.Start) }
