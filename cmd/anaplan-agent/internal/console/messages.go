package console

// What is said to a person, on standard error, each line with the program's name and
// what kind of line it is.

import (
	"fmt"
	"io"
	"os"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
)

// Messenger speaks to the person on standard error; standard output carries the
// result only.
type Messenger struct {
	// Out is standard error. Failures to write to it are ignored: there is nowhere left to report
	// them.
	Out io.Writer

	// Errors is what the program knows about errors. It is called when an error is told.
	Errors func() explain.Table

	// Reword changes what is told, where commands are to be typed in another way; nil: it stays.
	Reword func(string) string

	// Tell replaces Out where the person is elsewhere.
	Tell agent.NotifyFunc
}

// Note tells what is going on, or what comes next.
func (m *Messenger) Note(format string, args ...any) {
	m.say(agent.NoticeInfo, "note", format, args...)
}

// Warn tells what may go wrong.
func (m *Messenger) Warn(format string, args ...any) {
	m.say(agent.NoticeWarning, "warning", format, args...)
}

// Now tells what to do at once. It has no label, so that it is short enough to be read in time.
func (m *Messenger) Now(sentence string) {
	if m.Tell != nil {
		m.Tell.Tell(agent.NoticeTouch, Printable(sentence))
		return
	}
	fmt.Fprintf(m.Out, "%s: %s\n", build.Program, Printable(sentence))
}

// Failure tells what went wrong and what to do about it. It is the last message of a run.
func (m *Messenger) Failure(e explain.Explanation) {
	m.line("error", "%s", e.Text)
	for _, hint := range e.Hints {
		m.line("hint", "%s", hint)
	}
}

// Busy tells that another process has the device, and is waited for.
func (m *Messenger) Busy() {
	m.say(agent.NoticeBusy, "note", "waiting for another process of this user to finish with the device")
}

// Touched tells that what Now asked for is done. A person at a terminal knows.
func (m *Messenger) Touched() { m.Tell.Tell(agent.NoticeTouchOver, "") }

// say speaks to the person, wherever that is.
func (m *Messenger) say(notice agent.NoticeKind, kind, format string, args ...any) {
	if m.Tell != nil {
		m.Tell.Tell(notice, OneLine(fmt.Sprintf(format, args...)))
		return
	}
	m.line(kind, format, args...)
}

// Plain prints text unchanged, for a person to copy. It must be this program's own.
func (m *Messenger) Plain(text string) { io.WriteString(m.Out, text) }

// line is the one way to standard error: whatever a token, a certificate or a
// server has put into the arguments cannot steer the terminal.
func (m *Messenger) line(kind, format string, args ...any) {
	text := Indented(Printable(fmt.Sprintf(format, args...)))
	if m.Reword != nil {
		text = m.Reword(text)
	}
	fmt.Fprintf(m.Out, "%s: %s: %s\n", build.Program, m.coloured(kind), text)
}

// coloured returns the kind of a line in its colour, where the person sees it.
func (m *Messenger) coloured(kind string) string {
	file, isFile := m.Out.(*os.File)
	colour, has := map[string]Colour{"error": Red, "warning": Yellow}[kind]
	if !has || !isFile || !HasColours(file) {
		return kind
	}
	return colour.of(kind)
}
