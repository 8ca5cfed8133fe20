//go:build cgo

package piv_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivtest"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// poll waits until something holds.
func poll(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(2 * time.Minute)
	for !holds() {
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("it does not come to pass that %s", what)
		}
	}
}

// putEC puts an EC key into a slot.
func putEC(t *testing.T, card *pivtest.Card, slot byte) *ecdsa.PublicKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err == nil {
		err = card.PutKey(slot, key, pivtest.Policy{PIN: once, Touch: touchNever})
	}
	if err != nil {
		t.Fatal(err)
	}
	return &key.PublicKey
}

// TestNothingThere: what is missing is said.
func TestNothingThere(t *testing.T) {
	t.Run("no reader", func(t *testing.T) {
		newStack(t, pivtest.StackOptions{NoReaders: true})
		_, err := login(t, "piv:", piv.Options{})
		wantError(t, err, piv.ErrNoCard, "no reader and no YubiKey is connected")
		_, err = piv.List(t.Context(), pivuri.URI{}, piv.Options{})
		wantError(t, err, piv.ErrNoCard, "no reader and no YubiKey is connected")
	})
	s := newStack(t, pivtest.StackOptions{})
	t.Run("no card", func(t *testing.T) {
		_, err := login(t, "piv:serial=77;slot=9c", piv.Options{})
		wantError(t, err, piv.ErrNoCard, "piv:serial=77;slot=9c; there is no card in any of 2 readers")
		if !piv.Transient(err) {
			t.Error("it is taken for final, though a card can be put in")
		}
	})
	t.Run("no pcscd", func(t *testing.T) {
		s.StopDaemon()
		_, err := login(t, "piv:", piv.Options{})
		wantError(t, err, piv.ErrNoService, "pcscd does not run (8010001D)")
		if !piv.Transient(err) {
			t.Error("it is taken for final, though a service can be started")
		}
	})
}

// TestWrongCards: cards that are not the one that is meant.
func TestWrongCards(t *testing.T) {
	d := newDesk(t)
	t.Run("without PIV", func(t *testing.T) {
		card := d.put(t, pivtest.Options{NoPIV: true})
		for range 3 { // piv-go would keep the card from the second try, and from everyone
			_, err := login(t, "piv:", piv.Options{})
			wantError(t, err, piv.ErrNotPIV, "has no PIV application")
		}
		d.free(t)
		if n := len(card.Commands()); n != 3 {
			t.Errorf("the card has seen %d commands:\n%s", n, instructions(card))
		}
	})
	t.Run("another serial number", func(t *testing.T) {
		d.usual(t)
		_, err := login(t, "piv:serial=77", with(pin))
		wantError(t, err, piv.ErrNoCard, "piv:serial=77; there is YubiKey 12345678")
		d.free(t)
	})
	t.Run("of another maker, by a YubiKey's ATR", func(t *testing.T) {
		card := d.put(t, pivtest.Options{Maker: pivtest.OtherMaker, PIN: pin})
		pair(t, card, 0x9c, testKey(t, "a", 2048), pivtest.Policy{PIN: always, Touch: touchNever})
		if _, err := login(t, "piv:", with(pin)); err != nil {
			t.Errorf("it does not sign: %v", err)
		}
		_, err := login(t, "piv:serial=12345678", with(pin))
		wantError(t, err, piv.ErrNoCard, "piv:serial=12345678; there is PIV card")
		d.free(t)
	})
}

// TestTwoCards: none is guessed, and the one that is named is found.
func TestTwoCards(t *testing.T) {
	d := newDesk(t)
	d.usual(t)
	key := testKey(t, "b", 2048)
	second := newCard(t, pivtest.Options{Serial: 77, PIN: pin})
	pair(t, second, 0x9c, key, pivtest.Policy{PIN: always, Touch: touchNever})
	d.Insert(1, second)
	t.Run("none is guessed", func(t *testing.T) {
		_, err := login(t, "piv:slot=9c", with(pin))
		ambiguous, ok := errors.AsType[*hardware.AmbiguousError](err)
		if !ok {
			t.Fatalf("error %v, want that it is ambiguous", err)
		}
		want := []string{"piv:serial=12345678;slot=9c", "piv:serial=77;slot=9c"}
		if diff := cmp.Diff(want, ambiguous.Candidates); diff != "" || !strings.Contains(err.Error(), "YubiKey OTP+FIDO+CCID 00 01") {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		d.free(t)
	})
	t.Run("in the readers' order, whichever was waited for", func(t *testing.T) {
		release, _ := d.Hold(0, true)
		options := with(pin)
		options.Busy, options.Tell = time.Minute, func(piv.Notice) { release() }
		_, err := login(t, "piv:slot=9c", options)
		ambiguous, ok := errors.AsType[*hardware.AmbiguousError](err)
		if want := []string{"piv:serial=12345678;slot=9c", "piv:serial=77;slot=9c"}; !ok || !slices.Equal(ambiguous.Candidates, want) {
			t.Errorf("error %v, want the candidates %v", err, want)
		}
		_, err = login(t, "piv:serial=1", with(pin))
		wantError(t, err, piv.ErrNoCard, "there is YubiKey 12345678 and YubiKey 77")
	})
	t.Run("the named one", func(t *testing.T) {
		mustLogin(t, "piv:serial=77", with(pin), key)
		mustLogin(t, "piv:serial=12345678", with(pin), testKey(t, "a", 2048))
	})
	t.Run("the named one, while another program has the other", func(t *testing.T) {
		release, _ := d.Hold(0, true)
		defer release()
		var n told
		options := with(pin)
		options.Busy, options.Tell = time.Minute, n.tell
		mustLogin(t, "piv:serial=77", options, key)
		if got := n.list(); len(got) > 0 {
			t.Errorf("told %v, as if the other card mattered", got)
		}
	})
	t.Run("none is guessed while one cannot be looked at", func(t *testing.T) {
		release, _ := d.Hold(0, true)
		defer release()
		options := with(pin)
		options.Busy = 100 * time.Millisecond
		_, err := login(t, "piv:", options)
		wantError(t, err, piv.ErrBusy, "as in piv:serial=77")
	})
	t.Run("one that is broken does not count", func(t *testing.T) {
		d.put(t, pivtest.Options{NoPIV: true})
		mustLogin(t, "piv:", with(pin), key)
	})
	t.Run("listed", func(t *testing.T) {
		cards, err := piv.List(t.Context(), pivuri.URI{}, piv.Options{Time: noon})
		if err != nil || len(cards) != 2 || cards[0].Name != "YubiKey 77" || cards[0].Err != nil || !errors.Is(cards[1].Err, piv.ErrNotPIV) {
			t.Errorf("%v, %+v", err, cards)
		}
	})
}

// TestUnusableKeys: what is wrong with a key is said before a PIN is asked for.
func TestUnusableKeys(t *testing.T) {
	d := newDesk(t)
	a, b := testKey(t, "a", 2048), testKey(t, "b", 2048)
	policy := pivtest.Policy{PIN: always, Touch: touchNever}
	for name, test := range map[string]struct {
		put   func(*testing.T, *pivtest.Card)
		now   time.Time
		want  error
		words string
	}{
		"an empty card": {func(*testing.T, *pivtest.Card) {}, noon, hardware.ErrNoKey, "as are all slots of YubiKey 12345678"},
		"an empty slot": {func(t *testing.T, c *pivtest.Card) { pair(t, c, 0x9a, a, policy) }, noon,
			hardware.ErrNoKey, "the slot is empty; there are:\n  piv:serial=12345678;slot=9a (RSA 2048, certificate of CN=slot 9a until 2026-12-31)"},
		"no certificate": {func(t *testing.T, c *pivtest.Card) { c.PutKey(0x9c, a, policy) }, noon, hardware.ErrNoCertificate, "piv:serial=12345678;slot=9c"},
		"no key": {func(t *testing.T, c *pivtest.Card) { c.PutCertificate(0x9c, certify(t, &a.PublicKey, "lonely")) }, noon,
			hardware.ErrNoKey, "a certificate and no key"},
		"another key's": {func(t *testing.T, c *pivtest.Card) {
			c.PutKey(0x9c, a, policy)
			c.PutCertificate(0x9c, certify(t, &b.PublicKey, "b"))
		}, noon, hardware.ErrCertificateMismatch, "CN=b is not that of the key in slot 9c"},
		"EC": {func(t *testing.T, c *pivtest.Card) { c.PutCertificate(0x9c, certify(t, putEC(t, c, 0x9c), "EC")) }, noon,
			hardware.ErrUnusableKey, "it is EC P-256"},
		"expired": {func(t *testing.T, c *pivtest.Card) { pair(t, c, 0x9c, a, policy) }, notAfter.AddDate(0, 0, 1),
			hardware.ErrCertificateExpired, "ended 2026-12-31"},
		"early": {func(t *testing.T, c *pivtest.Card) { pair(t, c, 0x9c, a, policy) }, notBefore.AddDate(0, 0, -1),
			hardware.ErrCertificateNotYetValid, "begins 2026-01-01"},
	} {
		t.Run(name, func(t *testing.T) {
			card := d.put(t, pivtest.Options{PIN: pin})
			test.put(t, card)
			options := with(pin)
			options.Time = test.now
			_, err := login(t, "piv:slot=9c", options)
			wantError(t, err, test.want, test.words)
			if count(card, 0x20) > 0 || piv.Transient(err) {
				t.Error("the PIN was touched, or it is taken for something that passes")
			}
			d.free(t)
		})
	}
	t.Run("an empty card, of which any slot would do", func(t *testing.T) {
		d.put(t, pivtest.Options{})
		_, err := login(t, "piv:", with(pin))
		wantError(t, err, hardware.ErrNoKey, "all slots of YubiKey 12345678 are empty")
	})
}

// TestPulled: a card that goes away, and comes back.
func TestPulled(t *testing.T) {
	d := newDesk(t)
	key := testKey(t, "a", 2048)
	for name, test := range map[string]struct {
		ins    byte
		before bool
	}{
		"while it is opened":      {0xfd, true},
		"while the key is read":   {0xcb, true},
		"with the PIN on its way": {0x20, true},
		"before it signs":         {0x87, true},
		"after it has signed":     {0x87, false},
		"in its first selection":  {0xa4, true},
	} {
		t.Run(name, func(t *testing.T) {
			card := d.usual(t)
			pulled := make(chan struct{})
			// At the PIN itself, and not where its counter is asked for.
			fault := pivtest.Fault{INS: test.ins, WithData: test.ins == 0x20, After: func() { d.Pull(0); close(pulled) }}
			if test.before {
				fault.Before, fault.After = fault.After, nil
			}
			card.Inject(fault)
			_, err := login(t, "piv:", with(pin))
			if !errors.Is(err, piv.ErrRemoved) && !errors.Is(err, piv.ErrDevice) && !errors.Is(err, piv.ErrNoCard) {
				t.Errorf("error %v, want that the card was removed", err)
			}
			if !piv.Transient(err) {
				t.Errorf("%v is taken for final", err)
			}
			if card.PINTriesLeft() != 3 {
				t.Errorf("%d tries are left", card.PINTriesLeft())
			}
			<-pulled
			d.Insert(0, &d.bay)
			mustLogin(t, "piv:", with(pin), key)
		})
	}
	t.Run("between opening and signing", func(t *testing.T) {
		d.usual(t)
		opened, err := piv.Open(t.Context(), mustParse(t, "piv:"), with(pin))
		if err != nil {
			t.Fatal(err)
		}
		d.Pull(0)
		d.Insert(0, &d.bay)
		_, err = opened.SignSHA512(t.Context(), message)
		wantError(t, err, piv.ErrRemoved, "piv:serial=12345678;slot=9c")
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
		mustLogin(t, "piv:", with(pin), key)
	})
	t.Run("while the PIN is typed", func(t *testing.T) {
		d.usual(t)
		options := piv.Options{Slow: true, Time: noon, PIN: func(context.Context, hardware.PINRequest) (hardware.PIN, error) {
			d.Pull(0)
			return hardware.PIN{Value: []byte(pin)}, nil
		}}
		_, err := login(t, "piv:", options)
		wantError(t, err, piv.ErrRemoved, "there is no card in any of 2 readers")
		d.Insert(0, &d.bay)
	})
	t.Run("another while the PIN is typed", func(t *testing.T) {
		d.usual(t)
		var other *pivtest.Card
		options := piv.Options{Slow: true, Time: noon, PIN: func(context.Context, hardware.PINRequest) (hardware.PIN, error) {
			other = d.put(t, pivtest.Options{Serial: 77})
			return hardware.PIN{Value: []byte(pin)}, nil
		}}
		_, err := login(t, "piv:", options)
		wantError(t, err, piv.ErrRemoved, "there is YubiKey 77")
		if other != nil && count(other, 0x20) > 0 {
			t.Error("another card has seen the PIN")
		}
	})
	t.Run("into another reader while the PIN is typed", func(t *testing.T) {
		d.usual(t)
		options := piv.Options{Slow: true, Time: noon, PIN: func(context.Context, hardware.PINRequest) (hardware.PIN, error) {
			d.Pull(0)
			d.Insert(1, &d.bay)
			return hardware.PIN{Value: []byte(pin)}, nil
		}}
		mustLogin(t, "piv:", options, key)
	})
}

// TestServiceRestarted: pcscd ends in the middle, and the next login does not care.
func TestServiceRestarted(t *testing.T) {
	d := newDesk(t)
	d.usual(t)
	opened, err := piv.Open(t.Context(), mustParse(t, "piv:"), with(pin))
	if err != nil {
		t.Fatal(err)
	}
	d.KillDaemon()
	_, err = opened.SignSHA512(t.Context(), message)
	if !piv.Transient(err) {
		t.Errorf("%v is taken for final", err)
	}
	opened.Close()
	_, err = login(t, "piv:", with(pin))
	wantError(t, err, piv.ErrNoService, "pcscd does not run")
	d.StartDaemon()
	mustLogin(t, "piv:", with(pin), testKey(t, "a", 2048))
}

// untilTold is a context whose deadline passes when the test says so, and not a moment before.
type untilTold struct {
	context.Context
	told chan struct{}
}

func (c *untilTold) Done() <-chan struct{} { return c.told }

func (c *untilTold) Err() error {
	select {
	case <-c.told:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// TestFrozen: a deadline ends the wait for a card that does not answer, and the error
// says what it did not answer.
func TestFrozen(t *testing.T) {
	d := newDesk(t)
	for ins, words := range map[byte]string{
		0xfd: "did not answer while looking for cards",
		0xcb: "did not answer while reading the certificate",
		0x87: "did not answer while signing",
	} {
		t.Run(words, func(t *testing.T) {
			card := d.usual(t)
			ctx := &untilTold{t.Context(), make(chan struct{})}
			card.Inject(pivtest.Fault{INS: ins, Freeze: true, Before: sync.OnceFunc(func() { close(ctx.told) })})
			key, err := piv.Open(ctx, mustParse(t, "piv:slot=9c"), with(pin))
			if err == nil {
				_, err = key.SignSHA512(ctx, message)
			}
			wantError(t, err, piv.ErrDevice, words)
			if !errors.Is(err, context.DeadlineExceeded) || !piv.Transient(err) {
				t.Errorf("error %v, want that the deadline passed", err)
			}
			if key != nil {
				if err := key.Close(); err != nil {
					t.Errorf("closing: %v", err)
				}
			}
			card.Thaw()
			// What was left behind lets the card go, and locks it.
			poll(t, "the card is let go", d.isFree)
			d.locked(t, 0x9c)
		})
	}
}

// TestHeld: another program has the card.
func TestHeld(t *testing.T) {
	d := newDesk(t)
	d.usual(t)
	for name, exclusive := range map[string]bool{"alone": true, "with others": false} {
		t.Run(name, func(t *testing.T) {
			release, _ := d.Hold(0, exclusive)
			defer release()
			var n told
			options := with(pin)
			options.Busy, options.Tell = time.Second, n.tell
			began := time.Now()
			_, err := login(t, "piv:", options)
			wantError(t, err, piv.ErrBusy, "scdaemon")
			if took := time.Since(began); took < time.Second || !piv.Transient(err) {
				t.Errorf("given up after %s", took)
			}
			if got := n.list(); !slices.Equal(got, []piv.Notice{piv.CardBusy}) {
				t.Errorf("told %v", got)
			}
		})
	}
	t.Run("for a moment", func(t *testing.T) {
		release, _ := d.Hold(0, true)
		options := with(pin)
		options.Busy = 30 * time.Second
		options.Tell = func(piv.Notice) { release() }
		mustLogin(t, "piv:", options, testKey(t, "a", 2048))
	})
	t.Run("given up", func(t *testing.T) {
		release, _ := d.Hold(0, true)
		defer release()
		ctx, cancel := context.WithCancel(t.Context())
		options := with(pin)
		options.Busy, options.Tell = 30*time.Second, func(piv.Notice) { cancel() }
		_, err := piv.Open(ctx, mustParse(t, "piv:"), options)
		if !errors.Is(err, context.Canceled) || piv.Transient(err) {
			t.Errorf("error %v, want that it was cancelled", err)
		}
	})
	t.Run("listed", func(t *testing.T) {
		release, _ := d.Hold(0, true)
		defer release()
		cards, err := piv.List(t.Context(), pivuri.URI{}, piv.Options{Busy: 100 * time.Millisecond})
		if err != nil || len(cards) != 1 || !errors.Is(cards[0].Err, piv.ErrBusy) || cards[0].Reader == "" {
			t.Errorf("%v, %+v", err, cards)
		}
	})
}

// TestTouch: the person who must touch the card is told, and told that it is over.
func TestTouch(t *testing.T) {
	d := newDesk(t)
	key := testKey(t, "a", 2048)
	for name, test := range map[string]struct {
		firmware string
		policy   pivtest.Policy
		gives    bool
		want     []piv.Notice
	}{
		"given":               {"5.4.3", pivtest.Policy{PIN: always, Touch: touchAlways}, true, []piv.Notice{piv.TouchWanted, piv.TouchOver}},
		"never given":         {"5.4.3", pivtest.Policy{PIN: never, Touch: touchAlways}, false, []piv.Notice{piv.TouchWanted, piv.TouchOver}},
		"never given, PIN":    {"5.4.3", pivtest.Policy{PIN: always, Touch: touchAlways}, false, []piv.Notice{piv.TouchWanted, piv.TouchOver}},
		"given late, cached":  {"5.4.3", pivtest.Policy{PIN: always, Touch: touchCached}, true, []piv.Notice{piv.TouchMaybe, piv.TouchOver}},
		"given late, unknown": {"4.3.5", pivtest.Policy{PIN: always, Touch: touchAlways}, true, []piv.Notice{piv.TouchMaybe, piv.TouchOver}},
		"never given, cached": {"5.4.3", pivtest.Policy{PIN: always, Touch: touchCached}, false, []piv.Notice{piv.TouchMaybe, piv.TouchOver}},
		"not wanted":          {"5.4.3", pivtest.Policy{PIN: always, Touch: touchNever}, true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			card := d.put(t, pivtest.Options{Firmware: test.firmware, PIN: pin, TouchTime: time.Minute})
			pair(t, card, 0x9c, key, test.policy)
			spoken := make(chan struct{}, 3)
			var n told
			options := with(pin)
			options.Tell = func(notice piv.Notice) {
				n.tell(notice)
				spoken <- struct{}{}
			}
			card.OnTouch(func() bool { <-spoken; return test.gives })
			_, err := login(t, "piv:slot=9c", options)
			if got := n.list(); !slices.Equal(got, test.want) {
				t.Errorf("told %v, want %v", got, test.want)
			}
			if test.gives && err != nil {
				t.Error(err)
			}
			if !test.gives {
				wantError(t, err, piv.ErrNotTouched, "it waited for a touch in vain (6982)")
				if piv.Transient(err) {
					t.Error("it is taken for something that passes without a person")
				}
			}
		})
	}
	t.Run("nobody is there", func(t *testing.T) {
		for policy, wanted := range map[byte]bool{touchAlways: true, touchCached: true, touchNever: false} {
			card := d.put(t, pivtest.Options{PIN: pin})
			pair(t, card, 0x9c, key, pivtest.Policy{PIN: always, Touch: policy})
			options := with(pin)
			options.Unattended = true
			_, err := login(t, "piv:slot=9c", options)
			if !wanted && err != nil {
				t.Errorf("touch policy %d: %v", policy, err)
			}
			if wanted {
				wantError(t, err, piv.ErrNotTouched, "nobody is there")
				if sent := count(card, 0x20); sent != 0 {
					t.Errorf("touch policy %d: the PIN was spoken of %d times", policy, sent)
				}
			}
		}
	})
	t.Run("not before the deadline", func(t *testing.T) {
		card := d.put(t, pivtest.Options{PIN: pin, TouchTime: time.Minute})
		pair(t, card, 0x9c, key, pivtest.Policy{PIN: always, Touch: touchAlways})
		ctx, cancel := context.WithCancel(t.Context())
		var n told
		options := with(pin)
		options.Tell = func(notice piv.Notice) {
			n.tell(notice)
			cancel()
		}
		gone := make(chan struct{})
		card.OnTouch(func() bool { <-gone; return false })
		opened, err := piv.Open(ctx, mustParse(t, "piv:"), options)
		if err != nil {
			t.Fatal(err)
		}
		_, err = opened.SignSHA512(ctx, message)
		wantError(t, err, piv.ErrNotTouched, "while signing")
		if want := []piv.Notice{piv.TouchWanted, piv.TouchOver}; !slices.Equal(n.list(), want) {
			t.Errorf("told %v, want %v", n.list(), want)
		}
		close(gone)
		poll(t, "the card is let go", d.isFree)
		d.locked(t, 0x9c)
	})
}

// TestHostileAnswers: whatever a card answers, it is an error, and neither a panic nor a
// signature.
func TestHostileAnswers(t *testing.T) {
	d := newDesk(t)
	answers := map[string][]byte{
		"nothing": {0x90, 0x00}, "one byte": {0x00, 0x90, 0x00}, "half a word": {0x90},
		"a length too long": {0x7c, 0x82, 0xff, 0xff, 0x01, 0x90, 0x00}, "rubbish": append(slices.Repeat([]byte{0xa5}, 40), 0x90, 0x00),
		"another tag": {0x30, 0x03, 0x02, 0x01, 0x00, 0x90, 0x00}, "no such word": {0x12, 0x34},
	}
	t.Run("a selection that never ends", func(t *testing.T) {
		card := d.usual(t)
		card.Inject(pivtest.Fault{INS: 0xa4, Answer: []byte{0x61, 0x00}})
		card.Inject(pivtest.Fault{INS: 0xc0, Times: -1, Answer: []byte{0x61, 0x00}})
		_, err := login(t, "piv:slot=9c", with(pin))
		wantError(t, err, piv.ErrDevice, "more data than a card has")
		card.ClearFaults()
		d.free(t)
	})
	for _, ins := range []byte{0xa4, 0xfd, 0xf8, 0xf7, 0xcb, 0x20, 0x87} {
		for name, answer := range answers {
			t.Run(fmt.Sprintf("%X answers %s", ins, name), func(t *testing.T) {
				card := d.usual(t)
				card.Inject(pivtest.Fault{INS: ins, Times: -1, Answer: answer})
				signature, err := login(t, "piv:slot=9c", with(pin))
				if err == nil && ins != 0x20 && ins != 0xa4 && ins != 0xf8 && ins != 0xfd { // no signature depends on these
					t.Errorf("it signs: %x", signature)
				}
				card.ClearFaults()
				d.free(t)
			})
		}
	}
}
