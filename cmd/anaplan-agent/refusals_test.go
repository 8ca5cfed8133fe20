package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestRefusals(t *testing.T) {
	r := refusals{filepath.Join(t.TempDir(), "state")}
	token := tokenName{"demo", "1"}
	refused := func(token tokenName, source, stamp string) bool {
		_, ok := errors.AsType[*refusedError](r.check(token, source, stamp))
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
	if refused(token, "env:PIN", "") || refused(tokenName{"demo", "2"}, "file:pin", "1 5") {
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

func TestRefusalsWithoutHome(t *testing.T) {
	r := refusals{}
	if err := r.remember(tokenName{"demo", "1"}, "env:PIN", ""); err != nil {
		t.Error(err)
	}
	if err := r.check(tokenName{"demo", "1"}, "env:PIN", ""); err != nil {
		t.Error(err)
	}
}

func TestRefusalsGarbage(t *testing.T) {
	r := refusals{t.TempDir()}
	token := tokenName{"demo", "1"}
	if err := os.WriteFile(r.path(token, "env:PIN"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.check(token, "env:PIN", ""); err != nil {
		t.Errorf("an unreadable note of a refusal blocks: %v", err)
	}
}
