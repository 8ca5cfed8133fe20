package pivtest

import (
	"encoding/binary"
	"slices"
	"sync"
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

	// Refuse is asked after Before and the waiting: true keeps the command from the card, as SW
	// does, and 6F00 is answered. So a test decides when the command has come.
	Refuse func() bool

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

// probe is a test's hand on a card: it makes commands go wrong, and keeps what they were.
type probe struct {
	mu       sync.Mutex
	faults   []*Fault
	commands []Command
	thaw     chan struct{} // closed to let frozen commands go on
}

// Inject makes the card go wrong from now on.
func (p *probe) Inject(fault Fault) {
	if fault.Times == 0 {
		fault.Times = 1
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, &fault)
}

// ClearFaults makes the card work again. What is frozen stays so until Thaw.
func (p *probe) ClearFaults() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = nil
}

// Thaw lets a command go on that a fault has frozen or delays, or that waits for a touch, and drops
// the freezes to come: the caller need not know whether the command that was to freeze has come.
func (p *probe) Thaw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.thaw)
	p.thaw = make(chan struct{})
	p.faults = slices.DeleteFunc(p.faults, func(f *Fault) bool { return f.Freeze })
}

// Commands returns what the card was asked, and ForgetCommands forgets it. GET
// RESPONSE and the links of chains are in it, and what a fault answered.
func (p *probe) Commands() []Command {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Command(nil), p.commands...)
}

// ForgetCommands empties Commands.
func (p *probe) ForgetCommands() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.commands = nil
}

// next returns the fault for a command, nil for none, and what ends its waiting.
func (p *probe) next(a apdu) (*Fault, <-chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a.link() {
		return nil, nil
	}
	for _, f := range p.faults {
		switch {
		case !f.fits(a) || f.Times == 0:
			continue
		case f.Skip > 0:
			f.Skip--
			continue
		case f.Times > 0:
			f.Times--
		}
		return f, p.thaw
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

// before does what a fault does before a command. A fault that answers keeps the command from the
// card, so that no try is counted and no key used; done tells that answer is all that comes of it.
func (f *Fault) before(thaw <-chan struct{}) (answer []byte, done bool) {
	if f.Before != nil {
		f.Before()
	}
	f.wait(thaw)
	switch {
	case f.Answer != nil:
		return f.Answer, true
	case f.SW != 0 || f.Refuse != nil && f.Refuse():
		return withStatus(nil, orElse(f.SW, swFailed)), true
	}
	return nil, false
}

// note notes down a command, and how it ended.
func (p *probe) note(a apdu, sw uint16) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.commands = append(p.commands, Command{a.ins, a.p1, a.p2, len(a.data), sw})
}

// thawed returns what ends the waiting of a command: it is closed then.
func (p *probe) thawed() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.thaw
}

// breakOff notes down a command that a fault has answered, which ends a chain too.
func (c *Card) breakOff(a apdu, sw uint16) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.line = line{}
	c.note(a, sw)
}

// lastWord returns the status word of an answer; 0 for one too short.
func lastWord(answer []byte) uint16 {
	if len(answer) < 2 {
		return 0
	}
	return binary.BigEndian.Uint16(answer[len(answer)-2:])
}
