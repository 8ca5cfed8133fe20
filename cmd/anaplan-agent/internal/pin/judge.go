package pin

import (
	"bytes"
	"errors"
	"fmt"
	"unicode"
	"unicode/utf8"

	"github.com/anaplan-agent/anaplan-agent/agent/textfile"
)

// ErrNotAPIN says that what a place gave cannot be a PIN. It is not sent: the device would count it
// as a wrong one.
var ErrNotAPIN = errors.New("this is not a PIN")

// MistakeError is ErrNotAPIN with what is wrong. It tells nothing of the text itself.
type MistakeError struct {
	Place   string // where the text came from, in words
	Problem string // "has more than one line"
	Do      string // what to do about it
}

func (e *MistakeError) Error() string {
	return fmt.Sprintf("what comes from %s %s, so it is not used", e.Place, e.Problem)
}

// Is reports whether target is ErrNotAPIN.
func (e *MistakeError) Is(target error) bool { return target == ErrNotAPIN }

// terminal is the place of what a person types.
const terminal = "the terminal"

// What to do about a text that cannot be a PIN.
const (
	doPlain = "save it as plain text, and nothing else: printf %s PIN > FILE"
	doAlone = "leave one line there and nothing else"
)

// Judge returns the PIN, password or key in a text, without the line end of an editor or of echo;
// or a *MistakeError if there cannot be one. place says where the text comes from. All texts that
// may be secret pass through it. The caller overwrites the text.
func Judge(text []byte, place string) ([]byte, error) {
	secret := bytes.TrimRight(text, "\r\n")
	if problem, do := mistake(secret); problem != "" {
		if place == terminal {
			do = "type it again"
		}
		return nil, &MistakeError{Place: place, Problem: problem, Do: do}
	}
	return secret, nil
}

// mistake says what is wrong with a text; "" for nothing.
func mistake(text []byte) (problem, do string) {
	if textfile.HasMark(text) {
		return "begins with a byte order mark, as editors on Windows write", doPlain
	}
	first, _ := utf8.DecodeRune(text)
	last, _ := utf8.DecodeLastRune(text)
	switch {
	case len(text) == 0:
		return "is empty", "put it there; an empty one would cost a try"
	case bytes.ContainsAny(text, "\r\n"):
		return "has more than one line", doAlone
	case bytes.IndexByte(text, 0) >= 0:
		return "holds a NUL byte, as UTF-16 does", doPlain
	case bytes.ContainsFunc(text, unicode.IsControl):
		return "holds a control character, as of an arrow key or a tab", doPlain
	case isBlank(first) || isBlank(last):
		return "begins or ends with a blank", "write it again without: printf %s PIN > FILE"
	}
	return "", ""
}

// isBlank reports whether a character is invisible at the end of a text: blanks of all kinds, and
// those without a width, which come with text copied from web pages.
func isBlank(r rune) bool {
	return unicode.IsSpace(r) || unicode.Is(unicode.Cf, r)
}
