package pivtest

import (
	"bytes"
	"io"
	"net"
	"testing"
)

// tcpPair returns both ends of a connection.
func tcpPair(t *testing.T) (vpcd net.Conn, card *net.TCPConn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	vpcd, err = listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { vpcd.Close() })
	return vpcd, conn.(*net.TCPConn)
}

// Frames come in pieces, several at once, and some want no answer.
func TestFramesInPieces(t *testing.T) {
	t.Parallel()
	vpcd, conn := tcpPair(t)
	ended := make(chan error, 1)
	go func() { ended <- serveICC(conn, &echo{}) }()
	for _, piece := range []string{"\x00", "\x01\x01", "\x00\x01\x02\x00\x01\x00\x00\x01\x04", "\x00\x04\x00", "\xA4\x04\x00\x00\x01\x7F"} {
		if _, err := vpcd.Write([]byte(piece)); err != nil {
			t.Fatal(err)
		}
	}
	want := []byte("\x00\x04\x3B\x80\x01\x81" + "\x00\x06\x00\xA4\x04\x00\x90\x00")
	got := make([]byte, len(want))
	if _, err := io.ReadFull(vpcd, got); err != nil || !bytes.Equal(got, want) {
		t.Errorf("answers % X, %v\nwant    % X", got, err, want)
	}
	// In the middle of a frame.
	vpcd.Write([]byte{0x00})
	vpcd.Close()
	if err := <-ended; err == nil {
		t.Error("no error after the connection ended")
	}
}

// endless is a card whose answers are longer than vpcd's frames.
type endless struct{ echo }

func (*endless) Transmit([]byte) []byte { return make([]byte, 0x10000) }

func TestAnswerTooLong(t *testing.T) {
	t.Parallel()
	vpcd, conn := tcpPair(t)
	if _, err := vpcd.Write([]byte("\x00\x04\x00\xA4\x04\x00")); err != nil {
		t.Fatal(err)
	}
	const want = "an answer of 65536 bytes does not fit vpcd's frame"
	if err := serveICC(conn, &endless{}); err == nil || err.Error() != want {
		t.Errorf("error %v, want %q", err, want)
	}
}
