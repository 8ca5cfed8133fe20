//go:build cgo

package hsmtest_test

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// written returns what a child writes to standard output or error, an element for each
// write(2).
func written(t *testing.T, shim *hsmtest.Shim, stream string, steps ...string) (writes []string) {
	t.Helper()
	// Of a pipe nobody can tell where a write ended.
	pair, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_SEQPACKET|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "ours"), os.NewFile(uintptr(pair[1]), "theirs")
	defer ours.Close()
	child := command(shim, steps...)
	if stream == "stdout" {
		child.Stdout = theirs
	} else {
		child.Stderr = theirs
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	theirs.Close()
	defer child.Wait()
	buffer := make([]byte, 4096)
	for {
		n, err := ours.Read(buffer)
		if err != nil || n == 0 {
			return writes
		}
		writes = append(writes, string(buffer[:n]))
	}
}

// TestPrinting: a module that prints what it should not.
func TestPrinting(t *testing.T) {
	token := newToken(t)
	library := hsmtest.BuildShim(t)
	var signature string
	t.Run("signature", func(t *testing.T) {
		shim := token.Behind(t, library, "printsignature=stderr")
		child := start(t, shim, "stay="+token.PIN, "sign")
		child.line()
		_, signature, _ = strings.Cut(child.line(), "0x0 ")
		child.end(t)
		if len(signature) != 512 || child.stderr.String() != signature+"\n" {
			t.Errorf("it printed %q, and the signature is %s", child.stderr.String(), signature)
		}
	})
	for _, stream := range []string{"stdout", "stderr"} {
		t.Run("banner "+stream, func(t *testing.T) {
			shim := token.Behind(t, library, "print="+stream)
			got := written(t, shim, stream, "state")
			if len(got) == 0 || got[0] != "pkcs11shim: this module prints a banner\n" {
				t.Errorf("it wrote %q", got)
			}
		})
		t.Run("PIN "+stream, func(t *testing.T) {
			shim := token.Behind(t, library, "printpin="+stream)
			got := written(t, shim, stream, "login=jkl4711")
			got = slices.DeleteFunc(got, func(line string) bool { return line == "done\n" || strings.HasPrefix(line, "login ") })
			want := []string{
				"C_Login jkl4711\n",
				"j\x00k\x00l\x004\x007\x001\x001\x00\n",
				"6a6b6c34373131\n",
				"6A6B6C34373131\n",
				"6a 6b 6c 34 37 31 31\n",
				"6a:6b:6c:34:37:31:31\n",
				"jkl", "4711", "\n",
				"C_Finalize jkl4711\n",
			}
			if !slices.Equal(got, want) {
				t.Errorf("it wrote %q, want %q", got, want)
			}
		})
	}
}
