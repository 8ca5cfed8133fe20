package pin

import (
	"bufio"
	"errors"
	"io"
	"strings"
	"testing"
)

// converse has getPIN talk to a pinentry that answers those lines, one a command.
func converse(answers string) (pin []byte, asked string, err error) {
	var out strings.Builder
	a := &assuan{out: &out, in: bufio.NewReaderSize(strings.NewReader(answers), maxPinentryLine)}
	pin, err = a.getPIN("50% of\nit")
	return pin, out.String(), err
}

func TestGetPIN(t *testing.T) {
	tests := []struct{ name, answers, pin string }{
		{"plain", "OK hi\nOK\nOK\nOK\nOK\nOK\nD 1234\nOK\n", "1234"},
		{"escaped", "OK\nOK\nOK\nOK\nOK\nOK\nD 1%2534\nOK\n", "1%34"},
		{"unknown options", "OK\nERR 83886254 Unknown option <Pinentry>\nERR 83886254 Unknown option\nOK\nOK\nOK\nD 1234\nOK\n", "1234"},
		{"nothing but the question", "OK\nERR Unknown\nERR 1\nERR\nERR 83886355 Unknown command\nERR 536871187\nD 1234\nOK\n", "1234"},
		{"status and comment lines", "# hello\nOK\nOK\nOK\nOK\nOK\nOK\nS PASSWORD_FROM_CACHE\nD 12\nD 34\nOK\n", "1234"},
		{"no escapes", "OK\nOK\nOK\nOK\nOK\nOK\nD 100%\nD 5%zz%4\nOK\n", "100%5%zz%4"},
		{"empty", "OK\nOK\nOK\nOK\nOK\nOK\nOK\n", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			pin, asked, err := converse(test.answers)
			if err != nil || string(pin) != test.pin {
				t.Errorf("got %q, %v; want %q", pin, err, test.pin)
			}
			if want := "SETDESC 50%25 of%0Ait\n"; !strings.Contains(asked, want) {
				t.Errorf("asked %q, want %q in it", asked, want)
			}
		})
	}
}

func TestGetPINFails(t *testing.T) {
	if _, _, err := converse("OK\nOK\nOK\nOK\nOK\nOK\nERR 83886179 Operation cancelled <Pinentry>\n"); !errors.Is(err, errCancelled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, _, err := converse("ERR 1 broken\n"); err == nil || err.Error() != "pinentry: broken (1)" {
		t.Errorf("refused: %v", err)
	}
	if _, _, err := converse("OK\nOK\nOK\nOK\nOK\nOK\nERR No display\n"); err == nil || err.Error() != "pinentry: No display" {
		t.Errorf("refused in words: %v", err)
	}
	if _, _, err := converse("OK\nOK\n"); !errors.Is(err, io.EOF) {
		t.Errorf("ended: %v", err)
	}
	if _, _, err := converse("OK\nOK\nOK\nOK\nOK\nOK\nD " + strings.Repeat("9", 2*maxPinentryLine)); err == nil || strings.Contains(err.Error(), "9") {
		t.Errorf("endless: %v", err)
	}
}

// A program that is not a pinentry is told from one that waits for a person.
func TestNoPinentry(t *testing.T) {
	for _, answers := range []string{"y\n", "\n", "Python 3.13\n", "OK\nok\n"} {
		if _, _, err := converse(answers); !errors.Is(err, ErrSource) || !strings.Contains(err.Error(), "does not speak pinentry's protocol") {
			t.Errorf("%q: %v", answers, err)
		}
	}
}

func TestRunPinentryEnds(t *testing.T) {
	for program, want := range map[string]string{"yes": "does not speak", "false": "ended early", "/nowhere/pinentry": "starting pinentry"} {
		if pin, err := runPinentry(t.Context(), program, "PIN"); pin != nil || !errors.Is(err, ErrSource) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", program, err, want)
		}
	}
}

func FuzzGetPIN(f *testing.F) {
	f.Add("OK\nOK\nOK\nOK\nOK\nOK\nD 1234\nOK\n")
	f.Add("ERR 83886179\n")
	f.Fuzz(func(t *testing.T, answers string) {
		if pin, _, err := converse(answers); err != nil && pin != nil {
			t.Errorf("a PIN beside the error %v", err)
		}
	})
}
