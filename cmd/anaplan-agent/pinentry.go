package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"strings"
)

// errCancelled is returned when the person closes the pinentry window.
var errCancelled = errors.New("cancelled in pinentry")

// pinentryCancelled is GnuPG's GPG_ERR_CANCELED in the low 16 bits of the code
// of an ERR line (libgpg-error, err-codes.h.in).
const pinentryCancelled = 99

// maxPinentryLine bounds a line of the Assuan protocol, which says 1000 bytes.
const maxPinentryLine = 4096

// runPinentry asks for a PIN in the window (or on the terminal) of pinentry, the
// program by which GnuPG asks, over the Assuan protocol.
func runPinentry(ctx context.Context, program, description string) ([]byte, error) {
	command := exec.CommandContext(ctx, program)
	command.Stderr = os.Stderr
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := startSealed(command); err != nil {
		return nil, fmt.Errorf("%w: starting pinentry: %w", errPINSource, err)
	}
	pin, err := (&assuan{out: stdin, in: bufio.NewReaderSize(stdout, maxPinentryLine)}).getPIN(description)
	stdin.Close()
	if waitErr := command.Wait(); err == nil && waitErr != nil {
		clear(pin)
		return nil, fmt.Errorf("pinentry: %w", waitErr)
	}
	return pin, err
}

// assuan is the client's side of a conversation with pinentry.
type assuan struct {
	out io.Writer
	in  *bufio.Reader
}

// getPIN holds the conversation. The options are hints that a pinentry may not
// know.
func (a *assuan) getPIN(description string) ([]byte, error) {
	if _, err := a.answer(); err != nil { // the greeting
		return nil, err
	}
	for _, option := range []string{"OPTION ttyname=/dev/tty", "OPTION ttytype=" + os.Getenv("TERM")} {
		if _, err := a.ask(option); err != nil && !errors.As(err, new(assuanError)) {
			return nil, err
		}
	}
	for _, command := range []string{"SETTITLE " + program, "SETDESC " + assuanEscape(description), "SETPROMPT PIN:"} {
		if _, err := a.ask(command); err != nil {
			return nil, err
		}
	}
	pin, err := a.ask("GETPIN")
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(a.out, "BYE")
	return pin, nil
}

// ask sends a command and returns the data of the answer.
func (a *assuan) ask(command string) ([]byte, error) {
	if _, err := fmt.Fprintln(a.out, command); err != nil {
		return nil, fmt.Errorf("pinentry: %w", err)
	}
	return a.answer()
}

// answer reads lines up to OK or ERR. No line gets into an error: a D line is
// the PIN.
func (a *assuan) answer() ([]byte, error) {
	var data []byte
	for {
		line, err := a.in.ReadSlice('\n')
		if err != nil {
			return nil, fmt.Errorf("pinentry ended early: %w", err)
		}
		word, rest, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(" "))
		switch string(word) {
		case "OK":
			return data, nil
		case "D":
			data = append(data, assuanUnescape(rest)...)
			clear(line)
		case "ERR":
			return nil, newAssuanError(rest)
		}
	}
}

// assuanError is an ERR line.
type assuanError struct {
	code int
	text string
}

// Error implements error.
func (e assuanError) Error() string { return fmt.Sprintf("pinentry: %s (%d)", e.text, e.code) }

func newAssuanError(line []byte) error {
	var code int
	_, text, _ := strings.Cut(string(line), " ")
	fmt.Sscanf(string(line), "%d", &code)
	if code&0xffff == pinentryCancelled {
		return errCancelled
	}
	return assuanError{code, text}
}

// assuanEscape encodes what would end the line.
func assuanEscape(text string) string {
	return strings.NewReplacer("%", "%25", "\n", "%0A", "\r", "%0D").Replace(text)
}

// assuanUnescape decodes %XX; what is no escape stays as it is.
func assuanUnescape(data []byte) []byte {
	if plain, err := url.PathUnescape(string(data)); err == nil {
		return []byte(plain)
	}
	return bytes.Clone(data)
}
