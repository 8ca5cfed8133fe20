package anaplan

import (
	"crypto/rand"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/memorytest"
)

// senderVariable makes TestSender do something: what it sends, and where.
const senderVariable = "ANAPLAN_AGENT_TEST_SENDER"

// TestSender is not a test but a program that sends so many random bytes over TLS,
// overwrites them, says so by one more, and waits until its standard input ends.
func TestSender(t *testing.T) {
	var address string
	var length int
	if _, err := fmt.Sscan(os.Getenv(senderVariable), &address, &length); err != nil {
		return
	}
	conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for range 3 {
		runtime.GC() // which takes crypto/tls's buffers away
	}
	text := make([]byte, length)
	rand.Read(text)
	conn.Write(text)
	clear(text)
	conn.Write([]byte("."))
	io.Copy(io.Discard, os.Stdin)
}

// TestWhatTLSLeavesBehind shows what pad is for: crypto/tls leaves a copy of a text behind for
// which there is no room, and none of one for which there is.
func TestWhatTLSLeavesBehind(t *testing.T) {
	cert, err := authority(t).ServerCertificate("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS13})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for format, message := range map[agent.Format]int{agent.V1: 150, agent.V2: 100} {
		for _, bits := range []int{2048, 3072, 4096} {
			bare, padded := newBody(loginOf(format, message, bits/8)), newBody(loginOf(format, message, bits/8))
			padded.pad()
			for _, length := range []int{len(bare.text), len(padded.text)} {
				if left := isLeftBehind(t, listener, length); left == hasRoom(length) {
					t.Errorf("%s, %d bits: %d bytes are left behind: %v; there is room: %v", format, bits, length, left, hasRoom(length))
				}
			}
		}
	}
}

// isLeftBehind has a sender send, and reports whether it still has what it has sent.
func isLeftBehind(t *testing.T, listener net.Listener, length int) bool {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestSender$")
	cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0", senderVariable+"="+listener.Addr().String()+" "+strconv.Itoa(length))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer stdin.Close()
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	text := make([]byte, length+1)
	if _, err := io.ReadFull(conn, text); err != nil {
		t.Fatal(err)
	}
	return memorytest.Of(t, cmd.Process.Pid).Find(map[string][]byte{"the middle": text[length/2 : length/2+32]})["the middle"]
}
