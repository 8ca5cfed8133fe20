package guide

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/enroll"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/roomtest"
	"github.com/google/go-cmp/cmp"
	"github.com/pelletier/go-toml/v2"
)

func TestTypedPath(t *testing.T) {
	t.Setenv("HOME", "/home/ana")
	for text, want := range map[string]string{
		"a.pem": "a.pem", "'my file.pem'": "my file.pem", `"a"`: "a", "'": "'", "~/a.pem": "/home/ana/a.pem", "~a": "~a",
	} {
		if os.PathSeparator != '/' && text[0] == '~' {
			continue
		}
		if got := typedPath(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestFreeName(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a-upload.pem")
	want := []string{"a-upload.pem", "a-upload-2.pem", "a-upload-3.pem"}
	for _, name := range want {
		got := freeName(path)
		if filepath.Base(got) != name {
			t.Errorf("got %s, want %s", got, name)
		}
		if err := console.WriteOut(t.Context(), got, name); err != nil {
			t.Fatal(err)
		}
	}
	if err := console.WriteOut(t.Context(), path, want[0]); err != nil {
		t.Errorf("the same again: %v", err)
	}
	if err := console.WriteOut(t.Context(), path, "else"); err == nil {
		t.Error("it was overwritten")
	}
}

func TestShortName(t *testing.T) {
	for address, want := range map[string]string{
		"piv:serial=7;slot=9c": "7-9c", "pkcs11:object=login": "login", "pkcs11:object=..%2Fa%20b%0A": "_a_b_", "pkcs11:": "key", "pkcs11:object=..": "key",
	} {
		if got := shortName(roomtest.Address(t, address)); got != want {
			t.Errorf("%s: got %q, want %q", address, got, want)
		}
	}
}

func TestMakesLongKeys(t *testing.T) {
	for firmware, want := range map[string]bool{"4.3.5": false, "5.4.3": false, "5.7.0": true, "5.10.1": true, "6.0.0": true, "": true} {
		if got := makesLongKeys(firmware); got != want {
			t.Errorf("%s: got %v", firmware, got)
		}
	}
}

func TestFreeSlot(t *testing.T) {
	for want, taken := range map[string][]string{"9c": nil, "82": {"9c", "9a"}, "83": {"9c", "82"}} {
		if got := freeSlot(taken); got != want {
			t.Errorf("%v: got %s, want %s", taken, got, want)
		}
	}
}

func TestReadEntry(t *testing.T) {
	for text, want := range map[string]struct {
		device  foundDevice
		problem string
	}{
		`{"address": "pkcs11:token=a?module-name=m", "label": "a", "serial": "1", "manufacturer": "M", "model": "X", "keys": [{"label": "k"}, {"label": "k"}]}`: {
			foundDevice{
				address: roomtest.Address(t, "pkcs11:token=a?module-name=m"), text: `token "a": M X, serial 1, module m`, taken: []string{"k"}, long: true,
				module: "m", label: "a", maker: "M", serial: "1",
			}, ""},
		`{"address": "pkcs11:token=a?module-name=m", "label": "a", "write_protected": true, "keys": []}`: {
			foundDevice{
				address: roomtest.Address(t, "pkcs11:token=a?module-name=m"), text: `token "a":  , serial , module m`, long: true, module: "m", label: "a", readOnly: true,
			}, ""},
		`{"address": "pkcs11:slot-id=3?module-name=m", "label": "", "problem": "silent"}`: {foundDevice{}, "silent"},
		`{"address": "piv:serial=7", "name": "YubiKey 7", "firmware": "5.4.3", "reader": "R", "keys": [{"slot": "9c"}]}`: {
			foundDevice{address: roomtest.Address(t, "piv:serial=7"), text: `YubiKey 7, firmware 5.4.3, in reader "R"`, taken: []string{"9c"}, serial: "7"}, ""},
		`{"address": "piv:", "reader": "R", "problem": "in use"}`: {foundDevice{}, "card in reader R: in use"},
	} {
		d, problem := readEntry([]byte(text))
		if problem != want.problem || d.text != want.device.text || d.long != want.device.long || !cmp.Equal(d.taken, want.device.taken) {
			t.Errorf("%s: got %+v, %q", text, d, problem)
		}
	}
	if _, problem := readEntry([]byte(`{"address": "x"}`)); problem == "" {
		t.Error("a bad address passes")
	}
}

func TestTOML(t *testing.T) {
	for _, text := range []string{"default", "two words", "a.b", "a-b_9", `C:\x "y"`, "ü\n\t", "a&b<c>", ""} {
		var got map[string]string
		if err := toml.Unmarshal([]byte(enroll.TomlName(text)+" = "+enroll.TomlString(text)+"\n"), &got); err != nil || got[text] != text {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
}

func TestCanRetype(t *testing.T) {
	prompt, file := config.PINSource{Kind: config.PINPrompt}, config.PINSource{Kind: config.PINFile}
	for _, test := range []struct {
		err    error
		source config.PINSource
		want   bool
	}{
		{&hardware.PINError{}, prompt, true},
		{&hardware.PINError{Locked: true}, prompt, false},
		{&hardware.PINError{}, file, false},
		{&hardware.PINError{Counter: hardware.TryCounter(1)}, prompt, true}, // the last try is confirmed elsewhere
		{pin.ErrLength, prompt, true},
		{pin.ErrSource, config.PINSource{Kind: config.PINPinentry}, false}, // there is no such program
		{pin.ErrNotConfirmed, prompt, false},
		{nil, prompt, false},
	} {
		if got := canRetype(test.err, test.source); got != test.want {
			t.Errorf("%v from %v: got %v, want %v", test.err, test.source, got, test.want)
		}
	}
}

// One card is offered once, and no device of which it is known that it makes no key.
func TestSift(t *testing.T) {
	found := func(address, module, label, maker, serial string) foundDevice {
		parsed, err := config.ParseAddress(address)
		if err != nil {
			t.Fatal(err)
		}
		return foundDevice{address: parsed, text: module + label, module: module, label: label, maker: maker, serial: serial}
	}
	card, another := found("piv:serial=5", "", "", "", "5"), found("piv:serial=6", "", "", "", "6")
	ykcs11 := found("pkcs11:", "ykcs11", "YubiKey PIV #5", "Yubico (www.yubico.com)", "5")
	opensc, onepin := found("pkcs11:", "opensc-pkcs11", "me", "piv_II", "00ab"), found("pkcs11:", "onepin-opensc-pkcs11", "me", "piv_II", "00ab")
	hsm, proxied := found("pkcs11:", "softhsm2", "a", "SoftHSM", "1"), found("pkcs11:", "p11-kit-proxy", "a", "SoftHSM", "1")
	twin := found("pkcs11:", "softhsm2", "a", "SoftHSM", "2")
	locked := found("pkcs11:", "cards", "l", "Other", "3")
	locked.readOnly = true
	applet, empty := found("piv:serial=7", "", "", "", "7"), found("piv:serial=8", "", "", "", "8")
	applet.readOnly, applet.taken, empty.readOnly = true, []string{"9c"}, true
	for name, test := range map[string]struct {
		found            []foundDevice
		reuse            bool
		offered, useless string
	}{
		"a YubiKey":            {[]foundDevice{card, ykcs11, opensc, onepin}, false, "5", ""},
		"two YubiKeys":         {[]foundDevice{card, another, ykcs11, opensc, opensc}, false, "5 6", ""},
		"of another maker":     {[]foundDevice{applet, found("pkcs11:", "ykcs11", "YubiKey PIV #0", "Yubico (www.yubico.com)", "0")}, false, "7", ""},
		"and one of others":    {[]foundDevice{card, opensc, found("pkcs11:", "opensc-pkcs11", "b", "piv_II", "00cd")}, false, "5", "00cd"},
		"one of others":        {[]foundDevice{opensc, onepin}, false, "", "00ab"},
		"one of others, again": {[]foundDevice{opensc, onepin}, true, "00ab", ""},
		"a proxy":              {[]foundDevice{hsm, twin, proxied}, false, "1 2", ""},
		"no serial numbers":    {[]foundDevice{found("pkcs11:", "a", "x", "y", ""), found("pkcs11:", "b", "x", "y", "")}, false, " ", ""},
		"write-protected":      {[]foundDevice{locked, hsm}, false, "1", "3"},
		"a card with a key":    {[]foundDevice{applet, card, opensc, opensc}, false, "5 7", ""},
		"an empty card":        {[]foundDevice{empty, opensc, onepin, hsm}, false, "1", "8"},
		"its key is wanted":    {[]foundDevice{locked, hsm}, true, "3 1", ""},
	} {
		serials := func(devices []foundDevice) string {
			var all []string
			for _, d := range devices {
				all = append(all, d.serial)
			}
			return strings.Join(all, " ")
		}
		offered, useless := sift(test.found, test.reuse)
		if got, left := serials(offered), serials(useless); got != test.offered || left != test.useless {
			t.Errorf("%s: offered %q, of no use %q; want %q and %q", name, got, left, test.offered, test.useless)
		}
	}
}
