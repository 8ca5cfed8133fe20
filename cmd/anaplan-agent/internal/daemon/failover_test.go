package daemon

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/locked"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// failoverAt returns a failover, and what moves its clock.
func failoverAt(keys int) (*failover, func(time.Duration)) {
	f, now := newFailover(keys), time.Now()
	f.now = func() time.Time { return now }
	return f, func(d time.Duration) { now = now.Add(d) }
}

func TestFailoverSticks(t *testing.T) {
	f, pass := failoverAt(3)
	want := func(when string, want []int, inUse string) {
		t.Helper()
		if diff := cmp.Diff(want, f.order()); diff != "" || f.String() != inUse {
			t.Errorf("%s: %q, order (-want +got):\n%s", when, f, diff)
		}
	}
	want("at first", []int{0, 1, 2}, "")
	f.signed(0, 0)
	want("the first signs", []int{0, 1, 2}, "key 1 of 3")
	f.signed(0, 1)
	want("the second stands in", []int{1, 0, 2}, "key 2 of 3")
	pass(6 * time.Minute)
	f.signed(1, 1)
	want("it signs again, which does not mean to ask it for longer", []int{1, 0, 2}, "key 2 of 3")
	f.signed(1, 2)
	want("it fails too", []int{2, 0, 1}, "key 3 of 3")
	pass(6 * time.Minute)
	want("then", []int{2, 0, 1}, "key 3 of 3")
	pass(4 * time.Minute)
	want("ten minutes later", []int{0, 1, 2}, "key 3 of 3")
	f.signed(0, 2)
	want("the first is still away", []int{2, 0, 1}, "key 3 of 3")
	f.signed(2, 0)
	want("the last is away, the first is back", []int{0, 1, 2}, "key 1 of 3")
	pass(time.Hour)
	if before := f.signed(0, 0); before != 0 {
		t.Errorf("before it was key %d", before)
	}
}

func TestFailoverOfOneKey(t *testing.T) {
	f, _ := failoverAt(1)
	f.signed(0, 0)
	if diff := cmp.Diff([]int{0}, f.order()); diff != "" || f.String() != "" || f.inUse() != 1 {
		t.Errorf("%q, %d, order (-want +got):\n%s", f, f.inUse(), diff)
	}
}

// Only what may be different at another device makes it be asked.
func TestMayBeAnother(t *testing.T) {
	for code, want := range map[agent.Code]bool{
		agent.CodeDeviceAbsent: true, agent.CodeDeviceFailed: true, agent.CodeSignerFailed: true,
		agent.CodePINNeeded: false, agent.CodePINRefused: false, agent.CodeTouchNeeded: false, agent.CodeKeyUnusable: false,
		agent.CodeSettings: false, agent.CodeStopping: false, agent.CodeLocked: false, agent.CodeInternal: false,
	} {
		if got := mayBeAnother(agent.Problemf(code, "no")); got != want {
			t.Errorf("%s: %v", code, got)
		}
	}
}

// A typed PIN is for one device: that another is away does not take it back, nor does its own
// absence. One that was not taken is forgotten.
func TestTypedPIN(t *testing.T) {
	absent := agent.Problemf(agent.CodeDeviceAbsent, "no such card")
	needed := func(device string) *agent.Problem {
		return &agent.Problem{Code: agent.CodePINNeeded, PIN: &agent.PINPrompt{Device: device}}
	}
	const a = `token "a" "1" own=false`
	for name, test := range map[string]struct {
		wanted string                              // the device that wanted it before it was typed
		then   func(*servedProfile) *agent.Problem // the login for which it was typed
		kept   bool
		device string
	}{
		"taken":                            {"", func(p *servedProfile) *agent.Problem { return p.sendTyped(t, "a", nil) }, true, a},
		"refused":                          {"", func(p *servedProfile) *agent.Problem { return p.sendTyped(t, "a", &hardware.PINError{}) }, false, ""},
		"no clear answer":                  {a, func(p *servedProfile) *agent.Problem { return p.sendTyped(t, "a", errors.New("CKR_DEVICE_ERROR")) }, false, ""},
		"not counted":                      {a, func(p *servedProfile) *agent.Problem { return p.sendTyped(t, "a", hardware.ErrPINNotSent) }, true, a},
		"its device is away":               {a, func(*servedProfile) *agent.Problem { return absent }, true, a},
		"nobody wanted it, and it is away": {"", func(*servedProfile) *agent.Problem { return absent }, true, ""},
		"another device wants one":         {a, func(*servedProfile) *agent.Problem { return needed("b") }, true, a},
		"its device wants another":         {a, func(*servedProfile) *agent.Problem { return needed(a) }, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := &servedProfile{
				profile: &config.Profile{Name: "default"}, pin: pinStore{memory: new(locked.Memory)},
				process: &agentProcess{pins: pin.NewMemory(t.TempDir(), nil)},
			}
			p.pin.want(test.wanted)
			p.setPIN([]byte("1234"))
			defer p.pin.close()
			given := p.pin.get()
			p.settleTyped(given, false, test.then(p))
			if got := p.pin.get(); (got.pin != nil) != test.kept || test.kept && got.device != test.device {
				t.Errorf("it is kept: %v, for %q", got.pin != nil, got.device)
			}
		})
	}
}

// The next key gets nothing that was said of a PIN which was sent, and no PIN that belongs to
// the device of the one before.
func TestNextKey(t *testing.T) {
	p := &servedProfile{
		profile: &config.Profile{Name: "default"}, pin: pinStore{memory: new(locked.Memory)},
		process: &agentProcess{pins: pin.NewMemory(t.TempDir(), nil)},
	}
	said := typed{word: local.UnlockOptions{PINChanged: true}}
	if next := p.settleTyped(said, false, nil); next.word != said.word {
		t.Errorf("not sent: %+v", next)
	}
	if next := p.settleTyped(said, true, nil); next.word != (local.UnlockOptions{}) {
		t.Errorf("sent: %+v", next)
	}
	p.setPIN([]byte("1234"))
	given := p.pin.get()
	crashed := p.sendTyped(t, "a", errors.New("no answer"))
	if next := p.settleTyped(given, true, crashed); next.device != `token "a" "1" own=false` {
		t.Errorf("sent to a, and the next key gets it for %q", next.device)
	}
}

// A PIN that is typed in place of one that was refused is for the device that refused it.
func TestTypedInPlaceOfARefusedOne(t *testing.T) {
	p := &servedProfile{pin: pinStore{memory: new(locked.Memory)}}
	p.pin.want("a")
	p.settleTyped(typed{}, true, &agent.Problem{Code: agent.CodePINRefused, PIN: &agent.PINPrompt{Device: "b"}})
	p.pin.set([]byte("1234"))
	if given := p.pin.get(); given.device != "b" {
		t.Errorf("it is for %q", given.device)
	}
}

// sendTyped is a signer that sends the PIN to a token, which answers with err.
func (p *servedProfile) sendTyped(t *testing.T, token string, err error) *agent.Problem {
	t.Helper()
	book, failure := pin.Take(p.process.pins.Give(p.profile), p.process.pins.Learn)
	if failure != nil {
		t.Fatal(failure)
	}
	asker := &pin.Asker{
		Book: book, Pause: func() func() { return func() {} }, Say: &console.Messenger{Out: io.Discard},
		Remote: &pin.Remote{Profile: p.profile.Name, PIN: []byte("1234")},
	}
	typed, failure := asker.ForToken(uri.URI{})(t.Context(), hardware.PINRequest{Device: token, Serial: "1"})
	if failure != nil {
		t.Fatal(failure)
	}
	return agent.ProblemOf(typed.Guard(hardware.DevicePIN, func() error { return err }))
}
