//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/piv/pivtest"
)

// order is a thing that ctl can have done.
type order struct {
	name string
	// arguments is how many there may be, at least and at most.
	least, most int
	do          func(e *rig, arguments []string) (string, error)
}

// orders are all of them; help.txt says what they mean.
func orders() []order {
	return []order{
		{"clear", 0, 0, (*rig).orderClear},
		{"commands", 0, 1, (*rig).orderCommands},
		{"fault", 2, 4, (*rig).orderFault},
		{"forget", 0, 1, onCard((*pivtest.Card).ForgetCommands)},
		{"freeze", 0, 1, onCard(func(card *pivtest.Card) { card.Inject(pivtest.Fault{Freeze: true}) })},
		{"hold", 0, 1, (*rig).orderHold},
		{"insert", 0, 1, func(e *rig, a []string) (string, error) { return "", e.onCard(a, e.insert) }},
		{"pcscd", 1, 1, (*rig).orderDaemon},
		{"pin-tries", 1, 2, setTries((*pivtest.Card).SetPINTriesLeft)},
		{"puk-tries", 1, 2, setTries((*pivtest.Card).SetPUKTriesLeft)},
		{"pull", 0, 1, func(e *rig, a []string) (string, error) { return "", e.onCard(a, e.pull) }},
		{"release", 0, 0, (*rig).orderRelease},
		{"slow", 2, 3, (*rig).orderSlow},
		{"status", 0, 0, (*rig).orderStatus},
		{"thaw", 0, 1, onCard((*pivtest.Card).Thaw)},
		{"touch", 0, 1, (*rig).orderTouch},
	}
}

// obey answers ctl until the socket is closed.
func (e *rig) obey() {
	for {
		conn, err := e.control.Accept()
		if err != nil {
			return
		}
		e.orders.Go(func() {
			defer conn.Close()
			e.answer(conn)
		})
	}
}

// orderTimeout is for the order to arrive, not for its being done.
const orderTimeout = 10 * time.Second

// answer reads an order, a line of words, and writes what came of it: ok or error on
// a line, and text.
func (e *rig) answer(conn net.Conn) {
	// A client that says nothing must not hold up the end of the emulator.
	conn.SetReadDeadline(time.Now().Add(orderTimeout))
	line, err := bufio.NewReader(io.LimitReader(conn, 4096)).ReadString('\n')
	if err != nil {
		return
	}
	text, err := e.carryOut(strings.Fields(line))
	if err != nil {
		fmt.Fprintf(conn, "error\n%v\n", err)
		return
	}
	fmt.Fprintf(conn, "ok\n%s", text)
}

// carryOut does what an order says.
func (e *rig) carryOut(words []string) (string, error) {
	if len(words) == 0 {
		return "", errors.New("no order")
	}
	// The error lists them, so that nobody has to look the words up.
	known := orders()
	at := slices.IndexFunc(known, func(o order) bool { return o.name == words[0] })
	if at < 0 {
		var names []string
		for _, o := range known {
			names = append(names, o.name)
		}
		return "", fmt.Errorf("order %q is not one of %s", words[0], strings.Join(names, ", "))
	}
	if n := len(words) - 1; n < known[at].least || n > known[at].most {
		return "", fmt.Errorf("order %s takes %d to %d arguments, not %d", words[0], known[at].least, known[at].most, n)
	}
	// A touch must be possible while another order waits for the card.
	if words[0] != "touch" && words[0] != "thaw" {
		e.mu.Lock()
		defer e.mu.Unlock()
	}
	return known[at].do(e, words[1:])
}

// onCard does something to the card whose number, from 1, is the last argument, or
// to the first.
func (e *rig) onCard(arguments []string, do func(card int) error) error {
	// People have one card, and leave its number out.
	card := 1
	if len(arguments) > 0 {
		var err error
		if card, err = strconv.Atoi(arguments[len(arguments)-1]); err != nil || card < 1 || card > len(e.cards) {
			return fmt.Errorf("card %q is not there; cards are numbered from 1 to %d", arguments[len(arguments)-1], len(e.cards))
		}
	}
	return do(card - 1)
}

// on does something to the card itself.
func (e *rig) on(arguments []string, do func(*pivtest.Card)) error {
	return e.onCard(arguments, func(card int) error {
		do(e.cards[card])
		return nil
	})
}

// onCard returns the order that does something to the card itself.
func onCard(do func(*pivtest.Card)) func(*rig, []string) (string, error) {
	return func(e *rig, a []string) (string, error) { return "", e.on(a, do) }
}

// orderClear drops the faults to come, on all cards.
func (e *rig) orderClear([]string) (string, error) {
	for _, card := range e.cards {
		card.ClearFaults()
	}
	return "", nil
}

// orderFault has an instruction answered with a status word: INS SW [TIMES [CARD]].
func (e *rig) orderFault(a []string) (string, error) {
	fault, err := parseInstruction(a[0])
	if err != nil {
		return "", err
	}
	// Four digits, as documents write it: of 698 nobody knows what was meant.
	sw, err := strconv.ParseUint(a[1], 16, 16)
	if err != nil || len(a[1]) != 4 {
		return "", fmt.Errorf("%q is not a status word of 4 hexadecimal digits", a[1])
	}
	fault.SW = uint16(sw)
	if len(a) > 2 {
		if fault.Times, err = strconv.Atoi(a[2]); err != nil || fault.Times < -1 {
			return "", fmt.Errorf("%q is not a number of times, nor -1 for always", a[2])
		}
	}
	return "", e.on(a[min(3, len(a)):], func(card *pivtest.Card) { card.Inject(fault) })
}

// orderSlow has an instruction answered late: INS TIME [CARD].
func (e *rig) orderSlow(a []string) (string, error) {
	fault, err := parseInstruction(a[0])
	if err != nil {
		return "", err
	}
	if fault.Delay, err = time.ParseDuration(a[1]); err != nil || fault.Delay <= 0 {
		return "", fmt.Errorf("%q is not a time such as 2s", a[1])
	}
	return "", e.on(a[2:], func(card *pivtest.Card) { card.Inject(fault) })
}

// parseInstruction begins a fault with its instruction; "any" is each.
func parseInstruction(text string) (pivtest.Fault, error) {
	if text == "any" {
		return pivtest.Fault{}, nil
	}
	ins, err := strconv.ParseUint(text, 16, 8)
	if err != nil || len(text) != 2 {
		return pivtest.Fault{}, fmt.Errorf("%q is not an instruction of 2 hexadecimal digits, such as 87, nor any", text)
	}
	return pivtest.Fault{INS: byte(ins)}, nil
}

// setTries returns the order that sets a counter of tries: TRIES [CARD].
func setTries(set func(*pivtest.Card, int)) func(*rig, []string) (string, error) {
	return func(e *rig, a []string) (string, error) {
		// More than 15 do not fit the status word that tells of them (63Cx).
		tries, err := strconv.Atoi(a[0])
		if err != nil || tries < 0 || tries > 15 {
			return "", fmt.Errorf("%q is not a number of tries, 0 to 15", a[0])
		}
		return "", e.on(a[1:], func(card *pivtest.Card) { set(card, tries) })
	}
}

// orderTouch touches the card, or says what touches it from now on.
func (e *rig) orderTouch(a []string) (string, error) {
	if len(a) == 0 {
		e.toucher.give()
		return "", nil
	}
	return "", e.toucher.set(a[0])
}

// orderHold keeps a card as another program does.
func (e *rig) orderHold(a []string) (string, error) {
	// One is enough to be in the way, and so release needs no argument.
	if e.release != nil {
		return "", errors.New("a card is held already")
	}
	return "", e.onCard(a, func(card int) error {
		release, err := e.stack.Hold(card, true)
		if err == nil {
			e.release = release
		}
		return err
	})
}

// orderRelease lets go of it.
func (e *rig) orderRelease([]string) (string, error) {
	if e.release == nil {
		return "", errors.New("no card is held")
	}
	e.release()
	e.release = nil
	return "", nil
}

// orderDaemon stops, kills or starts pcscd.
func (e *rig) orderDaemon(a []string) (string, error) {
	// The cards stay in their readers, and are seen again after the start.
	switch a[0] {
	case "stop":
		return "", e.stack.StopDaemon()
	case "kill":
		return "", e.stack.KillDaemon()
	case "start":
		return "", e.stack.StartDaemon()
	}
	return "", fmt.Errorf("%q is neither stop, kill nor start", a[0])
}

// orderStatus tells how the cards are.
func (e *rig) orderStatus([]string) (string, error) {
	var text strings.Builder
	for i, card := range e.cards {
		where := "out of its reader"
		if e.inserted[i] {
			where = "in its reader"
		}
		fmt.Fprintf(&text, "card %d: serial %d, firmware %s, %s, %d PIN tries, %d PUK tries\n",
			i+1, card.Serial(), card.Firmware(), where, card.PINTriesLeft(), card.PUKTriesLeft())
	}
	return text.String(), nil
}

// orderCommands lists the commands that a card has had, without their data.
func (e *rig) orderCommands(a []string) (string, error) {
	var text strings.Builder
	err := e.on(a, func(card *pivtest.Card) {
		for _, c := range card.Commands() {
			fmt.Fprintf(&text, "INS %02X P1 %02X P2 %02X, %d bytes: %04X\n", c.INS, c.P1, c.P2, c.Length, c.SW)
		}
	})
	return text.String(), err
}
