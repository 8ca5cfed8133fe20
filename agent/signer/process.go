package signer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/locked"
)

// Values in place of zeros.
const (
	defaultTimeout       = time.Minute
	defaultPersonTimeout = 5 * time.Minute
	defaultGrace         = time.Second
	defaultClosing       = 3 * time.Second // more than a child waits for its device
)

// Process starts signer processes. It must not be copied after its first use.
type Process struct {
	// Command is the program and the arguments of the child, which calls Serve.
	Command []string

	// Path is the child's file, where that is not what Command begins with, as
	// /proc/self/exe is whatever has become of the program's own. "": it is.
	Path string

	// Env is the environment of the child. nil: this process's own.
	Env []string

	// Logger gets what the child says on its standard error, line by line, the first
	// 16 KiB of a run: at Warn if the run failed or the child ended badly after its result,
	// which it is told as well; at Debug if it went well. nil discards.
	Logger *slog.Logger

	// Grace is how long a child has to close its device and end after its result, 0: 3
	// seconds; and again how long it has to end after its standard input was closed, 0: 1
	// second. Then it is killed, with all that it started.
	Grace time.Duration

	mu      sync.Mutex
	devices map[string]*device
	memory  locked.Memory  // for PINs, as long as there is a child that may print its own
	closing sync.WaitGroup // children whose result has been delivered
}

// Order is what a child shall do, and how much time it has.
type Order struct {
	// Settings is for the child; this package does not look into it.
	Settings json.RawMessage `json:"settings"`

	// PIN is the PIN of the device; nil: none. It belongs to the caller and goes into the
	// child's pipe and nowhere else, but for a copy in locked memory as long as the child lives.
	// The child's copy is cleared after its work.
	PIN []byte `json:"-"`

	// Attended: a person may be asked for something.
	Attended bool `json:"attended"`

	// Timeout bounds the machine's work. 0: 1 minute.
	Timeout time.Duration `json:"timeout"`

	// PersonTimeout bounds what a person may take, all in all: the time from a NoticePerson
	// or NoticeTouch to the next NoticeWorking or NoticeTouchOver, which does not count
	// against Timeout. 0: 5 minutes.
	PersonTimeout time.Duration `json:"person_timeout"`

	// Device names what the child works with. A Process runs orders on one device one at
	// a time, in their order; the wait counts against no limit and ends with ctx.
	// "": nothing that others could disturb.
	Device string `json:"device"`

	// Remember takes, in the parent, what the child wants it to remember, such as that the
	// PIN is about to be sent: it has arrived when the call of the child returns, also if that
	// dies next. In the child it is how to say so. This package does not look into the text.
	// It must not block. It may be called after Sign has returned, until Wait has.
	// nil, in the parent: nothing is remembered.
	Remember func(json.RawMessage) `json:"-"`
}

// Sign has a child make a login. It returns with the child's result; a child that does not end
// soon after it ends behind it, within its grace, and nobody else gets the device before that.
// Without a result it returns when the child has ended. ctx governs all of it, and notify is told
// what the child has to tell while Sign runs.
//
// The error is always an *agent.Problem: the child's own; CodeSignerFailed, not final, for
// a child that does not start, crashes, hangs, makes no sense or lies, and at once for a
// device that a child holds which cannot be ended, until it has; CodeStopping where
// ctx has ended; CodeSettings for an order that cannot be sent.
func (p *Process) Sign(ctx context.Context, order Order, notify agent.NotifyFunc) (*agent.Login, error) {
	payload, err := encodeOrder(order)
	if err != nil {
		return nil, &agent.Problem{Code: agent.CodeSettings, Message: "the signer process cannot be told what to do: " + err.Error(), Human: true, Final: true}
	}
	device := p.device(order.Device)
	if err := device.enter(ctx, notify); err != nil {
		return nil, err
	}
	child, err := p.start(payload, order.PIN)
	if err != nil {
		device.leave()
		return nil, cannotStart(err)
	}
	t := &talk{notify: notify, remember: order.Remember, clock: newClock(order.limits())}
	t.listen(ctx, child.messages)
	if !t.answered || child.linger(t.overhear, soon) {
		p.end(child, t, device)
		return t.result()
	}
	defer p.closing.Go(func() { // deferred, for it changes the talk
		child.linger(t.overhear, orDefault(p.Grace, defaultClosing))
		p.end(child, t, device)
	})
	return t.result()
}

// Wait waits until the children have ended whose results Sign has returned. It takes no longer
// than twice their grace, and for one that cannot be killed 5 seconds more. No Sign may begin
// meanwhile.
func (p *Process) Wait() { p.closing.Wait() }

// end ends a child, and logs what there is to say of it.
func (p *Process) end(c *child, t *talk, device *device) {
	state := c.end(t.overhear, orDefault(p.Grace, defaultGrace), device)
	if t.login == nil && t.problem == nil {
		t.problem = c.postMortem(state)
	}
	p.log(c, t, state, device.name)
	c.forgetPIN()
}

// log logs what the child said besides, and that it ended badly after its result.
func (p *Process) log(c *child, t *talk, state *os.ProcessState, device string) {
	logger, level := p.Logger, slog.LevelDebug
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	badly := t.answered && !(state != nil && state.Success())
	if t.problem != nil || badly {
		level = slog.LevelWarn
	}
	if badly {
		logger.Warn("a device was not closed well, after the result was delivered", "device", device, "signer", howEnded(state))
	}
	c.remarks.log(logger, level, c.knownPIN())
}

// howEnded says how a child ended; nil is one that has not.
func howEnded(state *os.ProcessState) string {
	if state == nil {
		return "it does not end"
	}
	return state.String()
}

// limits returns the machine's and the person's time.
func (o *Order) limits() (machines, persons time.Duration) {
	return orDefault(o.Timeout, defaultTimeout), orDefault(o.PersonTimeout, defaultPersonTimeout)
}

func orDefault(value, otherwise time.Duration) time.Duration {
	if value == 0 {
		return otherwise
	}
	return value
}

// cannotStart is the problem of a child that does not come to life.
func cannotStart(err error) *agent.Problem {
	problem := failure(fmt.Sprintf("the signer process cannot be started: %v", err))
	if errors.Is(err, syscall.EMFILE) {
		problem.Hints = []string{"raise the limit of open files: ulimit -n, or LimitNOFILE= of the service"}
	}
	return problem
}
