package pivtest

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"syscall"
)

// ICC is what a reader can take in: a card as ISO 7816-3 sees it. *Card is one; a
// card of another kind is three methods.
type ICC interface {
	// ATR returns the answer to reset. It must offer T=1, which is what vpcd speaks.
	ATR() []byte

	// PowerUp makes the card forget what it keeps without power. A reset is one too.
	PowerUp()

	// Transmit answers a command. While it does not return, the card is frozen. It
	// is not called again before it has returned.
	Transmit(command []byte) (response []byte)
}

// What vpcd sends with a length of one byte (vpicc, the virtual smart card
// architecture's protocol). Anything longer is an APDU.
const (
	vpcdPowerOff = 0x00
	vpcdPowerOn  = 0x01
	vpcdReset    = 0x02
	vpcdATR      = 0x04
)

// serveICC answers vpcd on conn in a card's name, until the connection ends: a card
// that is pulled, or a pcscd that is gone.
//
// Nothing is read while the card is at work. vpcd asks for nothing then either: it
// waits for the answer, and its reader with it, so that pcscd takes a card that is
// frozen for one that works on. Only pulling it ends the wait.
func serveICC(conn *net.TCPConn, card ICC) error {
	for {
		frame, err := readFrame(conn)
		if err != nil {
			return err
		}
		answer, ok := answerFrame(card, frame)
		if !ok {
			continue
		}
		if err := writeFrame(conn, answer); err != nil {
			return err
		}
	}
}

// answerFrame does what a frame asks for. Power and reset have no answer.
func answerFrame(card ICC, frame []byte) (answer []byte, ok bool) {
	if len(frame) != 1 {
		return card.Transmit(frame), true
	}
	switch frame[0] {
	case vpcdPowerOff, vpcdPowerOn, vpcdReset:
		card.PowerUp()
		return nil, false
	case vpcdATR:
		return card.ATR(), true
	}
	return nil, false
}

// readFrame reads a 16-bit length and as many bytes.
func readFrame(conn *net.TCPConn) ([]byte, error) {
	if err := acknowledgeAtOnce(conn); err != nil {
		return nil, err
	}
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return nil, err
	}
	if err := acknowledgeAtOnce(conn); err != nil {
		return nil, err
	}
	frame := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err := io.ReadFull(conn, frame)
	return frame, err
}

// acknowledgeAtOnce asks for no delayed acknowledgement of what comes next: vpcd
// sends length and frame apart, with Nagle's algorithm on, and would hold the frame
// back for 40 ms. The kernel forgets the wish (tcp(7)), so it is for each read.
func acknowledgeAtOnce(conn *net.TCPConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	var failure error
	err = raw.Control(func(fd uintptr) {
		failure = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, syscall.TCP_QUICKACK, 1)
	})
	if err == nil {
		err = failure
	}
	return err
}

// writeFrame writes length and bytes in one segment.
func writeFrame(conn *net.TCPConn, answer []byte) error {
	// Longer than any answer to an extended APDU: 65,536 bytes and a status word do
	// not fit vpcd's length.
	if len(answer) > 0xFFFF {
		return fmt.Errorf("an answer of %d bytes does not fit vpcd's frame", len(answer))
	}
	frame := binary.BigEndian.AppendUint16(nil, uint16(len(answer)))
	_, err := conn.Write(append(frame, answer...))
	return err
}

// breakOff ends a connection in the middle of what it is at. After a plain end vpcd
// reports a command that waits for its answer as done, with an answer of no bytes,
// which no reader does; a connection that is reset within a frame it takes for the
// failure that it is.
func breakOff(conn *net.TCPConn) {
	// Where these fail the connection has ended already.
	conn.Write([]byte{0xFF, 0xFF})
	conn.SetLinger(0)
	conn.Close()
}
