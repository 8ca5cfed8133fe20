package pin

// The client's side of the Assuan protocol, as far as pinentry needs it (GnuPG, "The
// Assuan protocol", client and server sections). Answers are foreign bytes, for
// anything can be named as pinentry.

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/subprocess"
)

// errCancelled is returned when the person closes the pinentry window, which is not a failure to
// investigate.
var errCancelled = errors.New("cancelled in pinentry")

// pinentryCancelled is GnuPG's GPG_ERR_CANCELED in the low 16 bits of the code
// of an ERR line (libgpg-error, err-codes.h.in).
const pinentryCancelled = 99

// maxPinentryLine bounds a line of the Assuan protocol, which says 1000 bytes.
const maxPinentryLine = 4096

// runPinentry asks for a PIN in the window (or on the terminal) of pinentry, the
// program by which GnuPG asks, over the Assuan protocol. A program that speaks it
// badly is ended, so that it cannot keep the command waiting.
func runPinentry(ctx context.Context, program, description string) ([]byte, error) {
	ctx, end := context.WithCancel(ctx)
	defer end()
	command := exec.CommandContext(ctx, program)
	command.Stderr = os.Stderr // "cannot open display" is for the person
	stdin, err := command.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := subprocess.Check(command); err != nil {
		return nil, fmt.Errorf("%w: pinentry: %w", ErrSource, err)
	}
	if err := subprocess.StartSealed(command); err != nil {
		return nil, fmt.Errorf("%w: starting pinentry: %w", ErrSource, err)
	}
	// No time limit inside: a person answers, or closes the window.
	pin, err := (&assuan{out: stdin, in: bufio.NewReaderSize(stdout, maxPinentryLine)}).getPIN(description)
	stdin.Close() // by which pinentry knows to end
	if err != nil {
		end()
	}
	if waitErr := command.Wait(); err == nil && waitErr != nil {
		clear(pin)
		return nil, fmt.Errorf("%w: pinentry: %w", ErrSource, waitErr)
	}
	return pin, err
}

// assuan is the client's side of a conversation with pinentry. in must be buffered
// by maxPinentryLine: a longer line is an error, and not more memory.
type assuan struct {
	out io.Writer
	in  *bufio.Reader
}

// getPIN holds the conversation: greeting, options, what to show, the question. All before the
// question may be refused, for there are pinentries that know nothing else. ttyname and ttytype
// let the one for terminals find ours, since its standard input and output are our pipes.
func (a *assuan) getPIN(description string) ([]byte, error) {
	if _, err := a.answer(); err != nil { // the greeting
		return nil, err
	}
	for _, command := range []string{
		"OPTION ttyname=/dev/tty", "OPTION ttytype=" + os.Getenv("TERM"),
		"SETTITLE " + build.Program, "SETDESC " + assuanEscape(description), "SETPROMPT PIN:",
	} {
		if _, err := a.ask(command); err != nil && !errors.As(err, new(assuanError)) {
			return nil, err
		}
	}
	// Its answer has a D line with the PIN, and none at all for an empty one.
	pin, err := a.ask("GETPIN")
	if err != nil {
		return nil, err
	}
	fmt.Fprintln(a.out, "BYE") // for politeness: it ends with its input too
	return pin, nil
}

// ask sends a command and returns the data of the answer.
func (a *assuan) ask(command string) ([]byte, error) {
	if _, err := fmt.Fprintln(a.out, command); err != nil {
		return nil, fmt.Errorf("%w: pinentry: %w", ErrSource, err)
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
			clear(data)
			return nil, fmt.Errorf("%w: pinentry ended early: %w", ErrSource, err)
		}
		word, rest, _ := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(" "))
		switch string(word) {
		case "OK":
			return data, nil
		case "D":
			data = append(data, assuanUnescape(rest)...)
			clear(line)
		case "ERR":
			clear(data)
			return nil, newAssuanError(rest)
		case "S": // status, of no interest here
		default:
			if !bytes.HasPrefix(line, []byte("#")) { // a comment
				clear(line)
				return nil, fmt.Errorf("%w: the program does not speak pinentry's protocol", ErrSource)
			}
		}
	}
}

// assuanError is an ERR line. It is not an ErrSource by itself: to all but the question it
// only says that this pinentry does not know the command.
type assuanError struct {
	code int
	text string
}

func (e assuanError) Error() string {
	if e.code == 0 {
		return "pinentry: " + e.text
	}
	return fmt.Sprintf("pinentry: %s (%d)", e.text, e.code)
}

// newAssuanError reads what stands behind ERR: a number and, maybe, words. Some have words only.
func newAssuanError(line []byte) error {
	number, text, _ := strings.Cut(string(line), " ")
	code, err := strconv.Atoi(number)
	if err != nil {
		text = string(line)
	}
	if code&0xffff == pinentryCancelled {
		return errCancelled
	}
	return assuanError{code, text}
}

// assuanEscape encodes what would end the line, and the escape sign itself. A token's
// label in it could else send pinentry commands of its own.
func assuanEscape(text string) string {
	return strings.NewReplacer("%", "%25", "\n", "%0A", "\r", "%0D").Replace(text)
}

// assuanUnescape decodes %XX where it stands, so that no copy of a PIN is left
// behind; anything else stays as it is.
func assuanUnescape(data []byte) []byte {
	plain := data[:0]
	for i := 0; i < len(data); i++ {
		if data[i] == '%' && i+2 < len(data) {
			if _, err := hex.Decode(data[i:i+1], data[i+1:i+3]); err == nil {
				plain = append(plain, data[i])
				i += 2
				continue
			}
		}
		plain = append(plain, data[i])
	}
	return plain
}
