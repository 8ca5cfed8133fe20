// Package explain turns an error into what a person reads, what a script sees and what the agent
// does about it. It does not know any error: each room has rows for its own, and the program hands
// them in as one [Table].
//
// Everything that tells an error to somebody uses it; it imports agent and build only.
package explain

import (
	"errors"
	"fmt"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// Exit codes; 0 is done. Scripts branch on them, so a code never changes its meaning.
const (
	Failed = 1
	Usage  = 2 // the call or the settings are wrong
	Human  = 3 // a human must act: PIN, device, registration
)

// Row is what the program knows about an error.
//
// Human says that a person must act first; what can pass by itself is Failed, and what the next call
// can say better is Usage. Final says that the agent must not even try: without it, the agent finds
// out by trying whether the person has acted.
type Row struct {
	Is error            // matched by errors.Is
	As func(error) bool // matches in place of Is: see Type

	// Exit is the exit code. A row with 0 is partial: the search goes on, and its With completes the
	// row that is found.
	Exit  int
	Hints []Hint

	Code  agent.Code // "": agent.CodeInternal
	Final bool       // trying again by itself does no good, or harm

	Attend bool             // a person must be there while it is tried, to touch or to type something
	Wait   time.Duration    // how long nothing shall be tried; 0: not known
	PIN    *agent.PINPrompt // what a person may be asked for

	// Says are words of the error by which a reader of docs/errors.md finds it; "": those of Is. More is
	// what docs/errors.md says beside the hints, for which a hint has no room.
	Says, More string

	// With completes the row with what the error carries; nil if it carries nothing.
	With func(err error, row *Row)
}

// Plain returns rows for errors whose own words say all: exit code Failed, and no hint.
func Plain(errs ...error) (rows Table) {
	for _, err := range errs {
		rows = append(rows, Row{Is: err, Exit: Failed})
	}
	return rows
}

// Type matches errors of one type, for Row.As.
func Type[E error](err error) bool {
	_, ok := errors.AsType[E](err)
	return ok
}

// With is Row.With for what an error of one type carries.
func With[E error](complete func(err E, row *Row)) func(error, *Row) {
	return func(err error, row *Row) {
		if e, ok := errors.AsType[E](err); ok {
			complete(e, row)
		}
	}
}

// Hint is something to do, or a command to type.
type Hint struct {
	Text string
	Flag string // the same command with this flag does it; "": it needs no command of its own
}

// Hints returns hints that need no flag.
func Hints(texts ...string) (hints []Hint) {
	for _, text := range texts {
		hints = append(hints, Hint{Text: text})
	}
	return hints
}

// String is the hint for the person who typed the command.
func (h Hint) String() string { return h.with("the same command with") }

func (h Hint) with(command string) string {
	if h.Flag == "" {
		return h.Text
	}
	return h.Text + ": " + command + " " + h.Flag
}

// Table is the rows of the whole program. The first row that fits an error counts, so a cause
// stands before what it leads to.
type Table []Row

// Explanation is an error as a person sees it.
type Explanation struct {
	Text  string // the error, from the outermost layer to the cause
	Hints []string
	Exit  int
}

// Explain returns what to say about an error. One without a row has exit code Failed and no hints.
func (t Table) Explain(err error) Explanation {
	if usage, ok := errors.AsType[*UsageError](err); ok { // whatever it wraps, the command's help is what helps
		return Explanation{err.Error(), []string{usage.Command + " --help"}, Usage}
	}
	resumable, goesOn := errors.AsType[*ResumableError](err)
	if problem, ok := errors.AsType[*agent.Problem](err); ok {
		explained := ofProblem(problem)
		if goesOn {
			explained.Hints = append(explained.Hints, resumable.hint())
		}
		return explained
	}
	row := t.row(err)
	explained := Explanation{Text: err.Error(), Exit: row.Exit}
	for _, hint := range row.Hints {
		if goesOn {
			explained.Hints = append(explained.Hints, hint.with(resumable.Next))
		} else {
			explained.Hints = append(explained.Hints, hint.String())
		}
	}
	if goesOn {
		explained.Hints = append(explained.Hints, resumable.hint())
	}
	return explained
}

// row returns the first row that fits, completed.
func (t Table) row(err error) Row {
	found := Row{Exit: Failed}
	var with []func(error, *Row)
	for _, row := range t {
		if !row.fits(err) {
			continue
		}
		if row.With != nil {
			with = append(with, row.With)
		}
		if row.Exit != 0 {
			found = row
			break
		}
	}
	for _, complete := range with {
		complete(err, &found)
	}
	return found
}

func (r Row) fits(err error) bool {
	return r.Is != nil && errors.Is(err, r.Is) || r.As != nil && r.As(err)
}

// UsageError is a wrong call of the program; the rest is failure.
type UsageError struct {
	Err     error
	Command string // whose --help to read
}

// Usagef returns a UsageError.
func Usagef(command, format string, args ...any) error {
	return &UsageError{fmt.Errorf(format, args...), command}
}

func (e *UsageError) Error() string { return e.Err.Error() }
func (e *UsageError) Unwrap() error { return e.Err }

// ResumableError is an error after which another command continues: the same one would find its
// work half done.
type ResumableError struct {
	Err  error
	Next string // the command that goes on
}

func (e *ResumableError) Error() string { return e.Err.Error() }
func (e *ResumableError) Unwrap() error { return e.Err }
func (e *ResumableError) hint() string  { return "to go on with the key that is made: " + e.Next }
