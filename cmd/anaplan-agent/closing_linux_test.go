//go:build cgo

package main

import (
	"strings"
	"testing"
)

// endings are the ways in which modules end badly.
var endings = map[string]string{
	"C_Finalize=crash":       "crashed while it closed",
	"C_Finalize=after:crash": "crashed while it closed",
	"C_Finalize=abort":       "crashed while it closed",
	"C_Finalize=exit":        "crashed while it closed",
	"C_CloseSession=crash":   "crashed while it closed",
	"unload=crash":           "crashed while it closed",
	"unload=exit":            "crashed while it closed",
	"C_Finalize=hang":        "did not close within 2s",
	"C_CloseSession=hang":    "did not close within 2s",
	"unload=hang":            "did not close within 2s",
	"C_Finalize=0x5":         "",
	"C_CloseSession=0x30":    "",
}

// TestBadEndings: what was wanted of a module is delivered, however badly it ends. A program that waits
// for one that hangs is killed (bound), and has no exit code then.
func TestBadEndings(t *testing.T) {
	shim, sign, env := behindShim(t)
	keys := append([]string{"keys"}, sign[1:]...)
	for order, want := range endings {
		for _, command := range [][]string{sign, keys} {
			t.Run(command[0]+" "+order, func(t *testing.T) {
				shim.Order(t, order)
				var r result
				r.run(t, env, append(command, "--pin", "env:PIN"))
				if r.code != 0 || r.stdout.Len() == 0 {
					t.Errorf("exit code %d, stdout %q", r.code, r.stdout.String())
				}
				wantWarning(t, r.stderr.String(), want, shim.Module)
			})
		}
	}
}

// wantWarning wants one warning of a module, or none.
func wantWarning(t *testing.T, said, want, module string) {
	t.Helper()
	count := 0
	if want != "" {
		count, want = 1, "warning: the PKCS#11 module "+module+" "+want
	}
	if strings.Count(said, "PKCS#11") != count || !strings.Contains(said, want) {
		t.Errorf("it said %q, want %q", said, want)
	}
}

// TestKilledAtItsEnd: a result that is a file's or a pipe's already is not lost, even where
// nothing can be said any more.
func TestKilledAtItsEnd(t *testing.T) {
	shim, sign, env := behindShim(t, "C_Finalize=kill")
	for _, command := range [][]string{sign, append([]string{"keys"}, sign[1:]...)} {
		var r result
		r.run(t, env, append(command, "--pin", "env:PIN"))
		if r.stdout.Len() == 0 {
			t.Errorf("%s: no result; it said %q", command[0], r.stderr.String())
		}
	}
	if n := shim.Calls(t, "C_Finalize"); n != 2 {
		t.Errorf("%d modules were closed", n)
	}
}

// TestRefusedBeforeABadEnd: an error is told as well, in its own words.
func TestRefusedBeforeABadEnd(t *testing.T) {
	shim, sign, env := behindShim(t, "C_Finalize=crash")
	env = append(env, "PIN=wrong-pin")
	for range 2 {
		var r result
		r.run(t, env, append(sign, "--pin", "env:PIN"))
		r.want(t, 3)
	}
	if n := shim.Calls(t, "C_Login"); n != 1 {
		t.Errorf("the wrong PIN was sent %d times", n)
	}
}
