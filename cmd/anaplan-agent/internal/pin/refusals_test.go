package pin

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestRefusals(t *testing.T) {
	r := Refusals{Dir: filepath.Join(t.TempDir(), "state")}
	token := Device{Label: "demo", Serial: "1"}
	refused := func(token Device, source, stamp string) bool {
		_, ok := errors.AsType[*RefusedError](r.Check(token, source, stamp, false))
		return ok
	}

	if refused(token, "file:pin", "1 5") {
		t.Error("refused before it was")
	}
	if err := r.Remember(token, "file:pin", "1 5"); err != nil {
		t.Fatal(err)
	}
	if !refused(token, "file:pin", "1 5") {
		t.Error("the refusal is not remembered")
	}
	if refused(token, "file:pin", "2 5") {
		t.Error("refused although the file has changed")
	}
	if refused(token, "env:PIN", "") || refused(Device{Label: "demo", Serial: "2"}, "file:pin", "1 5") {
		t.Error("another source or token is refused")
	}
	for range 2 {
		if err := r.Forget(token, "file:pin"); err != nil {
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
	token := Device{Label: "demo", Serial: "1"}
	if err := os.WriteFile(refusalName(token, "env:PIN"), []byte(`{"source":"env:PIN"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	r := Refusals{}
	if err := r.Check(token, "env:PIN", "", false); err != nil {
		t.Error(err)
	}
	if err := r.Remember(token, "env:PIN", ""); err != nil {
		t.Error(err)
	}
	for _, changed := range []bool{false, true} {
		if r.Check(token, "env:PIN", "", changed) == nil {
			t.Errorf("the refusal of this run is forgotten (changed: %v)", changed)
		}
	}
	if err := r.Forget(token, "env:PIN"); err != nil || r.Check(token, "env:PIN", "", false) != nil {
		t.Errorf("it is not forgotten: %v", err)
	}
	if _, err := os.Stat(refusalName(token, "env:PIN")); err != nil {
		t.Error(err)
	}
}

// A home that is no directory, or read-only, is told when there is something to
// remember, and not at each login.
func TestRefusalsUnwritable(t *testing.T) {
	r := Refusals{Dir: filepath.Join(writeFile(t, "a file"), "state")}
	token := Device{Label: "demo", Serial: "1"}
	if err := r.Forget(token, "env:PIN"); err != nil {
		t.Errorf("forgetting nothing: %v", err)
	}
	if r.Remember(token, "env:PIN", "") == nil {
		t.Error("nothing is said")
	}
	if r.Check(token, "env:PIN", "", false) == nil {
		t.Error("the PIN may be sent again in the same run")
	}
}

func TestRefusalsChanged(t *testing.T) {
	dir, token := t.TempDir(), Device{Label: "demo", Serial: "1"}
	if err := (&Refusals{Dir: dir}).Remember(token, "env:PIN", ""); err != nil {
		t.Fatal(err)
	}
	if (&Refusals{Dir: dir}).Check(token, "env:PIN", "", false) == nil {
		t.Error("another run has not heard of it")
	}
	if err := (&Refusals{Dir: dir}).Check(token, "env:PIN", "", true); err != nil {
		t.Errorf("the user's word does not count: %v", err)
	}
}

func TestRefusalsGarbage(t *testing.T) {
	r := Refusals{Dir: t.TempDir()}
	token := Device{Label: "demo", Serial: "1"}
	if err := os.WriteFile(filepath.Join(r.Dir, refusalName(token, "env:PIN")), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.Check(token, "env:PIN", "", false); err != nil {
		t.Errorf("an unreadable note of a refusal blocks: %v", err)
	}
}
