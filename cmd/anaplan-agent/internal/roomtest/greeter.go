package roomtest

import (
	"io"
	"net"
	"testing"
)

// Greeter returns the address, HOST:PORT, of a server that speaks first, as SSH's do, and says
// back what it is sent.
func Greeter(t testing.TB, words string) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for conn, err := listener.Accept(); err == nil; conn, err = listener.Accept() {
			go func() {
				defer conn.Close()
				io.WriteString(conn, words)
				io.Copy(conn, conn)
			}()
		}
	}()
	return listener.Addr().String()
}
