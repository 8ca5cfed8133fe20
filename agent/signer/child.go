package signer

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/frame"
	"github.com/anaplan-agent/anaplan-agent/agent/locked"
	"github.com/anaplan-agent/anaplan-agent/agent/processgroup"
)

const (
	// remarksDelay is how long the output and the standard error of a dead child are read on. A
	// program that it has left behind may hold them open for ever.
	remarksDelay = 250 * time.Millisecond

	// soon is how long a child is waited for that has its result. Most end sooner, and the signal
	// of an end would come while the login is sent: it saves what is in the processor's registers,
	// pieces of the login too, on a stack that nobody clears.
	soon = 100 * time.Millisecond

	// killDelay is how long a killed child is waited for. One that sits in a driver ends
	// when the driver lets it.
	killDelay = 5 * time.Second
)

// errNoCommand is a Process without a Command.
var errNoCommand = errors.New("there is no command for it")

// child is a signer process at work, as its parent sees it.
type child struct {
	cmd      *exec.Cmd
	group    *processgroup.Group // of the command and what it starts
	input    *os.File            // our end of its standard input, open as long as it shall live
	output   *os.File            // our end of its standard output
	remarks  *remarks
	pin      *locked.Block // nil: it has none
	messages chan message  // what it sends; closed at the end of its output
	written  chan struct{} // closed when the order is written, or cannot be
}

// command returns the child's command, not started.
func (p *Process) command() *exec.Cmd {
	if p.Path == "" {
		return exec.Command(p.Command[0], p.Command[1:]...)
	}
	return &exec.Cmd{Path: p.Path, Args: p.Command}
}

// start starts a child and gives it its order.
func (p *Process) start(order, pin []byte) (*child, error) {
	if len(p.Command) == 0 {
		return nil, errNoCommand
	}
	c := &child{cmd: p.command(), remarks: new(remarks), messages: make(chan message), written: make(chan struct{})}
	c.cmd.Env, c.cmd.Stderr, c.cmd.WaitDelay = p.Env, c.remarks, remarksDelay
	if err := c.startPiped(); err != nil {
		return nil, err
	}
	if pin != nil {
		c.pin = p.memory.Keep(pin)
	}
	go c.read()
	go func() {
		defer close(c.written)
		// Beside the reading: a child that does not read may still have something to say,
		// and time runs. It fails when the child ends, which read sees as well.
		writeOrder(c.input, order, c.knownPIN())
	}()
	return c, nil
}

// knownPIN returns the PIN that the child was given; nil: none.
func (c *child) knownPIN() []byte {
	if c.pin == nil {
		return nil
	}
	return c.pin.Bytes()
}

func (c *child) forgetPIN() {
	if c.pin != nil {
		c.pin.Free()
	}
}

// startPiped starts the command on two new pipes. If it fails it leaves none of them.
func (c *child) startPiped() error {
	stdin, input, err := os.Pipe()
	if err != nil {
		return err
	}
	defer stdin.Close()
	output, stdout, err := os.Pipe()
	if err != nil {
		input.Close()
		return err
	}
	defer stdout.Close()
	c.input, c.output, c.cmd.Stdin, c.cmd.Stdout = input, output, stdin, stdout
	if c.group, err = processgroup.Start(c.cmd); err != nil {
		input.Close()
		output.Close()
	}
	return err
}

// read reads the child's frames to the end of its output. What follows garbage is read
// and dropped, so that the child does not hang on it.
func (c *child) read() {
	defer close(c.messages)
	for {
		f, err := frame.Read(c.output, maxPayload, kindNotice, kindLogin, kindProblem, kindMemory)
		switch {
		case errors.Is(err, frame.ErrGarbage):
			c.messages <- message{err: err}
			io.Copy(io.Discard, c.output)
			return
		case err != nil:
			return
		}
		c.messages <- message{Frame: f}
	}
}

// end closes the child's standard input, gives it the grace, kills it and all that it
// started, leaves its device, and returns how it ended; nil if even that does not end it.
// hear gets what the child sends meanwhile.
func (c *child) end(hear func(message), grace time.Duration, device *device) *os.ProcessState {
	c.input.Close()
	c.linger(hear, grace)
	// Before Wait, whether the child has ended or not: until then its number and that of
	// its group are nobody else's. A process whose output has ended because it ends has
	// its status by now, and keeps it.
	c.group.Kill()
	state := c.reap(killDelay, device)
	c.drain(hear)
	<-c.written
	return state
}

// drain hears what the child has sent before it was killed, and closes its output. A program that it
// has left behind may hold that open for ever.
func (c *child) drain(hear func(message)) {
	if c.output.SetReadDeadline(time.Now().Add(remarksDelay)) != nil {
		c.output.Close() // on a system where pipes have no deadlines
	}
	for m := range c.messages { // until read has ended
		hear(m)
	}
	c.output.Close()
}

// linger returns when the output has ended, which it reports, or the grace has.
func (c *child) linger(hear func(message), grace time.Duration) (ended bool) {
	over := time.NewTimer(grace)
	defer over.Stop()
	for {
		select {
		case m, open := <-c.messages:
			if !open {
				return true
			}
			hear(m)
		case <-over.C:
			return false
		}
	}
}

// reap waits for the end of a child that was killed, and leaves its device. One that does
// not end is left to a goroutine, and its device to it.
func (c *child) reap(patience time.Duration, device *device) *os.ProcessState {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		c.cmd.Wait() // its error says no more than the state
	}()
	select {
	case <-ended:
		device.leave()
		return c.cmd.ProcessState
	case <-time.After(patience):
		go device.keep(c.cmd.Process.Pid, ended)
		return nil
	}
}
