package signer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/frame"
)

// served runs serve on an order and returns the frames that it wrote.
func served(t *testing.T, order Order, work Work) []frame.Frame {
	t.Helper()
	payload, err := encodeOrder(order)
	if err != nil {
		t.Fatal(err)
	}
	input, parent := io.Pipe()
	defer parent.Close()
	go writeOrder(parent, payload, order.PIN)
	var output bytes.Buffer
	if err := serve(input, &output, work, func() {}); err != nil {
		t.Fatal(err)
	}
	var frames []frame.Frame
	for output.Len() > 0 {
		f, err := frame.Read(&output, maxPayload, kindNotice, kindLogin, kindProblem)
		if err != nil {
			t.Fatal(err)
		}
		frames = append(frames, f)
	}
	return frames
}

func TestServeClears(t *testing.T) {
	var pin []byte
	var login *agent.Login
	frames := served(t, Order{PIN: []byte("123456")}, func(ctx context.Context, order Order, _ agent.NotifyFunc) (*agent.Login, error) {
		if string(order.PIN) != "123456" {
			t.Errorf("the PIN came as %q", order.PIN)
		}
		pin, login = order.PIN, testLogin(t, agent.V2)
		return login, nil
	})
	if len(frames) != 1 || frames[0].Kind != kindLogin {
		t.Fatalf("got %d frames", len(frames))
	}
	for name, secret := range map[string][]byte{"PIN": pin, "message": login.Message.Bytes(), "signature": login.Signature.Bytes()} {
		if len(secret) == 0 || len(bytes.Trim(secret, "\x00")) > 0 {
			t.Errorf("the %s is still there", name)
		}
	}
}

func TestServeNoticesFromManyGoroutines(t *testing.T) {
	frames := served(t, Order{}, func(_ context.Context, _ Order, notify agent.NotifyFunc) (*agent.Login, error) {
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				for range 20 {
					notify.Tell(agent.NoticeInfo, strings.Repeat(fmt.Sprint(i), 1000))
				}
			})
		}
		notify.Tell(agent.NoticeInfo, strings.Repeat("x", maxPayload)) // too large: dropped
		all.Wait()
		return nil, errors.New("done")
	})
	if len(frames) != 161 || frames[160].Kind != kindProblem {
		t.Fatalf("got %d frames, want 160 notices and a problem", len(frames))
	}
	for _, f := range frames[:160] {
		got, err := decodeNotice(f.Payload)
		if err != nil || len(got.Message) != 1000 || strings.Trim(got.Message, got.Message[:1]) != "" {
			t.Errorf("a notice came torn: %v", err)
		}
	}
}

func TestServeProblems(t *testing.T) {
	refused := &agent.Problem{Code: agent.CodePINRefused, Message: "wrong PIN", Final: true}
	tests := []struct {
		name string
		err  error
		want agent.Problem
	}{
		{"a problem", refused, *refused},
		{"a problem below", fmt.Errorf("opening: %w", refused), *refused},
		{"an error", errors.New("no card"), agent.Problem{Code: agent.CodeInternal, Message: "no card"}},
		{"a nil problem in an error", (*agent.Problem)(nil), agent.Problem{Code: agent.CodeInternal, Message: "gave no reason"}},
		{"neither login nor error", nil, agent.Problem{Code: agent.CodeInternal, Message: "gave no reason"}},
	}
	for _, test := range tests {
		frames := served(t, Order{}, func(context.Context, Order, agent.NotifyFunc) (*agent.Login, error) { return nil, test.err })
		got, err := decodeProblem(frames[len(frames)-1].Payload)
		if err != nil || len(frames) != 1 {
			t.Fatalf("%s: %v, %d frames", test.name, err, len(frames))
		}
		if got.Code != test.want.Code || got.Final != test.want.Final || !strings.Contains(got.Message, test.want.Message) {
			t.Errorf("%s: %+v, want %+v", test.name, got, test.want)
		}
	}
}

// Nothing in an order becomes the message: it is as random as if there were none.
func TestServeHasNoBytesToSign(t *testing.T) {
	var order map[string]json.RawMessage
	payload, err := encodeOrder(Order{})
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(payload, &order); err != nil {
		t.Fatal(err)
	}
	for name := range order {
		switch name {
		case "settings", "attended", "timeout", "person_timeout", "device", "has_pin":
		default:
			t.Errorf("an order has a %q: nothing that is signed may come from the parent", name)
		}
	}
}

func TestServeRefusesWhatIsNoOrder(t *testing.T) {
	for name, input := range map[string]string{
		"nothing":           "",
		"a person's typing": "help\n",
		"not JSON":          "\x01\x00\x00\x00\x01{",
		"no PIN after it":   "\x01\x00\x00\x00\x10" + `{"has_pin":true}`,
		"a PIN first":       "\x02\x00\x00\x00\x041234",
	} {
		var output bytes.Buffer
		err := serve(strings.NewReader(input), &output, func(context.Context, Order, agent.NotifyFunc) (*agent.Login, error) {
			t.Errorf("%s: there was work", name)
			return nil, nil
		}, func() {})
		if err == nil || !strings.Contains(err.Error(), "reading the order") || output.Len() > 0 {
			t.Errorf("%s: %v, %d bytes written", name, err, output.Len())
		}
		if isCut := name == "nothing" || name == "no PIN after it"; errors.Is(err, frame.ErrGarbage) == isCut || errors.Is(err, io.EOF) != isCut {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestServeEndsWithItsInput(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		payload, _ := encodeOrder(Order{})
		input, parent := io.Pipe()
		go func() {
			writeOrder(parent, payload, nil)
			time.Sleep(time.Hour)
			parent.Close()
		}()
		start, exited := time.Now(), make(chan time.Duration, 1)
		err := serve(input, io.Discard, func(ctx context.Context, _ Order, _ agent.NotifyFunc) (*agent.Login, error) {
			<-ctx.Done()
			if took := time.Since(start); took != time.Hour || !errors.Is(context.Cause(ctx), errParentGone) {
				t.Errorf("the context ended after %v: %v", took, context.Cause(ctx))
			}
			time.Sleep(time.Hour) // a call that hangs
			return nil, nil
		}, func() { exited <- time.Since(start) })
		if took := <-exited; took != time.Hour+exitDelay {
			t.Errorf("the process ended after %v", took)
		}
		if err != nil {
			t.Error(err)
		}
	})
}

type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }

func TestServeCannotAnswer(t *testing.T) {
	var pipe bytes.Buffer
	payload, _ := encodeOrder(Order{})
	writeOrder(&pipe, payload, nil)
	err := serve(&pipe, brokenPipe{}, func(_ context.Context, _ Order, notify agent.NotifyFunc) (*agent.Login, error) {
		notify.Tell(agent.NoticeInfo, "does not matter")
		return nil, errors.New("no card")
	}, func() {})
	if !errors.Is(err, io.ErrClosedPipe) || !strings.Contains(err.Error(), "writing the result") {
		t.Error(err)
	}
}
