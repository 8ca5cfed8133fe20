//go:build linux

package main

import (
	"bufio"
	"fmt"
	"os"
	"sync"
	"time"
)

// toucher decides about the touches that the cards wait for.
type toucher struct {
	tell func(string) // a line for people

	mu     sync.Mutex
	policy string
	delay  time.Duration
	given  chan struct{} // closed by a touch that was ordered
}

// newToucher returns a toucher of a policy, one of those of --touch.
func newToucher(policy string, tell func(string)) (*toucher, error) {
	t := &toucher{tell: tell, given: make(chan struct{})}
	return t, t.set(policy)
}

// set changes the policy, for touches to come.
func (t *toucher) set(policy string) error {
	delay := time.Duration(0)
	switch policy {
	case "now", "never", "ask", "wait":
	default:
		var err error
		if delay, err = time.ParseDuration(policy); err != nil || delay < 0 {
			return fmt.Errorf("%q is neither now, never, ask, wait nor a time", policy)
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.policy, t.delay = policy, delay
	return nil
}

// give touches the card that waits, or the next that does.
func (t *toucher) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-t.given: // twice is as good as once
	default:
		close(t.given)
	}
}

// touched is called when a card waits for a touch, and returns when it has it. The
// card itself gives up in its time.
func (t *toucher) touched() bool {
	t.mu.Lock()
	policy, delay, given := t.policy, t.delay, t.given
	t.mu.Unlock()
	switch policy {
	case "now":
		return true
	case "never":
		t.tell("the card waits for a touch, and nobody touches it")
		return false
	case "ask":
		return t.ask()
	case "wait":
		t.tell("the card waits for a touch: " + program + " ctl touch")
		<-given
		t.mu.Lock()
		defer t.mu.Unlock()
		// The next touch is another one.
		t.given = make(chan struct{})
		return true
	}
	time.Sleep(delay)
	return true
}

// ask has a person touch the card by the Enter key.
func (t *toucher) ask() bool {
	// Not standard input, which with exec is the command's.
	terminal, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		t.tell("the card waits for a touch, and there is no terminal to ask for it on")
		return false
	}
	defer terminal.Close()
	fmt.Fprintf(terminal, "%s: the card waits for a touch: press Enter ", program)
	_, err = bufio.NewReader(terminal).ReadString('\n')
	return err == nil
}
