package signer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// kind is the type of a frame. Text that strays into the pipe is not one of them.
type kind byte

const (
	kindOrder   kind = 1 // to the child: an Order as JSON, without its PIN
	kindPIN     kind = 2 // to the child, after an order that says so: the PIN as it is
	kindNotice  kind = 3 // from the child, any number: an agent.Notice as JSON
	kindLogin   kind = 4 // from the child, its result: see encodeLogin
	kindProblem kind = 5 // from the child, its result: an agent.Problem as JSON
	kindMemory  kind = 6 // from the child, any number: what the parent shall remember, as JSON
)

const (
	headerLength = 5        // the kind and four bytes of length, big-endian
	maxPayload   = 64 << 10 // what needs more is not an order or a result
)

// Errors of frames. Of the end of a pipe, io.EOF and io.ErrUnexpectedEOF tell.
var (
	errGarbage  = errors.New("not a frame of this protocol")
	errTooLarge = fmt.Errorf("more than %d bytes", maxPayload)
)

// frame is one message on a pipe.
type frame struct {
	kind    kind
	payload []byte
}

// readFrame reads one frame of the kinds that may come. There is no buffer in between,
// in which a PIN or a login would stay.
func readFrame(r io.Reader, expected ...kind) (frame, error) {
	var header [headerLength]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return frame{}, err
	}
	f := frame{kind: kind(header[0])}
	if !slices.Contains(expected, f.kind) {
		return frame{}, fmt.Errorf("%w: type %d", errGarbage, f.kind)
	}
	length := binary.BigEndian.Uint32(header[1:])
	if length > maxPayload { // before there is memory for it
		return frame{}, fmt.Errorf("%w: %d bytes, %w", errGarbage, length, errTooLarge)
	}
	f.payload = make([]byte, length)
	if _, err := io.ReadFull(r, f.payload); err != nil {
		clear(f.payload)
		return frame{}, fmt.Errorf("in the middle of a frame: %w", err)
	}
	return f, nil
}

// writeFrame writes one frame in one piece, so that a dying writer seldom leaves half of one.
func writeFrame(w io.Writer, kind kind, payload []byte) error {
	if len(payload) > maxPayload {
		return errTooLarge
	}
	buffer := make([]byte, 0, headerLength+len(payload))
	buffer = append(buffer, byte(kind))
	buffer = binary.BigEndian.AppendUint32(buffer, uint32(len(payload)))
	buffer = append(buffer, payload...)
	defer clear(buffer)
	_, err := w.Write(buffer)
	return err
}
