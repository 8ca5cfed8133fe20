package server_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/listen"

	"github.com/anaplan-agent/anaplan-agent/agent/logtest"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
	"golang.org/x/sys/unix"
)

// children is what the test binary does as another process. Each prints lines, and most
// end when their standard input does.
var children = map[string]func(args []string) error{
	"ask":    childAsk,
	"bearer": childBearer,
	"herd":   childHerd,
	"hold":   childHold,
	"serve":  childServe,
	"peek":   childPeek,
	"unlock": childUnlock,
}

// child is such a process.
type child struct {
	t     *testing.T
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines *bufio.Scanner
	log   *logtest.Buffer
}

// start starts a child; change may change the command before. It ends with the test.
func start(t *testing.T, change func(*exec.Cmd), name string, args ...string) *child {
	t.Helper()
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(executable, args...)
	// The race detector has a process linger for a second.
	cmd.Env = append(os.Environ(), childVariable+"="+name, "GORACE=atexit_sleep_ms=0")
	c := &child{t: t, cmd: cmd, log: &logtest.Buffer{}}
	cmd.Stderr = c.log
	if c.in, err = cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	c.lines = bufio.NewScanner(out)
	if change != nil {
		change(cmd)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill := time.AfterFunc(2*patience, func() { cmd.Process.Kill() })
	t.Cleanup(func() {
		c.in.Close()
		for c.lines.Scan() {
		}
		kill.Stop()
		cmd.Wait()
	})
	return c
}

// line returns the next line of the child.
func (c *child) line() string {
	c.t.Helper()
	if !c.lines.Scan() {
		c.t.Fatalf("the child says nothing more: %v\n%s", c.lines.Err(), c.log)
	}
	return c.lines.Text()
}

// as runs a child as that user with that group and supplementary groups. Its program is copied to
// where everybody can get at it.
func as(t *testing.T, uid, gid uint32, groups ...uint32) func(*exec.Cmd) {
	t.Helper()
	if os.Geteuid() != 0 {
		missing(t, "root", "the right to start processes of other users")
	}
	public := directory(t)
	if err := os.Chmod(public, 0o755); err != nil {
		t.Fatal(err)
	}
	executable, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(executable)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(public, "test")
	if err := os.WriteFile(path, program, 0o755); err != nil {
		t.Fatal(err)
	}
	return func(cmd *exec.Cmd) {
		cmd.Path, cmd.Args[0], cmd.Dir = path, path, public
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: gid, Groups: groups}}
	}
}

// childBearer makes a call over TCP, from that address to that port and with that header, and prints
// the status.
func childBearer(args []string) error {
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(args[0])}}
	conn, err := dialer.Dial("tcp", args[1])
	if err != nil {
		return err
	}
	defer conn.Close()
	fmt.Fprintf(conn, "GET /2/0/models/M HTTP/1.1\r\nHost: %s\r\n%s\r\n\r\n", args[1], args[2])
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return err
	}
	fmt.Println(response.StatusCode)
	return response.Body.Close()
}

// childAsk makes requests, "METHOD TARGET" each, and prints the status and what the answer
// has in place of a token.
func childAsk(args []string) error {
	for _, request := range args[1:] {
		conn, err := net.Dial("unix", args[0])
		if err != nil {
			return err
		}
		fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", request)
		response, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			return err
		}
		body, err := io.ReadAll(response.Body)
		if err != nil {
			return err
		}
		conn.Close()
		fmt.Println(response.StatusCode, strings.TrimSpace(strings.ReplaceAll(string(body), "\n", " ")))
	}
	return nil
}

// childHerd connects many times, asks on each connection, reads all answers, and keeps the
// connections.
func childHerd(args []string) error {
	count, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	var conns []net.Conn
	for range count {
		conn, err := dialBusy(args[0])
		if err != nil {
			return err
		}
		if _, err := io.WriteString(conn, "GET /v1/token HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			return err
		}
		conns = append(conns, conn)
	}
	fmt.Println("asked")
	answers := map[int]int{}
	for _, conn := range conns {
		response, err := http.ReadResponse(bufio.NewReaderSize(conn, 512), nil)
		if err != nil {
			return err
		}
		answers[response.StatusCode]++
	}
	fmt.Println("answered", answers)
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// dialBusy tries again while too many wait to be accepted.
func dialBusy(socket string) (net.Conn, error) {
	for end := time.Now().Add(patience); ; {
		conn, err := net.Dial("unix", socket)
		if !errors.Is(err, syscall.EAGAIN) || time.Now().After(end) {
			return conn, err
		}
		<-time.After(time.Millisecond)
	}
}

// childHold keeps so many connections open on which it says nothing, and opens another one for each
// that is closed. It says so when the first are open.
func childHold(args []string) error {
	count, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	var opened sync.WaitGroup
	const first = 20
	opened.Add(first)
	for i := range count {
		go func() {
			tell := sync.OnceFunc(opened.Done)
			for {
				conn, err := dialBusy(args[0])
				if err != nil {
					return // it is over
				}
				if i < first {
					tell()
				}
				io.Copy(io.Discard, conn)
				conn.Close()
			}
		}()
	}
	opened.Wait()
	fmt.Println("holding")
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// childServe serves no profiles with so few open files, until its standard input ends.
func childServe(args []string) error {
	files, err := strconv.ParseUint(args[1], 10, 32)
	if err != nil {
		return err
	}
	listener, err := listen.On(args[0], listen.Options{Shared: true})
	if err != nil {
		return err
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: files, Max: files}); err != nil {
		return err
	}
	server := server.New(server.Config{
		Profiles: func() map[string]*server.Profile { return nil },
		Logger:   slog.New(slog.NewTextHandler(os.Stderr, nil)),
		Limits:   server.Limits{Connections: 1000},
	})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { err = server.Serve(ctx, listener) })
	fmt.Println("serving")
	io.Copy(io.Discard, os.Stdin)
	cancel()
	running.Wait()
	return err
}

// childPeek connects and prints its own user, then lives on.
func childPeek(args []string) error {
	conn, err := net.Dial("unix", args[0])
	if err != nil {
		return err
	}
	defer conn.Close()
	groups, err := os.Getgroups()
	if err != nil {
		return err
	}
	fmt.Println(os.Geteuid(), os.Getegid(), os.Getpid(), groups)
	_, err = bufio.NewReader(os.Stdin).ReadString('\n')
	if err == io.EOF {
		return nil
	}
	return err
}
