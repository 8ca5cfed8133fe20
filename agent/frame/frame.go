// Package frame is how a process of this program talks with a child of its own: messages on standard
// input and output, each of a kind and of a bounded length. TakePipes keeps what libraries print from
// coming between them. Package signer uses it for logins, and commands that look at a device in a
// process apart do.
package frame

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
)

// Kind is the type of a frame. Text that strays into the pipe has none of those that are expected, if
// they are below the blank.
type Kind byte

// headerLength is the kind and four bytes of length, big-endian.
const headerLength = 5

// Errors of frames. Of the end of a pipe, io.EOF and io.ErrUnexpectedEOF tell.
var (
	// ErrGarbage: what came is not a frame, or not of a kind that may come.
	ErrGarbage = errors.New("not a frame of this protocol")
	// ErrTooLarge: a frame is larger than it may be. One that was read is garbage, too.
	ErrTooLarge = errors.New("too large")
)

// Frame is one message on a pipe.
type Frame struct {
	Kind    Kind
	Payload []byte
}

// Read reads one frame of the kinds that may come, with at most so many bytes in it. There is no buffer
// in between, in which a PIN or a login would stay.
func Read(r io.Reader, most int, expected ...Kind) (Frame, error) {
	var header [headerLength]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return Frame{}, err
	}
	f := Frame{Kind: Kind(header[0])}
	if !slices.Contains(expected, f.Kind) {
		return Frame{}, fmt.Errorf("%w: type %d", ErrGarbage, f.Kind)
	}
	length := binary.BigEndian.Uint32(header[1:])
	if uint64(length) > uint64(most) { // before there is memory for it
		return Frame{}, fmt.Errorf("%w: %w: %d bytes, more than %d bytes", ErrGarbage, ErrTooLarge, length, most)
	}
	f.Payload = make([]byte, length)
	if _, err := io.ReadFull(r, f.Payload); err != nil {
		clear(f.Payload)
		return Frame{}, fmt.Errorf("in the middle of a frame: %w", err)
	}
	return f, nil
}

// Write writes one frame in one piece, so that a dying writer seldom leaves half of one. No copy of the
// payload stays.
func Write(w io.Writer, most int, kind Kind, payload []byte) error {
	if len(payload) > most {
		return fmt.Errorf("%w: %d bytes, more than %d bytes", ErrTooLarge, len(payload), most)
	}
	buffer := make([]byte, 0, headerLength+len(payload))
	buffer = append(buffer, byte(kind))
	buffer = binary.BigEndian.AppendUint32(buffer, uint32(len(payload)))
	buffer = append(buffer, payload...)
	defer clear(buffer)
	_, err := w.Write(buffer)
	return err
}
