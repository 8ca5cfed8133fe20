package signer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/frame"
)

// exitDelay is how long a child has to end by itself after the end of its standard input.
const exitDelay = 500 * time.Millisecond

// errParentGone is the cause of a child's context that has ended.
var errParentGone = errors.New("the agent does not wait for the login any longer")

// Work makes a login as ordered. ctx ends when nobody waits for it any longer. notify
// may be called from any goroutine. The order's PIN is cleared afterwards.
type Work func(ctx context.Context, order Order, notify agent.NotifyFunc) (*agent.Login, error)

// Serve is all that the main function of a signer does: it reads the order from standard
// input, runs work, and writes the result to standard output. A panic of work becomes a
// problem. It returns an error only if there is nobody to talk to; the problem of a login
// that fails is the parent's to tell.
//
// The parent keeps standard input open as long as it lives and waits. Soon after its end
// the process exits, whatever it is doing: a call into a library that hangs, or what main
// does after Serve.
//
// Standard input and output are the protocol's alone from here on. For everybody else in
// the process, libraries in C included, the one is empty and the other is standard error.
func Serve(work Work) error {
	input, output, err := frame.TakePipes()
	if err != nil {
		return fmt.Errorf("taking standard input and output for the protocol: %w", err)
	}
	return serve(input, output, work, func() { os.Exit(1) })
}

// serve is Serve on any pipes; exit ends the process.
func serve(input io.Reader, output io.Writer, work Work, exit func()) error {
	order, err := readOrder(input)
	if err != nil {
		return fmt.Errorf("reading the order from standard input: %w (the agent starts this command; it is not for people)", err)
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	go func() {
		io.Copy(io.Discard, input) // there is no more to come but the end
		cancel(errParentGone)
		time.AfterFunc(exitDelay, exit)
	}()
	s := &speaker{output: output}
	order.Remember = s.memory
	login, err := attempt(ctx, work, order, s.notice)
	if err := s.result(login, err); err != nil {
		return fmt.Errorf("writing the result to standard output: %w", err)
	}
	return nil
}

// attempt runs work, and makes a problem of its panic. The stack goes to standard error,
// which the parent logs.
func attempt(ctx context.Context, work Work, order Order, notify agent.NotifyFunc) (login *agent.Login, err error) {
	defer clear(order.PIN)
	defer func() {
		if value := recover(); value != nil {
			os.Stderr.Write(debug.Stack())
			login, err = nil, agent.Problemf(agent.CodeInternal, "the signer process made a mistake: %s", mistakeText(value))
		}
	}()
	return work(ctx, order, notify)
}

// mistakeText does not show what a panic carries, unless it comes from the runtime: it
// could be a secret.
func mistakeText(mistake any) string {
	if err, ok := mistake.(runtime.Error); ok {
		return err.Error()
	}
	return fmt.Sprintf("a panic with a %T", mistake)
}

// speaker writes the child's frames.
type speaker struct {
	mu     sync.Mutex // one frame at a time
	output io.Writer
}

func (s *speaker) write(kind frame.Kind, payload []byte) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return frame.Write(s.output, maxPayload, kind, payload)
}

// notice is an agent.NotifyFunc. A notice that cannot be written does not matter: where
// nobody listens, the input ends as well.
func (s *speaker) notice(notice agent.Notice) {
	payload, _ := json.Marshal(notice) // text always is JSON
	s.write(kindNotice, payload)
}

// memory tells the parent what to remember. Where nobody listens, the input ends as well.
func (s *speaker) memory(text json.RawMessage) { s.write(kindMemory, text) }

// result writes the result, and clears what of a login is in this process.
func (s *speaker) result(login *agent.Login, err error) error {
	var payload []byte
	if err == nil {
		payload, err = encodeLogin(login)
	}
	if err != nil {
		return s.problem(err)
	}
	defer clear(payload)
	defer login.Clear()
	return s.write(kindLogin, payload)
}

func (s *speaker) problem(err error) error {
	payload, err := encodeProblem(agent.ProblemOf(err))
	if err != nil {
		return err
	}
	return s.write(kindProblem, payload)
}
