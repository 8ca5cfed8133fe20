package atomicfile

import (
	"bytes"
	"errors"
	"io"
	"os"
)

// spool keeps the content of a file that is written in place, until all of it is there: in
// memory, since it may be a secret; what is too long for that, in a file without a name.
type spool struct {
	memory []byte
	file   *os.File
	size   int64
}

// mostInMemory is more than any secret has.
const mostInMemory = 1 << 20

// Write implements io.Writer.
func (s *spool) Write(data []byte) (n int, err error) {
	if s.file == nil && s.size+int64(len(data)) > mostInMemory {
		if err := s.spill(); err != nil {
			return 0, err
		}
	}
	if s.file == nil {
		s.grow(len(data))
		n = len(data)
		s.memory = append(s.memory, data...)
	} else {
		n, err = s.file.Write(data)
	}
	s.size += int64(n)
	return n, err
}

// grow makes room, and leaves no copy behind.
func (s *spool) grow(more int) {
	if cap(s.memory)-len(s.memory) >= more {
		return
	}
	wider := make([]byte, len(s.memory), 2*len(s.memory)+more)
	copy(wider, s.memory)
	clear(s.memory)
	s.memory = wider
}

// spill goes on in a file.
func (s *spool) spill() (err error) {
	file, err := os.CreateTemp("", ".anaplan-agent-*")
	if err != nil {
		return err
	}
	// Where a file that is open cannot be removed, end does it.
	os.Remove(file.Name())
	if _, err := file.Write(s.memory); err != nil {
		return errors.Join(err, file.Close())
	}
	clear(s.memory)
	s.file = file
	return nil
}

// ReadAt implements io.ReaderAt.
func (s *spool) ReadAt(data []byte, offset int64) (int, error) {
	if s.file == nil {
		return bytes.NewReader(s.memory).ReadAt(data, offset)
	}
	return s.file.ReadAt(data, offset)
}

// end forgets the content.
func (s *spool) end() error {
	clear(s.memory)
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	os.Remove(s.file.Name())
	return err
}

var _ io.ReaderAt = (*spool)(nil)
