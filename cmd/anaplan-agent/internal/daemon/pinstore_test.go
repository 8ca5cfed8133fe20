package daemon

import (
	"bytes"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/locked"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

func TestPINBox(t *testing.T) {
	box := pinStore{memory: new(locked.Memory)}
	if given := box.get(); given.pin != nil {
		t.Errorf("an empty box holds %q", given.pin)
	}
	given := []byte("471108")
	box.set(given)
	if !bytes.Equal(given, make([]byte, 6)) {
		t.Error("what was given is not overwritten")
	}
	clear(box.get().pin) // as the signer does
	if again := box.get(); string(again.pin) != "471108" {
		t.Errorf("it holds %q after the first was used", again.pin)
	}
	kept := box.pin
	box.set(nil)
	if given := box.get(); given.pin != nil {
		t.Errorf("a PIN that was forgotten is still there: %q", given.pin)
	}
	if kept.Bytes() != nil {
		t.Error("it is still in memory")
	}
}

func TestPINBoxRefusesWhatIsNoPIN(t *testing.T) {
	box := pinStore{memory: new(locked.Memory)}
	box.set(bytes.Repeat([]byte("9"), console.MaxSecret+1))
	if given := box.get(); given.pin != nil {
		t.Errorf("it keeps %d bytes", len(given.pin))
	}
}

// A person's word counts once, and for the PIN that it was said of: the last try is not
// spent again because it was once, nor on another PIN.
func TestPINBoxHeedsOnce(t *testing.T) {
	box := pinStore{memory: new(locked.Memory)}
	said := local.UnlockOptions{LastTry: true, PINChanged: true}
	box.heed(said)
	first, second := box.get(), box.get()
	if first.word != said || second.word != (local.UnlockOptions{}) {
		t.Errorf("heard %v, then %v; want it once", first.word, second.word)
	}
	box.heed(said)
	box.set([]byte("123456"))
	if given := box.get(); given.word != (local.UnlockOptions{}) {
		t.Errorf("said of another PIN: %v", given.word)
	}
}

// A PIN that was refused is forgotten, and not the one that was typed meanwhile.
func TestPINBoxForgetsTheRightOne(t *testing.T) {
	box := pinStore{memory: new(locked.Memory)}
	box.set([]byte("111111"))
	wrong := box.get()
	box.set([]byte("222222"))
	box.forget(wrong.number)
	right := box.get()
	if string(right.pin) != "222222" {
		t.Errorf("it holds %q", right.pin)
	}
	box.forget(right.number)
	if given := box.get(); given.pin != nil {
		t.Errorf("it still holds %q", given.pin)
	}
}

// A PIN is for the device that wanted one when it was typed.
func TestPINBoxKnowsTheDevice(t *testing.T) {
	box := pinStore{memory: new(locked.Memory)}
	box.set([]byte("111111"))
	if given := box.get(); given.device != "" {
		t.Errorf("typed for %q, and nobody has asked", given.device)
	}
	box.want("a")
	box.set([]byte("222222"))
	box.want("b")
	if given := box.get(); given.device != "a" {
		t.Errorf("typed for %q, want a", given.device)
	}
}

func TestPINBoxClosed(t *testing.T) {
	box := pinStore{memory: new(locked.Memory)}
	box.set([]byte("111111"))
	box.close()
	box.set([]byte("222222"))
	if given := box.get(); given.pin != nil {
		t.Errorf("it holds %q", given.pin)
	}
	box.close()
}
