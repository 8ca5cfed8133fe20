package pivtest

import (
	"bytes"
	"testing"
)

// What cards of other makers have and lack, beside their instructions.
func TestMakers(t *testing.T) {
	t.Parallel()
	if _, err := NewCard(Options{Maker: "acme"}); err == nil {
		t.Error("a maker that nobody knows is taken")
	}
	cano := newTestCard(t, Options{Maker: CanoKey})
	play(t, cano,
		step{"00F7008A", "6A86"}, // a slot that it has not
		step{"00F70082", "6A88"},
		step{"00F7009B", "010103 020200 01 050101 9000"}, // 3DES, though it tells 5.7
		step{"00FD0000", "050700 9000"},
	)
	if !bytes.Contains(cano.ATR(), []byte("Canokey")) {
		t.Errorf("ATR %X", cano.ATR())
	}
	if err := cano.PutKey(0x8A, rsaKey(2048), Policy{}); err == nil {
		t.Error("a key is in a slot that it has not")
	}
	applet := newTestCard(t, Options{Maker: PivApplet})
	answer, _ := ask(t, applet, hexSelect)
	if !bytes.Contains(answer, []byte("PivApplet v0.8.1")) {
		t.Errorf("SELECT answers %X", answer)
	}
	play(t, applet, step{"00FD0000", "050300 9000"})
	play(t, reload(t, applet), step{"00FD0000", "050300 9000"}, step{"00F7009B", "6D00"})
}

// The first SELECT after each power up may be answered otherwise than all later ones.
func TestFirstSelect(t *testing.T) {
	t.Parallel()
	c, err := NewCard(Options{Quirks: Quirks{FirstSelect: 0x6700}})
	if err != nil {
		t.Fatal(err)
	}
	play(t, c, step{hexSelect, "6700"}, step{hexSelect, "61..."}, step{hexSelect, "61..."})
	c.PowerUp()
	play(t, c, step{hexSelect, "6700"}, step{hexSelect, "61..."})
}

// A command that does not say how much it wants may be told how much there is.
func TestStrictLe(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{Quirks: Quirks{StrictLe: true}})
	for _, step := range []struct{ command, want string }{
		{"00FD0000", "6103"}, {"00C0000000", "0504039000"}, {"00FD000000", "0504039000"}, {hexQuery, "63C3"},
	} {
		if got := c.Transmit(unhex(t, step.command)); !bytes.Equal(got, unhex(t, step.want)) {
			t.Errorf("%s: %X, want %s", step.command, got, step.want)
		}
	}
}

// A card may not tell the PIN policies of its keys.
func TestNoPolicies(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{Quirks: Quirks{NoPolicies: true}})
	if err := c.PutKey(0x9C, rsaKey(2048), Policy{PIN: PINAlways}); err != nil {
		t.Fatal(err)
	}
	play(t, c, step{"00F7009C", "010107 02020001 030102 04..."})
}
