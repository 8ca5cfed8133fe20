//go:build unix

package pin

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// Requests of a card behind OpenSC with one certificate and with another, as this version has them and
// as older ones had.
var (
	ana = hardware.PINRequest{Device: "ana", Serial: "00ab", Kind: "piv_II/PKCS#15 emulated", Counter: hardware.FlagCounter(hardware.PINFresh)}
	bob = renamed(ana, "bob")
)

func renamed(r hardware.PINRequest, label string) hardware.PINRequest {
	r.Device = label
	return r
}

// older returns a request as older versions had it, and this one while another token has the number.
func older(r hardware.PINRequest) hardware.PINRequest {
	r.Kind = ""
	return r
}

// sendTo sends the PIN from a process of its own to what asks for it, by an address that does not name it.
func (r *rig) sendTo(t *testing.T, request hardware.PINRequest, secret hardware.Secret, answer error, changed bool) (sent bool, err error) {
	t.Helper()
	a := r.process()
	a.Changed = changed
	pin, err := a.ForToken(uri.URI{}.With("module-name", "m"))(t.Context(), request)
	if err != nil {
		return false, err
	}
	err = pin.Guard(secret, func() error { sent = true; return answer })
	return sent, err
}

// A PIN that was refused is not sent again because the device has another label, nor because the note
// of it is an older version's; and the right one is.
func TestLabelChanges(t *testing.T) {
	const device, key = hardware.DevicePIN, hardware.KeyPIN
	type step struct {
		to      hardware.PINRequest
		secret  hardware.Secret
		pin     string
		answer  error
		changed bool
		sent    bool
	}
	number := renamed(ana, ana.Device)
	number.Serial = "00cd"
	maker := renamed(ana, ana.Device)
	maker.Kind = "other/PKCS#15 emulated"
	tests := map[string][]step{
		"refused, renamed":             {{ana, device, "1", wrong, false, true}, {bob, device, "1", nil, false, false}},
		"taken, renamed":               {{ana, device, "1", nil, false, true}, {bob, device, "1", nil, false, true}},
		"taken, another number":        {{ana, device, "1", nil, false, true}, {number, device, "1", nil, false, false}},
		"taken, another maker":         {{ana, device, "1", nil, false, true}, {maker, device, "1", nil, false, false}},
		"older, refused":               {{older(ana), device, "1", wrong, false, true}, {ana, device, "1", nil, false, false}},
		"older, refused, renamed":      {{older(ana), device, "1", wrong, false, true}, {bob, device, "1", nil, false, false}},
		"older, refused, corrected":    {{older(ana), device, "1", wrong, false, true}, {ana, device, "2", nil, false, true}, {bob, device, "2", nil, false, true}, {bob, device, "1", nil, false, false}},
		"older, refused, changed":      {{older(ana), device, "1", wrong, false, true}, {bob, device, "1", nil, true, true}, {ana, device, "1", nil, false, true}},
		"older, unclear":               {{older(ana), device, "1", errDevice, false, true}, {ana, device, "1", nil, false, false}, {bob, device, "1", nil, false, false}},
		"older, taken":                 {{older(ana), device, "1", nil, false, true}, {ana, device, "1", nil, false, true}},
		"older, taken, renamed":        {{older(ana), device, "1", nil, false, true}, {bob, device, "1", nil, false, true}, {ana, device, "1", nil, false, true}},
		"older, another number":        {{older(ana), device, "1", nil, false, true}, {number, device, "1", nil, false, false}},
		"older, both names":            {{older(ana), device, "1", wrong, false, true}, {older(bob), device, "1", nil, true, true}, {ana, device, "1", nil, false, true}},
		"a key's, refused":             {{ana, key, "1", wrong, false, true}, {bob, key, "1", nil, false, false}, {bob, device, "1", nil, false, true}},
		"a key's, older":               {{older(ana), key, "1", wrong, false, true}, {ana, key, "1", nil, false, false}, {ana, device, "1", nil, false, true}},
		"its number is another's, too": {{ana, device, "1", wrong, false, true}, {older(ana), device, "1", nil, false, false}, {older(bob), device, "1", wrong, false, true}},
		"by its label alone":           {{older(ana), device, "1", nil, false, true}, {older(bob), device, "1", nil, false, false}},
		"no number":                    {{hardware.PINRequest{Device: "ana", Serial: "0000"}, device, "1", nil, false, true}, {hardware.PINRequest{Device: "bob", Serial: "0000"}, device, "1", nil, false, false}},
	}
	for name, steps := range tests {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, config.PINEnv, "DEMO_PIN")
			for i, s := range steps {
				t.Setenv("DEMO_PIN", s.pin)
				sent, err := r.sendTo(t, s.to, s.secret, s.answer, s.changed)
				if sent != s.sent || sent && s.answer == nil && err != nil {
					t.Fatalf("step %d: sent %v, %v", i, sent, err)
				}
			}
		})
	}
}

// What a program's PINs have cost under the older name counts.
func TestFormerRow(t *testing.T) {
	r := newRig(t, config.PINCommand, "cat "+writeFile(t, "1"))
	pin := func(text string) { write(t, r.source.Arg[len("cat "):], text) }
	for _, text := range []string{"1", "2"} {
		pin(text)
		r.sendTo(t, older(ana), hardware.DevicePIN, wrong, false)
	}
	pin("3")
	if sent, err := r.sendTo(t, ana, hardware.DevicePIN, wrong, false); sent {
		t.Errorf("the third is sent, %v", err)
	}
	r.sendTo(t, ana, hardware.DevicePIN, wrong, true)
	pin("4")
	_, err := r.sendTo(t, ana, hardware.DevicePIN, wrong, false)
	if refused, ok := errors.AsType[*RefusedError](err); !ok || !refused.Many {
		t.Errorf("the fourth: %v", err)
	}
}

// An older note that cannot be read is in doubt.
func TestFormerDoubt(t *testing.T) {
	t.Setenv("DEMO_PIN", "1")
	r := newRig(t, config.PINEnv, "DEMO_PIN")
	r.sendTo(t, older(ana), hardware.DevicePIN, wrong, false)
	names, err := filepath.Glob(filepath.Join(r.state, "*"+noteExtension))
	if err != nil || len(names) != 1 {
		t.Fatal(names, err)
	}
	if err := os.WriteFile(names[0], []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	sent, err := r.sendTo(t, ana, hardware.DevicePIN, nil, false)
	if _, doubt := errors.AsType[*DoubtError](err); sent || !doubt {
		t.Errorf("sent %v, %v", sent, err)
	}
}
