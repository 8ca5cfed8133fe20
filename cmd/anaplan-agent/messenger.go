package main

// What is said to a person, on standard error, each line with the program's name and
// what kind of line it is.

import (
	"fmt"
	"io"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
)

// messenger speaks to the person on standard error; standard output carries the
// result only.
type messenger struct {
	// out is standard error. Failures to write to it are ignored: there is nowhere
	// left to tell them.
	out io.Writer

	// errors are what the program knows of errors, made when one is told.
	errors func() explain.Table

	// tell takes what is said in place of out, where the person is somewhere else.
	tell agent.NotifyFunc
}

// Note tells what is going on, or what comes next.
func (m *messenger) Note(format string, args ...any) {
	m.say(agent.NoticeInfo, "note", format, args...)
}

// Warn tells of what may turn out bad.
func (m *messenger) Warn(format string, args ...any) {
	m.say(agent.NoticeWarning, "warning", format, args...)
}

// now tells what to do at once. It has no kind before it, so that it is short enough
// to be read in time.
func (m *messenger) now(sentence string) {
	if m.tell != nil {
		m.tell.Tell(agent.NoticeTouch, printable(sentence))
		return
	}
	fmt.Fprintf(m.out, "%s: %s\n", program, printable(sentence))
}

// failure tells what went wrong and what to do about it. It is the last thing that
// a run says.
func (m *messenger) failure(e explain.Explanation) {
	m.line("error", "%s", e.Text)
	for _, hint := range e.Hints {
		m.line("hint", "%s", hint)
	}
}

// busy tells that another process has the device, and is waited for.
func (m *messenger) busy() {
	m.say(agent.NoticeBusy, "note", "waiting for another process of this user to finish with the device")
}

// touched tells that what now has told is done. A person at a terminal knows.
func (m *messenger) touched() { m.tell.Tell(agent.NoticeTouchOver, "") }

// say speaks to the person, wherever that is.
func (m *messenger) say(notice agent.NoticeKind, kind, format string, args ...any) {
	if m.tell != nil {
		m.tell.Tell(notice, oneLine(fmt.Sprintf(format, args...)))
		return
	}
	m.line(kind, format, args...)
}

// plain prints text as it is, for a person to copy. It is this program's own.
func (m *messenger) plain(text string) { io.WriteString(m.out, text) }

// line is the one way to standard error: whatever a token, a certificate or a
// server has put into the arguments cannot steer the terminal.
func (m *messenger) line(kind, format string, args ...any) {
	text := indented(printable(fmt.Sprintf(format, args...)))
	fmt.Fprintf(m.out, "%s: %s: %s\n", program, kind, text)
}
