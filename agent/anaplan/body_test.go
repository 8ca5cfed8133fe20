package anaplan

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// loginOf returns a login whose secrets have those lengths.
func loginOf(format agent.Format, message, signature int) *agent.Login {
	secret := func(length int) agent.Secret {
		random := make([]byte, length)
		rand.Read(random)
		return agent.NewSecret(random)
	}
	return &agent.Login{Format: format, Message: secret(message), Signature: secret(signature)}
}

// TestPad looks at the bodies of all logins that there are: crypto/tls has room to encrypt
// them where it has put them.
func TestPad(t *testing.T) {
	for format, message := range map[agent.Format]int{agent.V1: 150, agent.V2: 100} {
		for bits := 2048; bits <= 8192; bits += 8 {
			login := loginOf(format, message, bits/8)
			bare, padded := newBody(login), newBody(login)
			padded.pad()
			if len(bare.text)+maxPadding != cap(bare.text) {
				t.Fatalf("%s, %d bits: it has %d bytes, and room for %d", format, bits, len(bare.text), cap(bare.text))
			}
			if !hasRoom(len(padded.text)) || string(bytes.TrimRight(padded.text, " ")) != string(bare.text) {
				t.Errorf("%s, %d bits: %d bytes became %d", format, bits, len(bare.text), len(padded.text))
			}
		}
	}
}

func TestBodyIsWiped(t *testing.T) {
	b := newBody(loginOf(agent.V2, 100, 256))
	s := &requestBody{body: b}
	if _, err := s.Read(make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	b.wipe()
	if n, err := s.Read(make([]byte, 10)); n != 0 || !errors.Is(err, errWiped) {
		t.Errorf("read %d bytes of what is over, %v", n, err)
	}
	if !isClear(b.text) || !isClear(b.message) || !isClear(b.signed) {
		t.Error("it is still there")
	}
}

func TestSending(t *testing.T) {
	s := &requestBody{body: newBody(loginOf(agent.V2, 100, 256))}
	first, err := io.ReadAll(s)
	if err != nil || !bytes.Equal(first, s.body.text) {
		t.Errorf("read %d bytes of %d, %v", len(first), len(s.body.text), err)
	}
	again, err := s.again()
	if err != nil {
		t.Fatal(err)
	}
	second := make([]byte, len(first))
	if _, err := io.ReadFull(again, second); err != nil || !bytes.Equal(first, second) {
		t.Errorf("the second time it is another body: %v", err)
	}
	s.takeBack()
	if !isClear(second) {
		t.Error("what was read is still there")
	}
}

// TestWhoTakesBack: what a transport of ours has read is overwritten when it has been sent, and that of
// others, who may share their memory, is left alone.
func TestWhoTakesBack(t *testing.T) {
	for _, isOurs := range []bool{true, false} {
		request, err := http.NewRequest(http.MethodPost, "https://auth.example/", nil)
		if err != nil {
			t.Fatal(err)
		}
		request = newBody(loginOf(agent.V2, 100, 256)).addTo(request, isOurs)
		copied := make([]byte, 100)
		if _, err := io.ReadFull(request.Body, copied); err != nil {
			t.Fatal(err)
		}
		if trace := httptrace.ContextClientTrace(request.Context()); trace != nil {
			trace.WroteRequest(httptrace.WroteRequestInfo{})
		}
		if isClear(copied) != isOurs {
			t.Errorf("ours %v: overwritten %v", isOurs, !isOurs)
		}
	}
}

func isClear(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }
