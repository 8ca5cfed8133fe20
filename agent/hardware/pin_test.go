package hardware_test

import (
	"errors"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
)

func TestCounters(t *testing.T) {
	for left, want := range map[int]hardware.PINCounter{
		-1: {},
		0:  {Told: true, Exact: true, State: hardware.PINLocked},
		1:  {Told: true, Exact: true, State: hardware.PINFinalTry, Tries: 1},
		3:  {Told: true, Exact: true, Tries: 3},
	} {
		if got := hardware.TryCounter(left); got != want {
			t.Errorf("%d tries are %+v, want %+v", left, got, want)
		}
	}
	if got, want := hardware.FlagCounter(hardware.PINLow), (hardware.PINCounter{Told: true, State: hardware.PINLow}); got != want {
		t.Errorf("a flag is %+v, want %+v", got, want)
	}
}

// Only a number that stays the same says that nothing was counted: flags may be set late.
func TestPINUnclearErrorText(t *testing.T) {
	tries, flags := hardware.TryCounter, hardware.FlagCounter
	for _, c := range []struct {
		before, after hardware.PINCounter
		device, want  string
	}{
		{tries(3), tries(3), "card", "x; the card has not counted that as a wrong PIN"},
		{tries(3), tries(-1), "card", "x; whether the card took the PIN is not known"},
		{tries(-1), tries(-1), "card", "x; whether the card took the PIN is not known"},
		{flags(hardware.PINFresh), flags(hardware.PINFresh), "token", "x; whether the token took the PIN is not known"},
	} {
		cause := errors.New("x")
		err := &hardware.PINUnclearError{Device: c.device, Before: c.before, After: c.after, Err: cause}
		if err.Error() != c.want || !errors.Is(err, cause) {
			t.Errorf("got %q, want %q", err, c.want)
		}
	}
}

// Whatever comes back, a PIN is sent once, and its guard is told what.
func TestSend(t *testing.T) {
	refused := &hardware.PINError{Text: "wrong"}
	for _, c := range []struct{ answer, want error }{
		{nil, nil},
		{refused, refused},
		{hardware.ErrPINNotSent, hardware.ErrPINNotSent},
		{hardware.ErrPINNotRead, nil},
		{hardware.ErrPINUnproven, nil},
	} {
		sent, told := 0, errors.New("nothing")
		send := func() error { sent++; return c.answer }
		guarded := hardware.PIN{Guard: func(secret hardware.Secret, send func() error) error {
			if told = send(); secret != hardware.KeyPIN {
				t.Errorf("the guard is told of the secret %v", secret)
			}
			return told
		}}
		if err := guarded.Send(hardware.KeyPIN, send); err != c.want || told != c.answer || sent != 1 {
			t.Errorf("%v: %v, the guard is told %v, sent %d times", c.answer, err, told, sent)
		}
		if err := (hardware.PIN{}).Send(hardware.DevicePIN, send); err != c.want || sent != 2 {
			t.Errorf("%v without a guard: %v, sent %d times", c.answer, err, sent-1)
		}
	}
}
