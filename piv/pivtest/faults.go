package pivtest

import (
	"encoding/binary"
	"slices"
	"time"
)

// Fault makes the card go wrong. It fits commands of an instruction and counts down;
// of several that fit, the first counts. A command is one however many APDUs it takes:
// the fault comes with the last of a chain, and GET RESPONSE has one by name only.
type Fault struct {
	INS      byte // 0: any
	WithData bool // only commands with data: a VERIFY without asks for the counter
	Skip     int  // commands that fit and pass first
	Times    int  // 0: once; -1: always

	SW     uint16        // answer this and do nothing
	Answer []byte        // answer this as it is, and do nothing
	Delay  time.Duration // answer so much later
	Freeze bool          // do not answer before Thaw, which drops it if it has not come

	// AfterSW is answered when the command has been executed, in place of its own answer:
	// a PIN is counted, say, and its counter not told.
	AfterSW uint16

	// Before is called first, before any waiting, and After when the command has been
	// executed: to pull the card in the middle, say. A card that Before pulls executes the
	// command all the same, unless SW keeps it from that: nobody sees the answer.
	Before, After func()
}

// Command is a command that a card has had, without its data: there are PINs in that, and
// lists of commands are printed by tests that fail.
type Command struct {
	INS, P1, P2 byte
	Length      int // of the data, in bytes
	SW          uint16
}

// Inject makes the card go wrong from now on.
func (c *Card) Inject(fault Fault) {
	if fault.Times == 0 {
		fault.Times = 1
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = append(c.faults, &fault)
}

// ClearFaults makes the card work again. What is frozen stays so until Thaw.
func (c *Card) ClearFaults() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.faults = nil
}

// Thaw lets a command go on that a fault has frozen or delays, or that waits for a touch, and drops
// the freezes to come: the caller need not know whether the command that was to freeze has come.
func (c *Card) Thaw() {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(c.thaw)
	c.thaw = make(chan struct{})
	c.faults = slices.DeleteFunc(c.faults, func(f *Fault) bool { return f.Freeze })
}

// Commands returns what the card was asked, and ForgetCommands forgets it. GET
// RESPONSE and the links of chains are in it, and what a fault answered.
func (c *Card) Commands() []Command {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]Command(nil), c.commands...)
}

// ForgetCommands empties Commands.
func (c *Card) ForgetCommands() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.commands = nil
}

// next returns the fault for a command, nil for none, and what ends its waiting.
func (c *Card) next(a apdu) (*Fault, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if a.link() {
		return nil, nil
	}
	for _, f := range c.faults {
		switch {
		case !f.fits(a) || f.Times == 0:
			continue
		case f.Skip > 0:
			f.Skip--
			continue
		case f.Times > 0:
			f.Times--
		}
		return f, c.thaw
	}
	return nil, nil
}

// fits tells whether the fault is for such a command.
func (f *Fault) fits(a apdu) bool {
	if f.WithData && len(a.data) == 0 {
		return false
	}
	return f.INS == a.ins || f.INS == 0 && a.ins != insGetResponse
}

// wait delays a command or freezes it.
func (f *Fault) wait(thaw <-chan struct{}) {
	if f.Freeze {
		<-thaw
	}
	if f.Delay > 0 {
		timer := time.NewTimer(f.Delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-thaw:
		}
	}
}

// A fault that answers keeps the command from the card, so that no try is counted and no
// key used. disturb does what a fault does before a command; done tells that answer is all
// that comes of it.
func (c *Card) disturb(a apdu, f *Fault, thaw <-chan struct{}) (answer []byte, done bool) {
	if f.Before != nil {
		f.Before()
	}
	f.wait(thaw)
	switch {
	case f.Answer != nil:
		answer = f.Answer
	case f.SW != 0:
		answer = withStatus(nil, f.SW)
	default:
		return nil, false
	}
	c.note(a, lastWord(answer))
	return answer, true
}

// note notes down a command that a fault has answered, which ends a chain too.
func (c *Card) note(a apdu, sw uint16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.chain, c.rest = apdu{}, nil
	c.commands = append(c.commands, Command{a.ins, a.p1, a.p2, len(a.data), sw})
}

// lastWord returns the status word of an answer; 0 for one too short.
func lastWord(answer []byte) uint16 {
	if len(answer) < 2 {
		return 0
	}
	return binary.BigEndian.Uint16(answer[len(answer)-2:])
}
