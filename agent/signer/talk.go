package signer

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/frame"
)

// maxNotices is how many notices a child may send. A loop that sends them would else
// reach every caller that waits.
const maxNotices = 1000

// message is what was read from a child: a frame, or an error that is not the end.
type message struct {
	frame.Frame
	err error
}

// talk is one conversation with a child, as the parent hears it.
type talk struct {
	notify   agent.NotifyFunc
	remember func(json.RawMessage) // nil: nothing is remembered
	clock    *clock
	notices  int
	last     agent.Notice

	// The result; neither is set where the child ended without one.
	login   *agent.Login
	problem *agent.Problem

	answered bool // the result is the child's own
}

// listen takes what the child sends until there is a result, the child has ended, or the
// patience of the clock or of ctx has.
func (t *talk) listen(ctx context.Context, messages <-chan message) {
	defer t.clock.timer.Stop()
	for t.login == nil && t.problem == nil {
		select {
		case m, open := <-messages:
			if !open {
				return
			}
			t.take(m)
		case <-t.clock.timer.C:
			t.problem = t.late()
		case <-ctx.Done():
			t.problem = stopped(ctx)
		}
	}
}

// result returns what the talk has come to.
func (t *talk) result() (*agent.Login, error) {
	if t.problem != nil {
		return nil, t.problem
	}
	return t.login, nil
}

// take takes one message.
func (t *talk) take(m message) {
	defer clear(m.Payload)
	err := m.err
	if err == nil {
		err = t.understand(m.Frame)
	}
	if err != nil {
		t.problem = failure(fmt.Sprintf("the signer process sent what makes no sense: %v", err))
	}
}

// understand takes a frame. Its error is what makes no sense.
func (t *talk) understand(f frame.Frame) (err error) {
	switch f.Kind {
	case kindNotice:
		return t.hear(f.Payload)
	case kindMemory:
		return t.learn(f.Payload)
	case kindProblem:
		t.problem, err = decodeProblem(f.Payload)
		t.answered = err == nil
		return err
	}
	login, err := decodeLogin(f.Payload)
	if err != nil {
		return err
	}
	if err := verify(login, time.Now()); err != nil {
		login.Clear()
		return fmt.Errorf("a login, but %w", err)
	}
	t.login, t.answered = login, true
	return nil
}

// hear takes a notice, by which the clock changes over, and passes it on.
func (t *talk) hear(payload []byte) error {
	notice, err := decodeNotice(payload)
	if err != nil {
		return err
	}
	if t.notices++; t.notices > maxNotices {
		return fmt.Errorf("more than %d notices", maxNotices)
	}
	switch notice.Kind {
	case agent.NoticePerson, agent.NoticeTouch:
		t.clock.run(person)
	case agent.NoticeWorking, agent.NoticeTouchOver:
		t.clock.run(machine)
	}
	t.last = notice
	t.notify.Tell(notice.Kind, notice.Message)
	return nil
}

// learn passes on what the parent shall remember. It counts as a notice.
func (t *talk) learn(payload []byte) error {
	if t.notices++; t.notices > maxNotices {
		return fmt.Errorf("more than %d notices", maxNotices)
	}
	if !json.Valid(payload) {
		return fmt.Errorf("%w: something to remember that is not JSON", frame.ErrGarbage)
	}
	if t.remember != nil {
		t.remember(bytes.Clone(payload))
	}
	return nil
}

// overhear takes what comes after listen. It counts no more, but for what is to be remembered, and
// a final problem in place of another: trying again after a refused PIN may spend the last try.
func (t *talk) overhear(m message) {
	defer clear(m.Payload)
	if m.Kind == kindMemory {
		t.learn(m.Payload)
		return
	}
	if m.Kind != kindProblem || t.login != nil {
		return
	}
	if problem, err := decodeProblem(m.Payload); err == nil && problem.Final {
		t.problem = problem
	}
}

// late is the problem of a child that took too long.
func (t *talk) late() *agent.Problem {
	text := fmt.Sprintf("the signer process was not done after %v and was killed", t.clock.spent().Round(time.Millisecond))
	if t.last.Message != "" {
		text += "; the last that it said was: " + t.last.Message
	}
	problem := failure(text)
	problem.Human = t.clock.budget == person
	return problem
}

// stopped is the problem of a caller that does not wait any longer.
func stopped(ctx context.Context) *agent.Problem {
	return agent.Problemf(agent.CodeStopping, "the login was given up: %v", context.Cause(ctx))
}

// failure is a problem with a signer process. It may be gone at the next try.
func failure(text string, hints ...string) *agent.Problem {
	return &agent.Problem{Code: agent.CodeSignerFailed, Message: text, Hints: hints}
}
