package tunnel

import (
	"io"
	"net"
	"sync"
)

// Join passes on what comes on each of two connections to the other, until both have ended or one
// fails, and closes them. An end in one direction is passed on, too, and the other direction goes on.
// touch is told whenever something has passed, by two goroutines; closing a connection ends Join. It
// returns how many bytes went from a to b, and from b to a.
func Join(a, b net.Conn, touch func()) (sent, received int64) {
	end := sync.OnceFunc(func() { a.Close(); b.Close() })
	defer end()
	var back sync.WaitGroup
	back.Go(func() { received = pass(a, b, touch, end) })
	sent = pass(b, a, touch, end)
	back.Wait()
	return sent, received
}

// pieceBytes is how much is passed on at once.
const pieceBytes = 32 << 10

// pass passes on in one direction, and ends both if that fails.
func pass(to, from net.Conn, touch, end func()) (passed int64) {
	piece := make([]byte, pieceBytes)
	defer clear(piece)
	for {
		n, err := from.Read(piece)
		if n > 0 {
			touch()
			written, failed := to.Write(piece[:n])
			passed += int64(written)
			if failed != nil {
				end()
				return passed
			}
		}
		if err == io.EOF && closeWrite(to) == nil {
			return passed
		}
		if err != nil {
			end()
			return passed
		}
	}
}

// closeWrite tells the other end that no more comes. It is an error where that cannot be told.
func closeWrite(conn net.Conn) error {
	half, ok := conn.(interface{ CloseWrite() error })
	if !ok {
		return net.ErrClosed
	}
	return half.CloseWrite()
}
