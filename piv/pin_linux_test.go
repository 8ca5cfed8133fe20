//go:build cgo

package piv_test

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivtest"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// rawSignature is what another program sends to sign: PIV's selection, and GENERAL
// AUTHENTICATE (NIST SP 800-73-4 part 2, section 3.2.4) in two parts.
func rawSignature(slot byte) []string {
	at := string([]byte{slot})
	return []string{
		"\x00\xa4\x04\x00\x05\xa0\x00\x00\x03\x08",
		"\x10\x87\x07" + at + "\xff\x7c\x82\x01\x06\x82\x00\x81\x82\x01\x00\x00\x01" + strings.Repeat("\xff", 243),
		"\x00\x87\x07" + at + "\x0b" + strings.Repeat("\xff", 11),
	}
}

// transmit sends commands as another program, and returns the last status word. A card that is
// reset meanwhile, by a program that lets it go, is connected to again.
func (d *desk) transmit(t *testing.T, commands ...string) string {
	t.Helper()
	for range 5 {
		if word, err := d.try(t, commands); err == nil {
			return word
		} else if !strings.Contains(err.Error(), "80100068") {
			t.Fatal(err)
		}
	}
	t.Fatal("another program: the card is reset again and again")
	return ""
}

func (d *desk) try(t *testing.T, commands []string) (word string, err error) {
	t.Helper()
	c, err := d.ConnectCard(0, false)
	if err != nil {
		t.Fatalf("the card is not let go: %v", err)
	}
	defer c.Close()
	var answer []byte
	for _, command := range commands {
		if answer, err = c.Transmit([]byte(command)); err != nil || len(answer) < 2 {
			return "", fmt.Errorf("another program: %x, %w", answer, cmp.Or(err, errors.New("no status word")))
		}
	}
	return fmt.Sprintf("%x", answer[len(answer)-2:]), nil
}

// locked fails the test if another program could sign now without a PIN.
func (d *desk) locked(t *testing.T, slot byte) {
	t.Helper()
	want := "6982"
	if d.bay.now().PublicKey(slot) == nil {
		want = "6a88"
	}
	if got := d.transmit(t, rawSignature(slot)...); got != want {
		t.Errorf("another program that signs without a PIN gets %s, want %s", got, want)
	}
}

// TestPINStateIsDropped: what a PIN has unlocked is locked when the call is over, also
// after an error, and on cards that keep the PIN when they are selected again.
func TestPINStateIsDropped(t *testing.T) {
	d := newDesk(t)
	key := testKey(t, "a", 2048)
	fresh := func(t *testing.T, touch byte) *pivtest.Card {
		card := d.put(t, pivtest.Options{PIN: pin})
		pair(t, card, 0x9a, key, pivtest.Policy{PIN: once, Touch: touch})
		return card
	}
	t.Run("the test sees it", func(t *testing.T) {
		fresh(t, touchNever)
		verify := "\x00\x20\x00\x80\x08" + pin + "\xff\xff"
		sign := rawSignature(0x9a)
		if got := d.transmit(t, sign[0], verify, sign[1], sign[2]); !strings.HasPrefix(got, "61") {
			t.Errorf("another program with the PIN gets %s", got)
		}
		opened, err := piv.Open(t.Context(), mustParse(t, "piv:"), with(pin))
		if err != nil {
			t.Fatal(err)
		}
		defer opened.Close()
		if _, err := d.ConnectCard(0, false); err == nil {
			t.Error("another program gets at the card in a login")
		}
	})
	t.Run("after a login", func(t *testing.T) {
		fresh(t, touchNever)
		mustLogin(t, "piv:", with(pin), key)
		d.locked(t, 0x9a)
	})
	t.Run("after a signature that failed", func(t *testing.T) {
		card := fresh(t, touchNever)
		card.Inject(pivtest.Fault{INS: 0x87, SW: 0x6f00})
		opened, err := piv.Open(t.Context(), mustParse(t, "piv:"), with(pin))
		if err != nil {
			t.Fatal(err)
		}
		_, err = opened.SignSHA512(t.Context(), message)
		wantError(t, err, piv.ErrDevice, "(6F00)")
		card.ClearFaults()
		d.locked(t, 0x9a) // already before Close
		if _, again := opened.SignSHA512(t.Context(), message); !errors.Is(again, piv.ErrDevice) {
			t.Errorf("the second signature: %v, want the first one's error", again)
		}
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	})
	t.Run("after a request", func(t *testing.T) {
		fresh(t, touchNever)
		if _, err := piv.CertificateRequest(t.Context(), mustParse(t, "piv:"), with(pin), nil); err != nil {
			t.Error(err)
		}
		d.locked(t, 0x9a)
	})
	t.Run("after a touch that was not given", func(t *testing.T) {
		card := fresh(t, touchAlways)
		card.OnTouch(func() bool { return false })
		_, err := login(t, "piv:", with(pin))
		wantError(t, err, piv.ErrNotTouched, "(6982)")
		d.locked(t, 0x9a)
	})
}

// TestRefusedPIN: each way in which a PIN is not taken, and that it is sent once.
func TestRefusedPIN(t *testing.T) {
	d := newDesk(t)
	for name, test := range map[string]struct {
		options  pivtest.Options
		pin      string
		left     int // before
		wantLeft int
		words    string
		blocked  bool
		pukGone  bool
	}{
		"wrong":               {pin: "111111", left: 3, wantLeft: 2, words: "it is wrong (63C2); 2 tries are left"},
		"wrong, one left":     {pin: "111111", left: 2, wantLeft: 1, words: "one try is left"},
		"wrong, none left":    {pin: "111111", left: 1, wantLeft: 0, words: "is blocked: the last try was wrong (63C0)", blocked: true},
		"none left, as 6983":  {options: pivtest.Options{Quirks: pivtest.Quirks{LastWrongPIN: 0x6983}}, pin: "111111", left: 1, wantLeft: 0, words: "the last try was wrong (6983)", blocked: true},
		"blocked":             {pin: pin, left: 0, wantLeft: 0, words: "is blocked: too many wrong ones", blocked: true},
		"and so is the PUK":   {pin: pin, left: 0, wantLeft: 0, words: "and so is its PUK", blocked: true, pukGone: true},
		"an old card blocked": {options: pivtest.Options{Firmware: "4.3.5"}, pin: pin, left: 0, wantLeft: 0, words: "too many wrong ones", blocked: true},
		"four digits":         {pin: "9753", left: 3, wantLeft: 3, words: "PINs have 6 to 8 characters"},
	} {
		t.Run(name, func(t *testing.T) {
			test.options.PIN = pin
			card := d.put(t, test.options)
			pair(t, card, 0x9c, testKey(t, "a", 2048), pivtest.Policy{PIN: always, Touch: touchNever})
			card.SetPINTriesLeft(test.left)
			if test.pukGone {
				card.SetPUKTriesLeft(0)
			}
			a := &asked{pin: test.pin}
			_, err := login(t, "piv:slot=9c", piv.Options{PIN: a.ask, Time: noon})
			refused, ok := errors.AsType[*hardware.PINError](err)
			if !ok || refused.Locked != test.blocked || refused.ResetOnly != test.pukGone || !strings.Contains(err.Error(), test.words) || piv.Transient(err) {
				t.Errorf("error %v (%+v), want %q", err, refused, test.words)
			}
			if test.pin != pin && strings.Contains(err.Error(), test.pin) {
				t.Errorf("the error holds the PIN: %v", err)
			}
			if got := card.PINTriesLeft(); got != test.wantLeft {
				t.Errorf("%d tries are left, want %d", got, test.wantLeft)
			}
			if n := count(card, 0x20); n > 2 || test.left == 0 && (n > 1 || len(a.requests) > 0) {
				t.Errorf("%d VERIFY, and the PIN was asked for %d times", n, len(a.requests))
			}
			a.isForgotten(t)
			d.free(t)
		})
	}
}

// TestPINThatIsNotSent: what no card takes costs no try.
func TestPINThatIsNotSent(t *testing.T) {
	d := newDesk(t)
	card := d.usual(t)
	declined := errors.New("they pressed escape")
	for name, test := range map[string]struct {
		pin   hardware.PINFunc
		want  error
		words string
	}{
		"nobody to ask": {nil, hardware.ErrPINNeeded, "no way to ask for it"},
		"empty":         {(&asked{}).ask, hardware.ErrPINNeeded, "an empty one was given"},
		"too long":      {(&asked{pin: pin + "777"}).ask, hardware.ErrPINNeeded, "6 to 8 characters, and the one given has more"},
		"declined":      {func(context.Context, hardware.PINRequest) (hardware.PIN, error) { return hardware.PIN{}, declined }, declined, ""},
	} {
		t.Run(name, func(t *testing.T) {
			card.ForgetCommands()
			_, err := login(t, "piv:slot=9c", piv.Options{PIN: test.pin, Time: noon})
			wantError(t, err, test.want, test.words)
			if n := count(card, 0x20); n > 1 || card.PINTriesLeft() != 3 || piv.Transient(err) {
				t.Errorf("%d VERIFY, %d tries left", n, card.PINTriesLeft())
			}
			d.free(t)
		})
	}
}

// TestGivenUpAtThePIN: nobody answers, so nothing is sent, and the error says who was
// too slow.
func TestGivenUpAtThePIN(t *testing.T) {
	d := newDesk(t)
	card := d.usual(t)
	for _, slow := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		released := make(chan struct{})
		_, err := piv.Open(ctx, mustParse(t, "piv:"), piv.Options{Slow: slow, Time: noon, PIN: func(context.Context, hardware.PINRequest) (hardware.PIN, error) {
			cancel()
			<-released
			return hardware.PIN{Value: []byte(pin)}, nil
		}})
		wantError(t, err, hardware.ErrPINNeeded, "nobody answered while waiting for the PIN")
		close(released)
		poll(t, "the card is let go", d.isFree)
		if n := count(card, 0x20); n > 2 {
			t.Errorf("%d VERIFY", n)
		}
	}
}

// helperVariable turns the test's program into another client, which a test can kill.
const helperVariable = "PIV_TEST_HELPER"

// helper opens the key, signs, says so, and stays.
func helper() {
	ctx := context.Background()
	key, err := piv.Open(ctx, pivuri.URI{}, with(pin))
	if err == nil {
		_, err = key.SignSHA512(ctx, message)
	}
	fmt.Printf("signed: %v\n", err)
	for {
		syscall.Pause()
	}
}

// TestKilledWithThePINVerified: pcscd resets the card of a process that dies, and the
// next login waits for that.
func TestKilledWithThePINVerified(t *testing.T) {
	d := newDesk(t)
	card := d.put(t, pivtest.Options{PIN: pin})
	key := testKey(t, "a", 2048)
	pair(t, card, 0x9a, key, pivtest.Policy{PIN: once, Touch: touchNever})
	helper := exec.Command(os.Args[0])
	helper.Env = append(d.Env(), helperVariable+"=1")
	out, err := helper.StdoutPipe()
	if err == nil {
		err = helper.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "signed: ") {
	}
	if lines.Text() != "signed: <nil>" {
		t.Errorf("the helper says %q", lines.Text())
	}
	helper.Process.Kill()
	helper.Wait()
	mustLogin(t, "piv:", with(pin), key)
	d.locked(t, 0x9a)
}
