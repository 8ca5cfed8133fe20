package pivtest

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// Faults pass, count and end as they say.
func TestFaultsCount(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		faults []Fault
		want   string // of five queries
	}{
		"none":           {nil, "63C3 63C3 63C3 63C3 63C3"},
		"once":           {[]Fault{{SW: 0x6F00}}, "6F00 63C3 63C3 63C3 63C3"},
		"later, twice":   {[]Fault{{INS: insVerify, Skip: 1, Times: 2, SW: 0x6F00}}, "63C3 6F00 6F00 63C3 63C3"},
		"always":         {[]Fault{{INS: insVerify, Times: -1, SW: 0x6985}}, "6985 6985 6985 6985 6985"},
		"another's":      {[]Fault{{INS: insGetData, Times: -1, SW: 0x6985}}, "63C3 63C3 63C3 63C3 63C3"},
		"two in a row":   {[]Fault{{SW: 0x6F00}, {SW: 0x6581}}, "6F00 6581 63C3 63C3 63C3"},
		"raw bytes":      {[]Fault{{Answer: []byte{0xAA, 0x90, 0x00}}}, "AA9000 63C3 63C3 63C3 63C3"},
		"only one byte":  {[]Fault{{Answer: []byte{0x90}}}, "90 63C3 63C3 63C3 63C3"},
		"of no response": {[]Fault{{INS: insGetResponse, SW: 0x6F00}}, "63C3 63C3 63C3 63C3 63C3"},
	} {
		c := newTestCard(t, Options{})
		for _, fault := range test.faults {
			c.Inject(fault)
		}
		var got []string
		for range 5 {
			got = append(got, strings.ToUpper(hexOf(c.Transmit(unhex(t, hexQuery)))))
		}
		if got := strings.Join(got, " "); got != test.want {
			t.Errorf("%s: %s, want %s", name, got, test.want)
		}
	}
}

func TestClearFaults(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{})
	c.Inject(Fault{Times: -1, SW: 0x6F00})
	c.ClearFaults()
	play(t, c, step{hexQuery, "63C3"})
}

// A command that a fault answers is not carried out, and one that is pulled at is.
func TestFaultsAndTheCommand(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{})
	c.Inject(Fault{INS: insVerify, SW: 0x6F00})
	play(t, c, step{hexWrongPIN, "6F00"})
	commands := c.Commands()
	if last := commands[len(commands)-1]; c.PINTriesLeft() != 3 || last.INS != insVerify || last.SW != 0x6F00 {
		t.Errorf("%d tries left after %+v", c.PINTriesLeft(), last)
	}
	var before, after int
	c.Inject(Fault{INS: insVerify, Before: func() { before = c.PINTriesLeft() }, After: func() { after = c.PINTriesLeft() }})
	play(t, c, step{hexWrongPIN, "63C2"})
	if before != 3 || after != 2 {
		t.Errorf("%d tries before it and %d after it", before, after)
	}
}

// A card may have carried a command out though it says otherwise.
func TestFaultsAfterTheCommand(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{})
	c.Inject(Fault{INS: insVerify, WithData: true, AfterSW: 0x6F00})
	play(t, c, step{hexQuery, "63C3"}, step{hexWrongPIN, "6F00"}, step{hexQuery, "63C2"})
	if commands := c.Commands(); c.WrongPINs() != 1 || commands[len(commands)-2].SW != 0x6F00 {
		t.Errorf("%d wrong PINs after %+v", c.WrongPINs(), commands)
	}
	c.Inject(Fault{INS: insVerify, WithData: true, AfterSW: 0x6982})
	play(t, c, step{hexPIN, "6982"}, step{hexQuery, "9000"})
	// Nothing is left of an answer in pieces.
	c.PutObject(0x5FC105, make([]byte, 300))
	c.Inject(Fault{INS: insGetData, AfterSW: 0x6581})
	play(t, c, step{"00CB3FFF 05 5C035FC105", "6581"}, step{"00C00000 00", "9000"})
}

// Whether a command is kept from the card can be said when it comes.
func TestFaultsRefuse(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{})
	refuse, after := true, 0
	c.Inject(Fault{INS: insVerify, Times: -1, Refuse: func() bool { return refuse }, After: func() { after++ }})
	play(t, c, step{hexWrongPIN, "6F00"}, step{hexQuery, "6F00"})
	if refuse = false; c.PINTriesLeft() != 3 || after != 0 {
		t.Errorf("%d tries left, %d done", c.PINTriesLeft(), after)
	}
	play(t, c, step{hexWrongPIN, "63C2"})
	if after != 1 {
		t.Errorf("%d done, want 1", after)
	}
	c.ClearFaults()
	c.Inject(Fault{SW: 0x6985, Refuse: func() bool { return false }})
	play(t, c, step{hexQuery, "6985"})
}

// A chain is one command: its fault comes with the last link.
func TestFaultsAndChains(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{})
	c.Inject(Fault{INS: insGetData, SW: 0x6F00})
	play(t, c,
		step{"10CB3FFF 02 5C03", "9000"},
		step{"00CB3FFF 03 5FC102", "6F00"},
	)
	c.PutObject(0x5FC105, make([]byte, 300))
	c.Inject(Fault{Skip: 1, SW: 0x6F00})
	play(t, c, step{"00CB3FFF 05 5C035FC105", "5382012C..."}, step{hexQuery, "6F00"})
}

// A frozen card answers when it is thawed, a slow one in its time.
func TestWaitingFaults(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newTestCard(t, Options{})
		c.Inject(Fault{Delay: time.Minute})
		start := time.Now()
		play(t, c, step{hexQuery, "63C3"})
		if d := time.Since(start); d != time.Minute {
			t.Errorf("after %v", d)
		}
		for _, fault := range []Fault{{Freeze: true}, {Delay: time.Hour}} {
			c.Inject(fault)
			thawed := time.Now().Add(time.Second)
			time.AfterFunc(time.Second, c.Thaw)
			play(t, c, step{hexQuery, "63C3"})
			if !time.Now().Equal(thawed) {
				t.Errorf("%+v: %v off", fault, time.Since(thawed))
			}
		}
	})
	// A thaw may come before the command.
	c := newTestCard(t, Options{})
	c.Inject(Fault{Freeze: true, Times: -1})
	c.Inject(Fault{SW: 0x6F00})
	c.Thaw()
	play(t, c, step{hexQuery, "6F00"}, step{hexQuery, "63C3"})
}
