package signer

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/frame"
)

// FuzzPayload: what is taken for a login, a problem or a notice is the same when it is sent on.
func FuzzPayload(f *testing.F) {
	login, err := encodeLogin(testLogin(f, agent.V2))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(login)
	f.Add(login[:len(login)-1])
	f.Add([]byte(`{"code":"pin_refused","message":"wrong","final":true,"wait_seconds":-1,"hints":["x"]}`))
	f.Add([]byte(`{"kind":"touch","message":"touch it"}`))
	f.Add([]byte("\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		if login, err := decodeLogin(payload); err == nil {
			again, err := encodeLogin(login)
			if err != nil || !bytes.Equal(again, payload) {
				t.Errorf("the login has become %q, %v", again, err)
			}
		}
		if problem, err := decodeProblem(payload); err == nil {
			again, err := encodeProblem(problem)
			if err != nil {
				t.Fatal(err)
			}
			if problem, err = decodeProblem(again); err != nil || problem.Code == "" || problem.Message == "" {
				t.Errorf("the problem has become %q, %v", again, err)
			}
		}
		if notice, err := decodeNotice(payload); err == nil && notice.Kind == "" {
			t.Errorf("%q is a notice of no kind", payload)
		}
	})
}

// FuzzRemarks: however a child says it, in which pieces ever, no line has the PIN in it, and what
// is kept has a bound.
func FuzzRemarks(f *testing.F) {
	f.Add("C_Login(123456)\nfailed", "123456", 5)
	f.Add(strings.Repeat("C_Login(123456)\r\n", 1000), "123456", 100)
	f.Add("1231234564567\x00\xff123456", "123456", 1)
	f.Add("SIGSEGV: segmentation violation\nPC=0x7f m=0 sigcode=1\nsignal arrived during cgo execution\n", "", 1000)
	f.Add(strings.Repeat("x", maxRemarks-3)+"123456", "123456", 1000)
	f.Fuzz(func(t *testing.T, text, pin string, piece int) {
		if piece < 1 || len(pin) < 4 || strings.ContainsAny(pin, "\r\n[]") || strings.Contains("[redacted]", pin) {
			piece, pin = max(piece, 1), "1234"
		}
		r := new(remarks)
		for rest := text; rest != ""; {
			n := min(piece, len(rest))
			r.Write([]byte(rest[:n]))
			rest = rest[n:]
		}
		if len(r.text) > maxRemarks || len(r.text)+r.dropped != len(text) {
			t.Errorf("%d bytes are kept and %d dropped, of %d", len(r.text), r.dropped, len(text))
		}
		if signal := r.crash(); strings.ContainsAny(signal, "\r\n") {
			t.Errorf("the signal is %q", signal)
		}
		lines, _ := logged(t, text, pin)
		for _, line := range lines {
			if strings.Contains(line, pin) && !strings.Contains(strings.ToValidUTF8(pin, "\ufffd"), "\ufffd") {
				t.Errorf("a line has the PIN %q in it: %q", pin, line)
			}
		}
	})
}

// FuzzMemory: what a child has the parent remember is JSON.
func FuzzMemory(f *testing.F) {
	f.Add([]byte(`{"name":"a.json","note":{"state":"refused"}}`))
	f.Add([]byte(`{`))
	f.Fuzz(func(t *testing.T, payload []byte) {
		talk := &talk{remember: func(text json.RawMessage) {
			if !json.Valid(text) || !bytes.Equal(text, payload) {
				t.Errorf("%q is remembered as %q", payload, text)
			}
		}}
		talk.take(message{frame.Frame{Kind: kindMemory, Payload: payload}, nil})
		if talk.login != nil || talk.problem != nil && json.Valid(payload) {
			t.Errorf("it has become %+v", talk.problem)
		}
	})
}
