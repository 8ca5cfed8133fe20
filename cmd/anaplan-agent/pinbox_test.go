package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

func TestPINBox(t *testing.T) {
	var box pinBox
	if pin, _ := box.get(); pin != nil {
		t.Errorf("an empty box holds %q", pin)
	}
	given := []byte("471108")
	box.set(given)
	if !bytes.Equal(given, make([]byte, 6)) {
		t.Error("what was given is not overwritten")
	}
	first, _ := box.get()
	clear(first) // as the signer does
	if second, _ := box.get(); string(second) != "471108" {
		t.Errorf("it holds %q after the first was used", second)
	}
	box.set(nil)
	if pin, _ := box.get(); pin != nil {
		t.Errorf("a PIN that was forgotten is still there: %q", pin)
	}
	if strings.Contains(string(box.page), "4711") {
		t.Error("it is still in memory")
	}
}

func TestPINBoxRefusesWhatIsNoPIN(t *testing.T) {
	var box pinBox
	box.set(bytes.Repeat([]byte("9"), maxPIN+1))
	if pin, _ := box.get(); pin != nil {
		t.Errorf("it keeps %d bytes", len(pin))
	}
}

// A person's word counts once: the last try is not spent again because it was once.
func TestPINBoxHeedsOnce(t *testing.T) {
	var box pinBox
	said := local.Word{LastTry: true, PINChanged: true}
	box.heed(said)
	_, first := box.get()
	if _, second := box.get(); first != said || second != (local.Word{}) {
		t.Errorf("heard %v, then %v; want it once", first, second)
	}
}
