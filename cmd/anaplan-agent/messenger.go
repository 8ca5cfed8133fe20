package main

// What is said to a person, on standard error, each line with the program's name and
// what kind of line it is.

import (
	"fmt"
	"io"
)

// messenger speaks to the person on standard error; standard output carries the
// result only.
type messenger struct {
	// out is standard error. Failures to write to it are ignored: there is nowhere
	// left to tell them.
	out io.Writer
}

// note tells what is going on, or what comes next.
func (m *messenger) note(format string, args ...any) { m.line("note", format, args...) }

// warn tells of what may turn out bad.
func (m *messenger) warn(format string, args ...any) { m.line("warning", format, args...) }

// now tells what to do at once. It has no kind before it, so that it is short enough
// to be read in time.
func (m *messenger) now(sentence string) {
	fmt.Fprintf(m.out, "%s: %s\n", program, printable(sentence))
}

// failure tells what went wrong and what to do about it. It is the last thing that
// a run says.
func (m *messenger) failure(e explanation) {
	m.line("error", "%s", e.text)
	for _, hint := range e.hints {
		m.line("hint", "%s", hint)
	}
}

// line is the one way to standard error: whatever a token, a certificate or a
// server has put into the arguments cannot steer the terminal.
func (m *messenger) line(kind, format string, args ...any) {
	text := indented(printable(fmt.Sprintf(format, args...)))
	fmt.Fprintf(m.out, "%s: %s: %s\n", program, kind, text)
}
