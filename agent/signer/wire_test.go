package signer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/frame"
	"github.com/google/go-cmp/cmp"
)

func TestOrderRoundTrip(t *testing.T) {
	orders := map[string]Order{
		"all":                      {Settings: json.RawMessage(`{"key":"piv:"}`), PIN: []byte("12\x00\xff"), Attended: true, Timeout: time.Second, PersonTimeout: time.Minute, Device: "a device"},
		"an empty PIN is not none": {Settings: json.RawMessage(`null`), PIN: []byte{}},
		"no PIN":                   {Settings: json.RawMessage(`1`)},
	}
	for name, order := range orders {
		payload, err := encodeOrder(order)
		if err != nil {
			t.Fatal(err)
		}
		if len(order.PIN) > 0 && bytes.Contains(payload, order.PIN) {
			t.Errorf("%s: the PIN is in the JSON", name)
		}
		var pipe bytes.Buffer
		if err := writeOrder(&pipe, payload, order.PIN); err != nil {
			t.Fatal(err)
		}
		got, err := readOrder(&pipe)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(order, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", name, diff)
		}
	}
}

func TestEncodeOrderRefuses(t *testing.T) {
	orders := map[string]Order{
		"settings are not JSON":  {Settings: json.RawMessage(`{`)},
		"settings are too large": {Settings: json.RawMessage(`"` + strings.Repeat("x", maxPayload) + `"`)},
		"PIN is too long":        {PIN: make([]byte, maxPayload+1)},
	}
	for want, order := range orders {
		if _, err := encodeOrder(order); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

// What just fits is sent: the limit is that of a frame.
func TestWhatJustFits(t *testing.T) {
	order := Order{PIN: make([]byte, maxPayload)}
	empty, err := encodeOrder(Order{Settings: json.RawMessage(`""`), PIN: order.PIN})
	if err != nil {
		t.Fatal(err)
	}
	order.Settings = json.RawMessage(`"` + strings.Repeat("x", maxPayload-len(empty)) + `"`)
	payload, err := encodeOrder(order)
	if err != nil || len(payload) != maxPayload {
		t.Fatalf("%d bytes, %v", len(payload), err)
	}
	var pipe bytes.Buffer
	if err := writeOrder(&pipe, payload, order.PIN); err != nil {
		t.Fatal(err)
	}
	if got, err := readOrder(&pipe); err != nil || len(got.PIN) != maxPayload {
		t.Errorf("a PIN of %d bytes, %v", len(got.PIN), err)
	}

	problem := &agent.Problem{Code: agent.CodeLocked, Message: "x"}
	short, _ := encodeProblem(problem)
	problem.Message = strings.Repeat("x", 1+maxPayload-len(short))
	if payload, err := encodeProblem(problem); err != nil || len(payload) != maxPayload {
		t.Errorf("a problem of %d bytes has %d, %v", maxPayload, len(payload), err)
	}
}

func TestLoginRoundTrip(t *testing.T) {
	for _, format := range []agent.Format{agent.V1, agent.V2} {
		login := testLogin(t, format)
		payload, err := encodeLogin(login)
		if err != nil {
			t.Fatal(err)
		}
		got, err := decodeLogin(payload)
		if err != nil {
			t.Fatal(err)
		}
		clear(payload) // what the reader of the frame does: nothing may hang on it
		if !got.Certificate.Equal(login.Certificate) || got.Format != format ||
			!bytes.Equal(got.Message.Bytes(), login.Message.Bytes()) || !bytes.Equal(got.Signature.Bytes(), login.Signature.Bytes()) {
			t.Errorf("%s: another login came back", format)
		}
		if err := verify(got, time.Now()); err != nil {
			t.Errorf("%s: %v", format, err)
		}
	}
}

// What is in a login is not the pipe's to judge: an empty part arrives as one.
func TestEmptyPartsArrive(t *testing.T) {
	login := testLogin(t, agent.V2)
	login.Signature = agent.Secret{}
	payload, err := encodeLogin(login)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := decodeLogin(payload); err != nil || !got.Signature.IsZero() || !bytes.Equal(got.Message.Bytes(), login.Message.Bytes()) {
		t.Errorf("%v", err)
	}
}

func TestDecodeLoginRefuses(t *testing.T) {
	payload, err := encodeLogin(testLogin(t, agent.V2))
	if err != nil {
		t.Fatal(err)
	}
	broken := bytes.Clone(payload)
	broken[4+2+4] ^= 0xff // the first byte of the certificate, after the format
	for want, payload := range map[string][]byte{
		"a login that is cut short":        payload[:len(payload)-1],
		"cut short":                        nil,
		"a login with more behind it":      append(bytes.Clone(payload), 0),
		"a login with a bad certificate":   broken,
		"not a frame of this protocol: a ": []byte("\xff\xff\xff\xff"),
	} {
		if _, err := decodeLogin(payload); !errors.Is(err, frame.ErrGarbage) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func TestEncodeProblemCutsWhatIsTooLarge(t *testing.T) {
	long := strings.Repeat("ä", maxPayload)
	problem := &agent.Problem{Code: agent.CodePINRefused, Message: long, Hints: []string{long}, Final: true, Human: true, PIN: &agent.PINPrompt{Question: long}}
	payload, err := encodeProblem(problem)
	if err != nil || len(payload) > maxPayload {
		t.Fatalf("%d bytes, %v", len(payload), err)
	}
	got, err := decodeProblem(payload)
	if err != nil {
		t.Fatal(err)
	}
	if got.Code != agent.CodePINRefused || !got.Final || !got.Human || !strings.HasPrefix(got.Message, strings.Repeat("ä", 1000)+" ... (cut)") {
		t.Errorf("what it means is lost: %+v", got)
	}
}

func TestEncodeProblemWithoutWords(t *testing.T) {
	for _, problem := range []*agent.Problem{nil, {}, {Code: agent.CodeLocked}, {Message: "x"}} {
		payload, err := encodeProblem(problem)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := decodeProblem(payload); err != nil {
			t.Errorf("%+v: %v", problem, err)
		}
	}
}

// FuzzParent: whatever a child sends, the parent comes to an end, and never to a login
// that does not verify.
func FuzzParent(f *testing.F) {
	login, err := encodeLogin(testLogin(f, agent.V2))
	if err != nil {
		f.Fatal(err)
	}
	framed := func(kind frame.Kind, payload string) []byte {
		var pipe bytes.Buffer
		frame.Write(&pipe, maxPayload, kind, []byte(payload))
		return pipe.Bytes()
	}
	notice := framed(kindNotice, `{"kind":"touch","message":"touch it"}`)
	f.Add(framed(kindLogin, string(login)))
	f.Add(append(notice, framed(kindProblem, `{"code":"pin_refused","message":"wrong","final":true}`)...))
	f.Add(append(notice, framed(kindLogin, string(login[:len(login)-1]))...))
	f.Add([]byte("Segmentation fault\n"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		talk := &talk{clock: newClock(time.Minute, time.Minute)}
		for pipe := bytes.NewReader(sent); talk.login == nil && talk.problem == nil; {
			f, err := frame.Read(pipe, maxPayload, kindNotice, kindLogin, kindProblem)
			if err != nil && !errors.Is(err, frame.ErrGarbage) {
				break
			}
			talk.take(message{f, err})
		}
		if talk.login != nil && verify(talk.login, talk.login.MadeAt()) != nil {
			t.Error("a login that does not verify was taken")
		}
		if talk.login == nil && talk.problem != nil && (talk.problem.Code == "" || talk.problem.Message == "") {
			t.Errorf("a problem without words: %+v", talk.problem)
		}
	})
}

// FuzzChild: whatever a parent sends, the child comes to an end, and has work done only
// for an order that is one.
func FuzzChild(f *testing.F) {
	var pipe bytes.Buffer
	payload, _ := encodeOrder(Order{Settings: json.RawMessage(`{}`), PIN: []byte("1234")})
	writeOrder(&pipe, payload, []byte("1234"))
	f.Add(pipe.Bytes())
	f.Add(pipe.Bytes()[:pipe.Len()-1])
	f.Add([]byte("\x01\x00\x00\x00\x02{}"))
	f.Add([]byte("anaplan-agent signer --help\n"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		worked := false
		var result bytes.Buffer
		err := serve(bytes.NewReader(sent), &result, func(_ context.Context, order Order, _ agent.NotifyFunc) (*agent.Login, error) {
			worked = true
			if _, err := encodeOrder(order); err != nil {
				t.Errorf("an order that could not have been sent: %v", err)
			}
			return nil, errors.New("no")
		}, func() {})
		if worked == (err != nil) || worked == (result.Len() == 0) {
			t.Errorf("worked: %v, error: %v, %d bytes of result", worked, err, result.Len())
		}
	})
}
