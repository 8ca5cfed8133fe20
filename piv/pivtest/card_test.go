package pivtest

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// Commands that many tests begin with, in hexadecimal. Blanks are for the reader.
const (
	hexSelect   = "00A40400 05 A000000308"
	hexPIN      = "00200080 08 313233343536FFFF"
	hexWrongPIN = "00200080 08 393939393939FFFF"
	hexQuery    = "00200080"
)

// step is a command and what it is answered with. An answer that ends in ... may go on.
type step struct{ command, answer string }

// unhex decodes hexadecimal with blanks.
func unhex(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// ask sends a command, short or a chain of short ones, and returns data and status
// word of the whole answer.
func ask(t testing.TB, c *Card, command string) (data []byte, status string) {
	t.Helper()
	answer := c.Transmit(unhex(t, command))
	for {
		if len(answer) < 2 {
			t.Fatalf("answer %X to %s", answer, command)
		}
		end := len(answer) - 2
		data = append(data, answer[:end]...)
		if answer[end] != 0x61 {
			return data, fmt.Sprintf("%X", answer[end:])
		}
		answer = c.Transmit([]byte{0, insGetResponse, 0, 0, answer[end+1]})
	}
}

// askLong sends a command whose data may need a chain.
func askLong(t testing.TB, c *Card, header string, data []byte) (answer []byte, status string) {
	t.Helper()
	h := unhex(t, header)
	for len(data) > 0xFF {
		link := append([]byte{h[0] | 0x10, h[1], h[2], h[3], 0xFF}, data[:0xFF]...)
		if got := c.Transmit(link); !bytes.Equal(got, []byte{0x90, 0x00}) {
			t.Fatalf("a link of %s is answered with %X", header, got)
		}
		data = data[0xFF:]
	}
	return ask(t, c, fmt.Sprintf("%X%02X%X", h, len(data), data))
}

// play sends commands and compares the answers.
func play(t *testing.T, c *Card, steps ...step) {
	t.Helper()
	for i, s := range steps {
		data, status := ask(t, c, s.command)
		got, want := fmt.Sprintf("%X", data)+status, strings.ReplaceAll(s.answer, " ", "")
		if begin, open := strings.CutSuffix(want, "..."); open {
			want, got = begin, got[:min(len(begin), len(got))]
		}
		if got != want {
			t.Errorf("step %d, %s: %s, want %s", i+1, s.command, got, want)
		}
	}
}

// newCard makes a card for a test, with PIV selected.
func newTestCard(t testing.TB, options Options) *Card {
	t.Helper()
	if options.Keys == nil {
		options.Keys = sharedKeys
	}
	c, err := NewCard(options)
	if err != nil {
		t.Fatal(err)
	}
	c.Transmit(unhex(t, hexSelect))
	return c
}

// sharedKeys is Options.Keys for cards that make the same keys.
func sharedKeys(bits int) (*rsa.PrivateKey, error) { return rsaKey(bits), nil }

// rsaKeys are keys that tests share, since each takes long to make.
var rsaKeys sync.Map

// rsaKey returns the key of a length.
func rsaKey(bits int) *rsa.PrivateKey {
	make := sync.OnceValue(func() *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			panic(err)
		}
		return key
	})
	once, _ := rsaKeys.LoadOrStore(bits, make)
	return once.(func() *rsa.PrivateKey)()
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]Options{
		"no version":                     {Firmware: "five"},
		"a version of two parts":         {Firmware: "5.4"},
		"a version with something else":  {Firmware: "5.4.3-beta"},
		"a short PIN":                    {PIN: "12345"},
		"a long PUK":                     {PUK: "123456789"},
		"a management key of no length":  {ManagementKey: []byte{1}},
		"a management key of another":    {ManagementKey: make([]byte, 24), ManagementAlgorithm: algAES256},
		"a management key of no cipher":  {ManagementAlgorithm: 0x42},
		"a PIN of too many tries":        {PINTries: 256},
		"a PUK of fewer than none":       {PUKTries: -1},
		"a PIN with the padding's bytes": {PIN: "12345\xFF"},
	} {
		if _, err := NewCard(options); err == nil {
			t.Errorf("%s: a card", name)
		}
	}
	c := newTestCard(t, Options{})
	if c.Firmware() != "5.4.3" || c.Serial() != 12345678 || c.PINTriesLeft() != 3 || c.PUKTriesLeft() != 3 {
		t.Errorf("%s, %d, %d, %d", c.Firmware(), c.Serial(), c.PINTriesLeft(), c.PUKTriesLeft())
	}
}

// An ATR's bytes add up to 0 without carry, the first left out (ISO 7816-3 section
// 8.2.5), and it offers T=1, which vpcd speaks.
func TestATR(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, options := range []Options{{}, {Firmware: "4.3.5"}, {Maker: CanoKey}, {Maker: OtherMaker}} {
		atr := newTestCard(t, options).ATR()
		var sum byte
		for _, b := range atr[1:] {
			sum ^= b
		}
		if sum != 0 || atr[0] != 0x3B {
			t.Errorf("%+v: %X", options, atr)
		}
		seen[string(atr)] = true
	}
	if len(seen) != 4 {
		t.Errorf("%d different ones", len(seen))
	}
}

func TestSelect(t *testing.T) {
	t.Parallel()
	const (
		template   = "61 11 4F06 000010000100 79 07 4F05 A000000308 9000"
		management = "00A40400 08 A000000527471117"
		otp        = "00A40400 08 A000000527200101"
	)
	c, err := NewCard(Options{Serial: 0x00ABCDEF})
	if err != nil {
		t.Fatal(err)
	}
	play(t, c,
		step{"00FD0000", "6D00"}, // nothing is selected
		step{hexSelect, template},
		step{"00A40400 05 A00000030800", template},
		step{"00A40400 0B A000000308000010000100 00", template},
		step{"00A4040C 05 A000000308", "9000"},
		step{"00A40400 04 A0000003", "6A82"},
		step{"00A40400 05 A000000309", "6A82"},
		step{"00A40400 0C A00000030800001000010000", "6A82"},
		step{"00A40000 02 3F00", "6A86"},
		step{"00FD0000", "050403 9000"}, // PIV is still selected
		step{otp, "050403..."},
		step{"00FD0000", "6D00"},
		step{"00011000", "00ABCDEF 9000"},
		step{management, "5669727475616C206D6772..."},
		step{"001D0000", "..."},
	)
	info, _ := ask(t, c, "001D0000")
	found, ok := fields(info[1:])
	if !ok || int(info[0]) != len(info)-1 || !bytes.Equal(found[0x02], []byte{0, 0xAB, 0xCD, 0xEF}) || !bytes.Equal(found[0x05], []byte{5, 4, 3}) {
		t.Errorf("device info %X", info)
	}
	play(t, newTestCard(t, Options{NoPIV: true}), step{hexSelect, "6A82"}, step{hexQuery, "6D00"})
	play(t, newTestCard(t, Options{Maker: OtherMaker}), step{hexSelect, template}, step{otp, "6A82"}, step{management, "6A82"})
}

// What each firmware has of Yubico's instructions, and another maker's card of none.
func TestInstructionsByFirmware(t *testing.T) {
	t.Parallel()
	commands := []string{
		"00F69A9C", "00F70080", "00F80000", "00F99A00", "00FA0303", "00FB0000", "00FD0000",
		"00FE079A", "00FFFFFF",
	}
	for _, test := range []struct {
		options Options
		want    string
	}{
		{Options{Firmware: "4.2.8"}, "6D00 6D00 6D00 6D00 6982 6985 9000 6982 6982"},
		{Options{Firmware: "4.3.5"}, "6D00 6D00 6D00 6A80 6982 6985 9000 6982 6982"},
		{Options{Firmware: "5.2.7"}, "6D00 6D00 9000 6A80 6982 6985 9000 6982 6982"},
		{Options{Firmware: "5.4.3"}, "6D00 9000 9000 6A80 6982 6985 9000 6982 6982"},
		{Options{Firmware: "5.7.1"}, "6982 9000 9000 6A80 6982 6985 9000 6982 6982"},
		{Options{Maker: CanoKey}, "6D00 9000 9000 6D00 6D00 6985 9000 6982 6982"},
		{Options{Maker: PivApplet}, "6D00 6D00 9000 6D00 6982 6985 9000 6982 6982"},
		{Options{Maker: OtherMaker}, "6D00 6D00 6D00 6D00 6D00 6D00 6D00 6D00 6D00"},
	} {
		c := newTestCard(t, test.options)
		var got []string
		for _, command := range commands {
			_, status := ask(t, c, command)
			got = append(got, status)
		}
		if got := strings.Join(got, " "); got != test.want {
			t.Errorf("%+v: %s, want %s", test.options, got, test.want)
		}
	}
	play(t, newTestCard(t, Options{Serial: 0x01020304}),
		step{"00F80000 00", "01020304 9000"},
		step{"00FD0000 00", "050403 9000"},
		step{"00CA007E", "6D00"}, // no such instruction
	)
}

// Without power the card forgets its session, and selects nothing.
func TestPowerUp(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{})
	play(t, c, step{hexPIN, "9000"}, step{hexQuery, "9000"})
	c.PowerUp()
	play(t, c, step{hexQuery, "6D00"}, step{hexSelect, "61..."}, step{hexQuery, "63C3"})
}

// Other methods can be called while a command waits.
func TestMethodsWhileCommandWaits(t *testing.T) {
	t.Parallel()
	c := newTestCard(t, Options{TouchTime: time.Minute})
	if err := c.PutKey(0x9E, rsaKey(2048), Policy{Touch: TouchAlways}); err != nil {
		t.Fatal(err)
	}
	asked, give := make(chan bool), make(chan bool)
	c.OnTouch(func() bool { asked <- true; return <-give })
	done := make(chan string)
	go func() {
		_, status := askLong(t, c, "0087079E", signTemplate(make([]byte, 256)))
		done <- status
	}()
	<-asked
	if c.PINTriesLeft() != 3 || c.PublicKey(0x9E) == nil || c.Certificate(0x9E) != nil || c.Object(1) != nil {
		t.Error("the card tells something else while it waits")
	}
	if _, err := c.Save(); err != nil {
		t.Error(err)
	}
	give <- true
	if status := <-done; status != "9000" {
		t.Error(status)
	}
}
