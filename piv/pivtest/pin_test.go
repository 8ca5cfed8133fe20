package pivtest

import "testing"

func TestVerify(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{})
	play(t, c,
		step{hexQuery, "63C3"},
		step{hexQuery + "00", "63C3"}, // with an Le
		step{hexWrongPIN, "63C2"},
		step{hexQuery, "63C2"},
		step{hexPIN, "9000"},
		step{hexQuery, "9000"},
		step{hexWrongPIN, "63C2"}, // and not verified any more
		step{hexQuery, "63C2"},
		step{hexPIN, "9000"},
		step{"0020FF80", "9000"}, // log out
		step{hexQuery, "63C3"},
		step{"00200000", "6A88"}, // the global PIN
		step{"00200081 08 3132333435363738", "6A88"},
		step{"00200180", "6A86"},
		step{"00200080 08 31323334FFFFFFFF", "6A80"}, // too short
		step{"00200080 06 313233343536", "6A80"},     // not filled up
		step{"00200080 08 3132333435FF36FF", "6A80"},
		step{"00200080 09 313233343536373839", "6A80"},
		step{hexQuery, "63C3"}, // none of which costs a try
	)
	c.SetPINTriesLeft(1)
	play(t, c,
		step{hexWrongPIN, "63C0"},
		step{hexQuery, "6983"},
		step{hexPIN, "6983"},
	)
	if c.PINTriesLeft() != 0 {
		t.Errorf("%d tries left", c.PINTriesLeft())
	}
}

// Wrong PINs are counted for good, and only those that were compared.
func TestWrongPINs(t *testing.T) {
	t.Parallel()
	const right, wrong, puk = "313233343536FFFF", "393939393939FFFF", "3132333435363738"
	c := newTestCard(t, Options{})
	for i, test := range []struct {
		command string
		answer  string
		want    int
	}{
		{hexPIN, "9000", 0},
		{hexWrongPIN, "63C2", 1},
		{hexPIN, "9000", 1},
		{"00200080 08 31323334FFFFFFFF", "6A80", 1},         // too short
		{"00240080 10" + wrong + right, "63C2", 2},          // CHANGE REFERENCE DATA
		{"002C0080 10 3939393939393939" + right, "63C2", 2}, // a wrong PUK
		{hexWrongPIN, "63C1", 3},
		{"002C0080 10" + puk + right, "9000", 3},
		{hexWrongPIN, "63C2", 4},
		{hexWrongPIN, "63C1", 5},
		{hexWrongPIN, "63C0", 6},
		{hexWrongPIN, "6983", 6}, // blocked
	} {
		play(t, c, step{test.command, test.answer})
		if n := c.WrongPINs(); n != test.want {
			t.Errorf("%d wrong PINs after command %d, want %d", n, i+1, test.want)
		}
	}
	c.SetPUKTriesLeft(0)
	play(t, c, step{"00FB0000", "9000"}, step{hexPIN, "9000"})
	c.PowerUp()
	if n := c.WrongPINs(); n != 6 {
		t.Errorf("%d wrong PINs after RESET", n)
	}
}

// The counter has four bits on the wire, whatever it is.
func TestManyTries(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{PIN: "24682468", PINTries: 200})
	play(t, c, step{hexQuery, "63CF"}, step{hexPIN, "63CF"}, step{"00200080 08 3234363832343638", "9000"})
	if c.PINTriesLeft() != 200 {
		t.Errorf("%d tries left", c.PINTriesLeft())
	}
}

func TestPINQuirks(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{Quirks: Quirks{LastWrongPIN: 0x6983, BlockedQuery: 0x63C0, ShortPIN: 0x6700}})
	c.SetPINTriesLeft(1)
	play(t, c,
		step{"00200080 08 31323334FFFFFFFF", "6700"},
		step{hexWrongPIN, "6983"},
		step{hexQuery, "63C0"},
	)
	play(t, newTestCard(t, Options{}), step{hexPIN, "9000"}, step{hexSelect, "61..."}, step{hexQuery, "9000"})
	play(t, newTestCard(t, Options{Quirks: Quirks{SelectClearsPIN: true}}),
		step{hexPIN, "9000"}, step{hexSelect, "61..."}, step{hexQuery, "63C3"})
	// Another application loses it on every card.
	play(t, newTestCard(t, Options{}),
		step{hexPIN, "9000"}, step{"00A40400 08 A000000527471117", "..."}, step{hexSelect, "61..."}, step{hexQuery, "63C3"})
}

func TestChangeReference(t *testing.T) {
	t.Parallel()
	const (
		newPIN = "363534333231FFFF"
		oldPIN = "313233343536FFFF"
		oldPUK = "3132333435363738"
		newPUK = "3837363534333231"
	)
	c := newTestCard(t, Options{})
	play(t, c,
		step{"00240080 10" + oldPIN + newPIN, "9000"},
		step{hexPIN, "63C2"},
		step{"00200080 08" + newPIN, "9000"},
		step{"00240080 10" + oldPIN + oldPIN, "63C2"},
		step{hexQuery, "63C2"}, // not verified any more
		step{"00240080 10" + newPIN + "31323334FFFFFFFF", "6A80"},
		step{"00240080 08" + newPIN, "6A80"},
		step{"00240180 10" + newPIN + oldPIN, "6A86"},
		step{"00240000 10" + newPIN + oldPIN, "6A88"},
		step{hexQuery, "63C2"},
		step{"00240081 10" + oldPUK + newPUK, "9000"},
		step{"00240081 10" + oldPUK + newPUK, "63C2"},
		step{"00240081 10" + newPUK + oldPUK, "9000"},
	)
	if c.PUKTriesLeft() != 3 {
		t.Errorf("%d PUK tries left", c.PUKTriesLeft())
	}
}

// The PUK makes a PIN that is blocked a new one, until it is blocked itself.
func TestResetRetry(t *testing.T) {
	t.Parallel()
	const good, bad = "3132333435363738", "3939393939393939"
	c := newTestCard(t, Options{PINTries: 5})
	c.SetPINTriesLeft(0)
	play(t, c,
		step{"002C0080 10" + good + "363534333231FFFF", "9000"},
		step{hexQuery, "63C5"},
		step{"00200080 08 363534333231FFFF", "9000"},
		step{"002C0180 10" + good + "363534333231FFFF", "6A86"},
		step{"002C0081 10" + good + "363534333231FFFF", "6A88"},
		step{"002C0080 08" + good, "6A80"},
		step{"002C0080 10" + bad + "363534333231FFFF", "63C2"},
		step{"002C0080 10" + bad + "363534333231FFFF", "63C1"},
		step{"002C0080 10" + bad + "363534333231FFFF", "63C0"},
		step{"002C0080 10" + good + "363534333231FFFF", "6983"},
		step{"00240081 10" + good + good, "6983"},
	)
}

func TestSetTries(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{PIN: "654321", PUK: "87654321"})
	play(t, c, step{"00200080 08 363534333231FFFF", "9000"}, step{"00FA0507", "6982"})
	manage(t, c)
	play(t, c,
		step{"00FA0007", "6A86"},
		step{"00FA0700", "6A86"},
		step{"0020FF80", "9000"},
		step{"00FA0507", "6982"},
		step{"00200080 08 363534333231FFFF", "9000"},
		step{"00FA0507", "9000"},
		step{"0020FF80", "9000"},
		step{hexQuery, "63C5"},
		step{hexPIN, "9000"}, // the factory's again
	)
	if c.PUKTriesLeft() != 7 {
		t.Errorf("%d PUK tries left", c.PUKTriesLeft())
	}
}

// RESET takes both blocked, and leaves the attestation key as it was.
func TestReset(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{PIN: "654321", ManagementKey: unhex(t, "404142434445464748494A4B4C4D4E4F5051525354555657")})
	if err := c.PutKey(0x9A, ed25519Key(), Policy{}); err != nil {
		t.Fatal(err)
	}
	c.PutObject(0x5FC102, []byte("CHUID"))
	attestation := c.Certificate(attestationSlot)
	play(t, c, step{"00FB0000", "6985"})
	c.SetPINTriesLeft(0)
	play(t, c, step{"00FB0000", "6985"})
	c.SetPUKTriesLeft(0)
	play(t, c, step{"00FB0000", "9000"}, step{hexPIN, "9000"}, step{"00CB3FFF 05 5C035FC102", "6A82"})
	manage(t, c)
	if c.PublicKey(0x9A) != nil || !c.Certificate(attestationSlot).Equal(attestation) {
		t.Error("a key is left, or the attestation is another")
	}
	play(t, newTestCard(t, Options{Quirks: Quirks{ResetRefused: 0x6982}}), step{"00FB0000", "6982"})
}
