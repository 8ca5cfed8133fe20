//go:build cgo || windows

package piv

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	yubikey "github.com/go-piv/piv-go/v2/piv"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
)

// TestSupports: what old firmware would ignore or do badly is refused here.
func TestSupports(t *testing.T) {
	version := func(major, minor, patch int) yubikey.Version {
		return yubikey.Version{Major: major, Minor: minor, Patch: patch}
	}
	usual := KeySpec{Bits: 2048, PIN: PINAlways, Touch: TouchNever}
	for name, test := range map[string]struct {
		firmware yubikey.Version
		spec     KeySpec
		want     string
	}{
		"5.7 and 4096":      {version(5, 7, 1), KeySpec{Bits: 4096, PIN: PINOnce, Touch: TouchCached}, ""},
		"5.4 and 2048":      {version(5, 4, 3), usual, ""},
		"5.4 and 3072":      {version(5, 4, 3), KeySpec{Bits: 3072, PIN: PINOnce, Touch: TouchNever}, "RSA 3072 needs firmware 5.7, and YubiKey has 5.4.3"},
		"4.3.5":             {version(4, 3, 5), usual, ""},
		"4.3.4":             {version(4, 3, 4), usual, "CVE-2017-15361"},
		"4.2.6":             {version(4, 2, 6), usual, "CVE-2017-15361"},
		"4.1 and cached":    {version(4, 1, 0), KeySpec{Bits: 2048, PIN: PINOnce, Touch: TouchCached}, "a cached touch"},
		"NEO":               {version(1, 0, 4), usual, "firmware 4.0"},
		"no such PIN":       {version(5, 7, 1), KeySpec{Bits: 2048, PIN: "seldom", Touch: TouchNever}, `not "seldom"`},
		"no such touch":     {version(5, 7, 1), KeySpec{Bits: 2048, PIN: PINOnce, Touch: "seldom"}, `not "seldom"`},
		"a PIN left unsaid": {version(5, 7, 1), KeySpec{Bits: 2048, Touch: TouchNever}, "PIN policies are"},
	} {
		key, err := (model{firmware: test.firmware}).supports(test.spec)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", name, err, test.want)
		}
		if err == nil && (key.Algorithm != algorithms[test.spec.Bits] || pinPolicies[key.PINPolicy] != test.spec.PIN || touchPolicies[key.TouchPolicy] != test.spec.Touch) {
			t.Errorf("%s: %+v for %+v", name, key, test.spec)
		}
	}
}

func TestManagement(t *testing.T) {
	m := management{algorithm: 3, factory: true}
	m.read([]byte{tagAlgorithm, 1, 0x0c, tagPolicies, 2, 0, 2, tagDefault, 1, 0})
	if want := (management{algorithm: 0x0c, touch: TouchAlways}); m != want {
		t.Errorf("read %+v, want %+v", m, want)
	}
	err := m.fits(make([]byte, 24))
	if !errors.Is(err, ErrManagementKey) || !strings.Contains(err.Error(), "AES-256, which has 32 bytes, and the one given has 24") {
		t.Error(err)
	}
	if err := m.fits(make([]byte, 32)); err != nil {
		t.Error(err)
	}
	if got := factoryManagementKey(); len(got) != 24 || !bytes.HasPrefix(got, []byte{1, 2, 3, 4, 5, 6, 7, 8, 1}) {
		t.Errorf("the factory's management key is %x", got)
	}
}

// TestTriesIn: what counts tries, and what does not.
func TestTriesIn(t *testing.T) {
	for sw, want := range map[status]int{0x63c3: 3, 0x63c0: 0, 0x6983: 0, 0x6300: -1, 0x6a80: -1, 0x6d00: -1} {
		if got := triesIn(sw); got != want {
			t.Errorf("%04X leaves %d tries, want %d", uint16(sw), got, want)
		}
	}
}

// TestRefused: what a card says of a PIN, in words; every such answer is final.
func TestRefused(t *testing.T) {
	c := &card{model: model{serial: 7, firmware: yubikey.Version{Major: 4, Minor: 3, Patch: 5}}}
	for sw, want := range map[status]string{
		0x63c2: "YubiKey 7 refused the PIN: it is wrong (63C2); 2 tries are left",
		0x63c1: "YubiKey 7 refused the PIN: it is wrong (63C1); one try is left",
		0x63c0: "the PIN of YubiKey 7 is blocked: the last try was wrong (63C0)",
		0x6983: "the PIN of YubiKey 7 is blocked: the last try was wrong (6983)",
		0x6a80: "YubiKey 7 refused the PIN: PINs have 6 to 8 characters, and digits suit every card (6A80)",
	} {
		u := &user{card: c, tries: 3, pin: hardware.PIN{Value: []byte("1234")}}
		err := u.answered(sw)
		if refused, ok := errors.AsType[*hardware.PINError](err); !ok || err.Error() != want || Transient(err) {
			t.Errorf("%04X is %v (%+v), want %q", uint16(sw), err, refused, want)
		}
	}
}
