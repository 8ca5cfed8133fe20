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
	pin, err := RunProgram(ctx, words, func(command *exec.Cmd) { command.Stderr = os.Stderr })
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSource, err)
	}
	return pin, nil
}

// RunProgram returns what a program prints, which the caller overwrites. prepare sets what else
// is to be set before it starts. The errors name the program, and hold nothing that it printed.
func RunProgram(ctx context.Context, words []string, prepare func(*exec.Cmd)) ([]byte, error) {
	output := &buffer{data: make([]byte, 0, console.MaxSecret)}
	command := exec.CommandContext(ctx, words[0], words[1:]...)
	command.Stdout, command.WaitDelay = output, subprocess.OutputDelay
	prepare(command)
	err := subprocess.Check(command)
	if err == nil {
		err = subprocess.StartSealed(command)
	}
	if err == nil {
		err = command.Wait()
	}
	switch {
	case output.full: // before the error of the program, which has died of it
		return nil, console.TooLong(words[0])
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	case errors.Is(err, exec.ErrWaitDelay): // the program itself has ended well
		err = nil
	}
	if err != nil {
		clear(output.data)
		return nil, fmt.Errorf("%s: %w", words[0], err)
	}
	return output.data, nil
}

// buffer takes what is short enough for a PIN, and fails at more, which ends a
// program that prints for ever.
type buffer struct {
	data []byte
	full bool
}

// Write implements io.Writer.
func (b *buffer) Write(text []byte) (int, error) {
	if len(b.data)+len(text) > console.MaxSecret {
		clear(b.data)
		b.full = true
		return 0, ErrSource
	}
	b.data = append(b.data, text...)
	return len(text), nil
}
