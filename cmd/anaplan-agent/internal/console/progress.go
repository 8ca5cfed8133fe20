package console

// Progress, in one line of a terminal that is written over.

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
)

// ProgressBar shows progress where a person can see it.
type ProgressBar struct {
	Out   io.Writer // nil: nobody watches
	shown bool
	At    time.Time // when something was shown last
}

// progressPause is how often the line changes at most.
const progressPause = 100 * time.Millisecond

// NewProgressBar returns one for standard error, if that is a terminal.
func NewProgressBar() *ProgressBar {
	if !ObeysEscapes(os.Stderr) {
		return &ProgressBar{}
	}
	return &ProgressBar{Out: os.Stderr}
}

// EraseLine takes the line away, and lets what follows begin where it began.
const EraseLine = "\r\x1b[K"

// Show puts text in the place of what was shown before.
func (p *ProgressBar) Show(format string, args ...any) {
	if p.Out == nil || time.Since(p.At) < progressPause {
		return
	}
	p.shown, p.At = true, time.Now()
	io.WriteString(p.Out, EraseLine+build.Program+": "+OneLine(fmt.Sprintf(format, args...)))
}

// Clear makes room for other messages.
func (p *ProgressBar) Clear() {
	if p.shown {
		p.shown = false
		io.WriteString(p.Out, EraseLine)
	}
}

// Last leaves a line with the result.
func (p *ProgressBar) Last(format string, args ...any) {
	if p.Out == nil {
		return
	}
	p.Clear()
	io.WriteString(p.Out, build.Program+": "+OneLine(fmt.Sprintf(format, args...))+"\n")
}
