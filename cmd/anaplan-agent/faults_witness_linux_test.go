//go:build cgo

package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// witnesses are callers that ask an agent for a token again and again, and remember what
// they have seen.
type witnesses struct {
	site    *site
	stop    func() // lets the calls that there are come to their end
	stopped atomic.Bool

	mu      sync.Mutex
	calls   int // begun
	last    int // the youngest call that had a token
	good    int // calls that had one
	longest time.Duration
	answers []string // that were not tokens, each once
	values  []string // of tokens, each once
}

// lastAnswer is how long an answer is waited for at the end. One that is given up has been counted by
// the agent, and not by its caller.
const lastAnswer = enough

// noteworthy is how long a caller waits before that is something to tell.
const noteworthy = time.Second

// watch begins the calls.
func (s *site) watch(callers int) *witnesses {
	ctx, cancel := context.WithCancel(context.Background())
	w := &witnesses{site: s}
	var all sync.WaitGroup
	for range callers {
		all.Go(func() { w.call(ctx) })
	}
	w.stop = sync.OnceFunc(func() {
		w.stopped.Store(true)
		defer time.AfterFunc(lastAnswer, cancel).Stop()
		all.Wait()
		cancel()
	})
	s.t.Cleanup(w.stop)
	return w
}

// call is the calls of one caller.
func (w *witnesses) call(ctx context.Context) {
	client := w.site.client()
	defer client.Close()
	for !w.stopped.Load() {
		number, began := w.mark(), time.Now()
		token, err := client.Token(ctx, "default", nil)
		if ctx.Err() == nil {
			w.note(number, time.Since(began), token, err)
		}
		time.Sleep(betweenCalls)
	}
}

// mark returns the number of the next call.
func (w *witnesses) mark() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls++
	return w.calls
}

// note remembers what came of a call.
func (w *witnesses) note(number int, took time.Duration, token local.Token, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.longest = max(w.longest, took)
	if err != nil {
		w.answers = withOne(w.answers, inShort(err))
		return
	}
	w.last, w.good = max(w.last, number), w.good+1
	w.values = withOne(w.values, token.Value.Reveal())
}

func withOne(list []string, word string) []string {
	if slices.Contains(list, word) {
		return list
	}
	return append(list, word)
}

// inShort returns an error's code.
func inShort(err error) string {
	if problem, ok := errors.AsType[*agent.Problem](err); ok {
		return string(problem.Code)
	}
	if errors.Is(err, local.ErrNotRunning) {
		return "no agent"
	}
	return "a cut connection"
}

// forget forgets what was seen, but not the tokens.
func (w *witnesses) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answers, w.longest, w.last = nil, 0, 0
}

func (w *witnesses) hasToken() bool { return w.hasTokenSince(0) }

// hasTokenSince reports whether a call had a token that began after that one.
func (w *witnesses) hasTokenSince(number int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last > number
}

// hasProblem reports whether a call had no token, but an answer.
func (w *witnesses) hasProblem() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.answers) > 0
}

// had returns how many calls had a token.
func (w *witnesses) had() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.good
}

// tokens returns the values of all tokens that were seen.
func (w *witnesses) tokens() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.values)
}

// saw returns what was seen, in words.
func (w *witnesses) saw() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	words := slices.Sorted(slices.Values(w.answers))
	if w.last > 0 {
		words = append([]string{"tokens"}, words...)
	}
	if len(words) == 0 {
		words = []string{"a wait"}
	}
	text := strings.Join(words, ", ")
	if w.longest > noteworthy {
		text += fmt.Sprintf("; %.0f s at most", w.longest.Seconds())
	}
	return text
}
