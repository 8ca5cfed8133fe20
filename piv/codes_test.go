//go:build cgo || windows

package piv

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/piv/pcsc"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
)

// TestInWords: whatever PC/SC, a card or piv-go says, a caller finds what to branch on,
// and a person words and the code.
func TestInWords(t *testing.T) {
	for _, test := range []struct {
		err  error
		kind error
		want string
	}{
		{pcsc.ErrNoService, ErrNoService, daemon + " does not run (8010001D)"},
		{pcsc.ErrSharingViolation, ErrBusy, "scdaemon"},
		{pcsc.ErrRemovedCard, ErrRemoved, "it was pulled out (80100069)"},
		{pcsc.ErrUnresponsiveCard, ErrDevice, "(80100066)"},
		{pcsc.ErrProtoMismatch, ErrNotPIV, "(8010000F)"},
		{pcsc.Error(0x801000FF), ErrDevice, "returned an error (801000FF)"},
		{errors.New("transmitting request: the smart card has been removed, so further communication is not possible"), ErrRemoved, "(80100069)"},
		{errors.New("power has been removed from the smart card, so that further communication is not possible"), ErrDevice, "(80100067)"},
		{errors.New("connecting to smart card: the smart card cannot be accessed because of other connections outstanding"), ErrBusy, "(8010000B)"},
		{errors.New("transmitting request: unknown pcsc return code 0x80100001"), ErrDevice, "(80100001)"},
		{fmt.Errorf("command failed: %w", status(0x6a84)), ErrDevice, "it has no memory left (6A84)"},
		{fmt.Errorf("command failed: %w", status(0x6999)), ErrDevice, "it refused (6999)"},
		{errors.New("unmarshal response: asn1: syntax error"), ErrDevice, "makes no sense: unmarshal response"},
	} {
		got := inWords("signing", test.err)
		if !errors.Is(got, test.kind) || !strings.Contains(got.Error(), test.want) || !strings.Contains(got.Error(), "signing") {
			t.Errorf("%v becomes %v, want %v with %q", test.err, got, test.kind, test.want)
		}
		if again := inWords("closing", got); again != got && fmt.Sprint(again) == fmt.Sprint(got) {
			t.Errorf("%v is put into words twice: %v", got, again)
		}
	}
	if inWords("signing", nil) != nil {
		t.Error("success is an error")
	}
}

// TestTransient: only what may pass by itself is worth another try.
func TestTransient(t *testing.T) {
	passing := []error{ErrNoService, ErrNoCard, ErrBusy, ErrRemoved, ErrDevice}
	for _, err := range slices.Concat(passing, []error{
		hardware.ErrNoCgo, ErrNotPIV, hardware.ErrNoKey, hardware.ErrKeyExists, hardware.ErrUnusableKey, ErrUnsupported, hardware.ErrNoCertificate, hardware.ErrCertificateExpired,
		hardware.ErrCertificateNotYetValid, hardware.ErrCertificateMismatch, hardware.ErrPINNeeded, ErrNotTouched, ErrManagementKey, hardware.ErrBadSignature,
		&hardware.PINError{Counter: hardware.TryCounter(2)}, &hardware.AmbiguousError{What: "cards"},
	}) {
		if got := Transient(fmt.Errorf("piv:serial=1: %w", err)); got != slices.Contains(passing, err) {
			t.Errorf("Transient(%v) is %v", err, got)
		}
	}
}

// TestTransientNamesDevice: the words of a device error change nothing about its kind.
func TestTransientNamesDevice(t *testing.T) {
	if !Transient(inWords("signing", pcsc.ErrRemovedCard)) || Transient(inWords("opening", pcsc.ErrUnsupportedCard)) {
		t.Error("a pulled card and one of another kind are taken for the same")
	}
}

// TestFragmentsHaveMeanings: a text that is looked for leads to words.
func TestFragmentsHaveMeanings(t *testing.T) {
	for _, f := range fragments {
		if m, ok := meanings[f.code]; !ok || m.words == "" {
			t.Errorf("%q has no words", f.text)
		}
		if code, _ := serviceCode(errors.New(f.text)); code != f.code {
			t.Errorf("%q is taken for %X, not %X", f.text, uint32(code), uint32(f.code))
		}
	}
}

func TestStatusOf(t *testing.T) {
	for text, want := range map[string]status{
		"verify pin: smart card error 63c2: verification failed (2 retries remaining)": 0x63c2,
		"command failed: smart card error 6982: security status not satisfied":         statusRefused,
		"smart card error 6d":   0,
		"smart card error zzzz": 0,
		"signing":               0,
	} {
		if got, ok := statusOf(errors.New(text)); got != want || ok != (want != 0) {
			t.Errorf("%q holds %04X (%v), want %04X", text, uint16(got), ok, uint16(want))
		}
	}
}
