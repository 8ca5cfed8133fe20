package console

// Progress, in one line of a terminal that is written over.

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
)

// ProgressBar shows progress where a person can see it. Any number of goroutines may use it.
type ProgressBar struct {
	Out io.Writer // nil: nobody watches

	mu    sync.Mutex
	shown bool
	at    time.Time     // when something was shown last
	live  func() string // what is shown anew every second; nil, or "" from it: nothing
}

const (
	// progressPause is how often the line changes at most.
	progressPause = 100 * time.Millisecond

	// livePause is how often a line that lives is shown anew, and how long a step takes that is
	// worth a line.
	livePause = time.Second
)

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
	p.mu.Lock()
	defer p.mu.Unlock()
	p.live = nil
	p.write(fmt.Sprintf(format, args...))
}

// Live shows a text that changes: now, and under [ProgressBar.Watch] every second.
func (p *ProgressBar) Live(text func() string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.live = text
	p.write(text())
}

// Step says what is going on from now on, which is shown once it has taken a second, with the time
// that it has taken.
func (p *ProgressBar) Step(format string, args ...any) {
	text, began := fmt.Sprintf(format, args...), time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.live = func() string { return Timed(text, began) }
}

// Timed is a text with the seconds since a time; "" before there is one.
func Timed(text string, began time.Time) string {
	took := time.Since(began).Truncate(time.Second)
	if took == 0 {
		return ""
	}
	return fmt.Sprintf("%s (%v)", text, took)
}

// Watch shows what lives while do runs.
func (p *ProgressBar) Watch(do func() error) error {
	if p.Out == nil {
		return do()
	}
	done := make(chan struct{})
	var watching sync.WaitGroup
	watching.Go(func() { p.tick(done) })
	defer func() {
		close(done)
		watching.Wait()
		p.End()
	}()
	return do()
}

// tick shows every second what lives, until done.
func (p *ProgressBar) tick(done <-chan struct{}) {
	ticker := time.NewTicker(livePause)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
			p.again()
		}
	}
}

func (p *ProgressBar) again() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live != nil {
		p.write(p.live())
	}
}

// write shows a text; mu is held.
func (p *ProgressBar) write(text string) {
	if p.Out == nil || text == "" || time.Since(p.at) < progressPause {
		return
	}
	p.shown, p.at = true, time.Now()
	io.WriteString(p.Out, EraseLine+build.Program+": "+OneLine(Printable(text)))
}

// Clear makes room for other messages.
func (p *ProgressBar) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown {
		p.shown = false
		io.WriteString(p.Out, EraseLine)
	}
}

// End is Clear where what lived is over.
func (p *ProgressBar) End() {
	p.mu.Lock()
	p.live = nil
	p.mu.Unlock()
	p.Clear()
}
