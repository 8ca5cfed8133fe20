package pin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/subprocess"
)

// commandPIN takes what a program prints. No shell is in between, so that nothing
// in the setting is expanded. What the program says on standard error is for the
// person and passes through.
func commandPIN(ctx context.Context, line string) ([]byte, error) {
	words, err := config.Words(line)
	if err != nil {
		return nil, err
	}
	output := NewBuffer()
	command := exec.CommandContext(ctx, words[0], words[1:]...)
	command.Stdout, command.Stderr = output, os.Stderr
	command.WaitDelay = subprocess.OutputDelay
	if err = subprocess.StartSealed(command); err == nil {
		err = command.Wait()
	}
	switch {
	case output.full: // before the error of the program, which has died of it
		return nil, fmt.Errorf("%w: %w", ErrSource, console.TooLong(words[0]))
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case errors.Is(err, exec.ErrWaitDelay): // the program itself has ended well
		err = nil
	}
	if err != nil {
		clear(output.data)
		return nil, fmt.Errorf("%w: %s: %w", ErrSource, words[0], err)
	}
	return output.data, nil
}

// NewBuffer returns an empty Buffer.
func NewBuffer() *Buffer { return &Buffer{data: make([]byte, 0, console.MaxSecret)} }

// Full reports whether there was more than a PIN can have.
func (b *Buffer) Full() bool { return b.full }

// Bytes returns what was taken.
func (b *Buffer) Bytes() []byte { return b.data }

// Buffer takes what is short enough for a PIN, and fails at more, which ends a
// program that prints for ever.
type Buffer struct {
	data []byte
	full bool
}

// Write implements io.Writer.
func (b *Buffer) Write(text []byte) (int, error) {
	if len(b.data)+len(text) > console.MaxSecret {
		clear(b.data)
		b.full = true
		return 0, ErrSource
	}
	b.data = append(b.data, text...)
	return len(text), nil
}
