package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestRefusals(t *testing.T) {
	r := refusals{dir: filepath.Join(t.TempDir(), "state")}
	token := deviceName{label: "demo", serial: "1"}
	refused := func(token deviceName, source, stamp string) bool {
		_, ok := errors.AsType[*refusedError](r.check(token, source, stamp, false))
		return ok
	}

	if refused(token, "file:pin", "1 5") {
		t.Error("refused before it was")
	}
	if err := r.remember(token, "file:pin", "1 5"); err != nil {
		t.Fatal(err)
	}
	if !refused(token, "file:pin", "1 5") {
		t.Error("the refusal is not remembered")
	}
	if refused(token, "file:pin", "2 5") {
		t.Error("refused although the file has changed")
	}
	if refused(token, "env:PIN", "") || refused(deviceName{label: "demo", serial: "2"}, "file:pin", "1 5") {
		t.Error("another source or token is refused")
	}
	for range 2 {
		if err := r.forget(token, "file:pin"); err != nil {
			t.Fatal(err)
		}
	}
	if refused(token, "file:pin", "1 5") {
		t.Error("refused after it was forgotten")
	}
}

// Where nothing can be written the PIN is refused for the rest of the run at
// least, and nothing is looked for in the current directory.
func TestRefusalsWithoutHome(t *testing.T) {
	t.Chdir(t.TempDir())
	token := deviceName{label: "demo", serial: "1"}
	if err := os.WriteFile(refusalName(token, "env:PIN"), []byte(`{"source":"env:PIN"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	r := refusals{}
	if err := r.check(token, "env:PIN", "", false); err != nil {
		t.Error(err)
	}
	if err := r.remember(token, "env:PIN", ""); err != nil {
		t.Error(err)
	}
	for _, changed := range []bool{false, true} {
		if r.check(token, "env:PIN", "", changed) == nil {
			t.Errorf("the refusal of this run is forgotten (changed: %v)", changed)
		}
	}
	if err := r.forget(token, "env:PIN"); err != nil || r.check(token, "env:PIN", "", false) != nil {
		t.Errorf("it is not forgotten: %v", err)
	}
	if _, err := os.Stat(refusalName(token, "env:PIN")); err != nil {
		t.Error(err)
	}
}

// A home that is no directory, or read-only, is told when there is something to
// remember, and not at each login.
func TestRefusalsUnwritable(t *testing.T) {
	r := refusals{dir: filepath.Join(writeFile(t, "a file"), "state")}
	token := deviceName{label: "demo", serial: "1"}
	if err := r.forget(token, "env:PIN"); err != nil {
		t.Errorf("forgetting nothing: %v", err)
	}
	if r.remember(token, "env:PIN", "") == nil {
		t.Error("nothing is said")
	}
	if r.check(token, "env:PIN", "", false) == nil {
		t.Error("the PIN may be sent again in the same run")
	}
}

func TestRefusalsChanged(t *testing.T) {
	dir, token := t.TempDir(), deviceName{label: "demo", serial: "1"}
	if err := (&refusals{dir: dir}).remember(token, "env:PIN", ""); err != nil {
		t.Fatal(err)
	}
	if (&refusals{dir: dir}).check(token, "env:PIN", "", false) == nil {
		t.Error("another run has not heard of it")
	}
	if err := (&refusals{dir: dir}).check(token, "env:PIN", "", true); err != nil {
		t.Errorf("the user's word does not count: %v", err)
	}
}

func TestRefusalsGarbage(t *testing.T) {
	r := refusals{dir: t.TempDir()}
	token := deviceName{label: "demo", serial: "1"}
	if err := os.WriteFile(filepath.Join(r.dir, refusalName(token, "env:PIN")), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.check(token, "env:PIN", "", false); err != nil {
		t.Errorf("an unreadable note of a refusal blocks: %v", err)
	}
}
