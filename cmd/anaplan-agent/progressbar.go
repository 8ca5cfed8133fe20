package main

// How far something is, in one line of a terminal that is written over.

import (
	"fmt"
	"io"
	"os"
	"time"
)

// progressBar shows progress where a person can see it.
type progressBar struct {
	out   io.Writer // nil: nobody watches
	shown bool
	at    time.Time // when something was shown last
}

// progressPause is how often the line changes at most.
const progressPause = 100 * time.Millisecond

// newProgressBar returns one for standard error, if that is a terminal.
func newProgressBar() *progressBar {
	if !isTerminal(os.Stderr) {
		return &progressBar{}
	}
	return &progressBar{out: os.Stderr}
}

// eraseLine takes the line away, and lets what follows begin where it began.
const eraseLine = "\r\x1b[K"

// show puts text in the place of what was shown before.
func (p *progressBar) show(format string, args ...any) {
	if p.out == nil || time.Since(p.at) < progressPause {
		return
	}
	p.shown, p.at = true, time.Now()
	io.WriteString(p.out, eraseLine+program+": "+oneLine(fmt.Sprintf(format, args...)))
}

// clear makes room for other words.
func (p *progressBar) clear() {
	if p.shown {
		p.shown = false
		io.WriteString(p.out, eraseLine)
	}
}

// last leaves a line behind, which says what came of it.
func (p *progressBar) last(format string, args ...any) {
	if p.out == nil {
		return
	}
	p.clear()
	io.WriteString(p.out, program+": "+oneLine(fmt.Sprintf(format, args...))+"\n")
}
