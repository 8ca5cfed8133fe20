package pivtest

import (
	"bytes"
	"fmt"
	"testing"
)

func TestParseAPDU(t *testing.T) {
	t.Parallel()
	big := bytes.Repeat([]byte{0xAA}, 300)
	extended := append([]byte{0, 0xCB, 0x3F, 0xFF, 0, 0x01, 0x2C}, big...)
	for name, test := range map[string]struct {
		raw      []byte
		data     int
		expected int
		sw       uint16
	}{
		"nothing":                     {nil, 0, 0, swWrongLength},
		"half a header":               {unhex(t, "00CB3F"), 0, 0, swWrongLength},
		"case 1":                      {unhex(t, "00CB3FFF"), 0, 256, swOK},
		"case 2":                      {unhex(t, "00CB3FFF 10"), 0, 16, swOK},
		"case 2, all":                 {unhex(t, "00CB3FFF 00"), 0, 256, swOK},
		"case 3":                      {unhex(t, "00CB3FFF 02 AABB"), 2, 256, swOK},
		"case 4":                      {unhex(t, "00CB3FFF 02 AABB 07"), 2, 7, swOK},
		"case 2 extended":             {unhex(t, "00CB3FFF 00 0102"), 0, 258, swOK},
		"case 2 extended, all":        {unhex(t, "00CB3FFF 00 0000"), 0, 65536, swOK},
		"case 3 extended":             {extended, 300, 256, swOK},
		"case 4 extended":             {append(bytes.Clone(extended), 0, 0), 300, 65536, swOK},
		"too little data":             {unhex(t, "00CB3FFF 03 AABB"), 0, 0, swWrongLength},
		"too much data":               {unhex(t, "00CB3FFF 01 AABBCC"), 0, 0, swWrongLength},
		"extended and cut":            {unhex(t, "00CB3FFF 00 01"), 0, 0, swWrongLength},
		"extended, too little data":   {extended[:200], 0, 0, swWrongLength},
		"extended, half an Le":        {append(bytes.Clone(extended), 0), 0, 0, swWrongLength},
		"extended, of no data at all": {unhex(t, "00CB3FFF 00 0000 0000"), 0, 0, swWrongLength},
	} {
		a, sw := parseAPDU(test.raw)
		if sw != test.sw || sw == swOK && (len(a.data) != test.data || a.expected != test.expected) {
			t.Errorf("%s: %04X, %d bytes, %d expected", name, sw, len(a.data), a.expected)
		}
	}
}

func TestClass(t *testing.T) {
	t.Parallel()
	play(t, newTestCard(t, Options{}),
		step{"80FD0000", "6E00"},
		step{"01FD0000", "6E00"}, // another logical channel
		step{"0CFD0000", "6E00"}, // secure messaging
		step{"00FD0000", "050403 9000"},
	)
}

// A command in links is one command; another one in between makes the card forget them.
func TestCommandChaining(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{})
	c.PutObject(0x5FC102, []byte("CHUID"))
	play(t, c,
		step{"10CB3FFF 02 5C03", "9000"},
		step{"10CB3FFF 02 5FC1", "9000"},
		step{"00CB3FFF 01 02", "53 05 4348554944 9000"},
		step{"10CB3FFF 02 5C03", "9000"},
		step{"00FD0000", "050403 9000"},
		step{"00CB3FFF 03 5FC102", "6A80"}, // its beginning is lost
		step{"10CB3FFF 02 5C03", "9000"},
		step{"00CB3FFE 03 5FC102", "6A86"}, // other parameters
	)
	c.PowerUp()
	play(t, c, step{hexSelect, "61..."}, step{"10CB3FFF 02 5C03", "9000"})
	c.PowerUp()
	play(t, c, step{hexSelect, "61..."}, step{"00CB3FFF 03 5FC102", "6A80"})
}

// A chain may not grow for ever.
func TestCommandChainHasAnEnd(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{})
	link := append([]byte{0x10, 0xDB, 0x3F, 0xFF, 0xFF}, make([]byte, 0xFF)...)
	for range maximumChain/0xFF + 1 {
		if answer := c.Transmit(link); !bytes.Equal(answer, []byte{0x90, 0}) {
			if !bytes.Equal(answer, []byte{0x6A, 0x84}) {
				t.Errorf("%X", answer)
			}
			return
		}
	}
	t.Error("no end")
}

// What is joined is not the reader's memory, which it uses again.
func TestLinksAreCopied(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{})
	link := unhex(t, "10CB3FFF 02 5C03")
	c.Transmit(link)
	clear(link)
	play(t, c, step{"00CB3FFF 03 5FC102", "6A82"})
}

func TestResponseChaining(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{})
	object := bytes.Repeat([]byte{0x42}, 600)
	c.PutObject(0x5FC105, object)
	get := unhex(t, "00CB3FFF 05 5C035FC105")
	answer := c.Transmit(get)
	if len(answer) != 258 || answer[256] != 0x61 || answer[257] != 0xFF {
		t.Fatalf("%d bytes that end in %X", len(answer), answer[len(answer)-2:])
	}
	if data, status := ask(t, c, "00CB3FFF 05 5C035FC105"); status != "9000" || !bytes.Equal(data, tlv(0x53, object)) {
		t.Errorf("%d bytes, %s", len(data), status)
	}
	// Another command drops what is left; without it there is nothing to get.
	c.Transmit(get)
	play(t, c, step{"00FD0000", "050403 9000"}, step{"00C00000", "9000"})
	// An extended Le takes it at once.
	whole := c.Transmit(unhex(t, "00CB3FFF 00 0005 5C035FC105 0000"))
	if want := append(tlv(0x53, object), 0x90, 0); !bytes.Equal(whole, want) {
		t.Errorf("%d bytes", len(whole))
	}
}

// Commands are noted with their parameters and lengths, and without data.
func TestCommands(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{})
	c.ForgetCommands()
	play(t, c, step{hexWrongPIN, "63C2"}, step{"10CB3FFF 02 5C03", "9000"}, step{"00CB3FFF 03 5FC102", "6A82"})
	want := "[{32 0 128 8 25538} {203 63 255 2 36864} {203 63 255 3 27266}]"
	if got := fmt.Sprint(c.Commands()); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	c.ForgetCommands()
	if n := len(c.Commands()); n != 0 {
		t.Errorf("%d after they were forgotten", n)
	}
}

func TestTLV(t *testing.T) {
	t.Parallel()
	for _, size := range []int{0, 1, 0x7F, 0x80, 0xFF, 0x100, 3000} {
		value := bytes.Repeat([]byte{7}, size)
		tag, got, rest, ok := parseTLV(append(tlv(0x70, value), 1, 2))
		if !ok || tag != 0x70 || !bytes.Equal(got, value) || len(rest) != 2 {
			t.Errorf("%d bytes: %02X, %d, %d, %v", size, tag, len(got), len(rest), ok)
		}
	}
	for _, bad := range []string{"", "70", "7001", "7080" + fmt.Sprintf("%0256d", 0), "7081", "708105AA", "70820001", "7083000001AA"} {
		if _, _, _, ok := parseTLV(unhex(t, bad)); ok {
			t.Errorf("%s is an object", bad)
		}
	}
	if got := fmt.Sprintf("%X", tlv(0x7F49, tlv(0x5FC102))); got != "7F49045FC10200" {
		t.Error(got)
	}
}

// No command makes the card fail, or answer without a status word.
func FuzzTransmit(f *testing.F) {
	for _, command := range []string{
		"", "00", hexSelect, hexPIN, hexQuery, "00240080 10 313233343536FFFF363534333231FFFF",
		"002C0080 10 3132333435363738363534333231FFFF", "0047009A 05 AC03800111", "0087119A 04 7C028200",
		"0087039B 04 7C028000", "0087039B 04 7C028100", "00CB3FFF 05 5C035FC105", "00DB3FFF 0A 5C035FC105 53037001AA",
		"00F69A9C", "00F7009A", "00F99A00", "00FA0505", "00FB0000", "00FE119A 04 0602AABB", "00FFFFFF 05 039B021122",
		"00C00000", "10CB3FFF 02 5C03", "00CB3FFF 00 0005 5C035FC105 0000", "001D0000", "00011000",
	} {
		f.Add(unhex(f, command), true)
	}
	saved, err := newTestCard(f, Options{Firmware: "5.7.1", PINTries: 255, PUKTries: 255}).Save()
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, command []byte, managed bool) {
		c, err := LoadCard(saved)
		if err != nil {
			t.Fatal(err)
		}
		c.chip.piv.options.Keys = sharedKeys
		c.Transmit(unhex(t, hexSelect))
		c.chip.piv.pins.verified, c.chip.piv.manager.proved = managed, managed
		for range 2 {
			if answer := c.Transmit(command); len(answer) < 2 {
				t.Errorf("%X is answered with %X", command, answer)
			}
		}
		if err := c.PutKey(0x9A, ed25519Key(), Policy{}); err != nil {
			t.Fatal(err)
		}
		c.Transmit(command)
	})
}

// TestT0: by T=0 the data comes when exactly as much is asked for as there is, and never to a command
// that has data itself.
func TestT0(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{Quirks: Quirks{OnlyT0: true}})
	c.PutObject(0x5FC102, []byte("CHUID"))
	play(t, c,
		step{"00FD0000 00", "6C03"},
		step{"00FD0000 03", "050403 9000"},
		step{"00CB3FFF 05 5C035FC102 00", "6700"},
		step{"00CB3FFF 00 0005 5C035FC102", "6700"},
		step{"00CB3FFF 05 5C035FC102", "6C07"}, // to the GET RESPONSE that 6100 is followed by
		step{"00C00000 07", "53054348554944 9000"},
	)
	if atr := c.ATR(); atr[1]&0x80 != 0 {
		t.Errorf("% X offers more than T=0", atr)
	}
}
