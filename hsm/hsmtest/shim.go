//go:build cgo && unix

package hsmtest

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// BuildShim compiles the module that misbehaves as told (testdata/pkcs11shim) and
// returns its path.
func BuildShim(t testing.TB) string {
	t.Helper()
	compiler := Tool(t, "cc", "cc")
	// By the place of this file, since tests of several packages run in directories of
	// their own.
	_, here, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(here), "..", "..")
	// The headers come with the library, so they need not be on the machine.
	list := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/miekg/pkcs11")
	list.Dir = root
	headers, err := list.Output()
	if err != nil {
		t.Fatalf("finding the PKCS#11 headers: %v", err)
	}
	library := filepath.Join(t.TempDir(), "shim.so")
	// Into the test's directory, so that nothing compiled is left for a later run.
	build := exec.Command(compiler, "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-I", strings.TrimSpace(string(headers)),
		"-o", library, filepath.Join(root, "testdata", "pkcs11shim", "shim.c"), "-ldl")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("compiling the shim: %v\n%s", err, output)
	}
	return library
}

// Shim is a token behind a misbehaving module.
type Shim struct {
	*Token

	log     string // the file to which the shim writes each call
	hung    string // the pipe that it holds open while it hangs
	release string // the file that ends the hanging
}

// Behind puts the shim that BuildShim returned in front of the token and tells it
// how to misbehave, in the words of testdata/pkcs11shim/README.md.
func (k *Token) Behind(t testing.TB, library string, orders ...string) *Shim {
	t.Helper()
	directory := t.TempDir()
	s := &Shim{
		Token:   k.Through(library),
		log:     filepath.Join(directory, "calls"),
		hung:    filepath.Join(directory, "hung"),
		release: filepath.Join(directory, "release"),
	}
	// A pipe and no file to look for: opening it waits, so that no test has to.
	check(t, "making a pipe", syscall.Mkfifo(s.hung, 0o600))
	// Setenv reaches the C library too, and is undone at the end of the test.
	t.Setenv("HSMTEST_SHIM_MODULE", k.Module)
	t.Setenv("HSMTEST_SHIM", strings.Join(orders, ";"))
	t.Setenv("HSMTEST_SHIM_PIN", k.PIN)
	t.Setenv("HSMTEST_SHIM_LOG", s.log)
	t.Setenv("HSMTEST_SHIM_HUNG", s.hung)
	t.Setenv("HSMTEST_SHIM_RELEASE", s.release)
	return s
}

// Release ends calls that hang: they fail. A test that let one hang must release it
// before its end, or the module stays in use and the next test cannot start it.
func (s *Shim) Release(t testing.TB) {
	t.Helper()
	if err := os.WriteFile(s.release, nil, 0o600); err != nil {
		t.Fatal(err)
	}
}

// Calls returns how often a function of the module was called.
func (s *Shim) Calls(t testing.TB, function string) int {
	t.Helper()
	return CallsIn(t, s.log, function)
}

// CallsIn counts the lines of a log that are a function's name.
func CallsIn(t testing.TB, log, function string) (count int) {
	t.Helper()
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		// The whole line: C_Sign is not C_SignInit.
		if strings.TrimSpace(line) == function {
			count++
		}
	}
	return count
}

// Hung returns a context that ends, as if its deadline had passed, as soon as a
// call hangs.
func (s *Shim) Hung(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		pipe, err := os.Open(s.hung) // waits for the call that hangs to open it
		if err == nil {
			pipe.Close()
		}
		cancel(context.DeadlineExceeded)
	}()
	t.Cleanup(func() {
		pipe, err := os.OpenFile(s.hung, os.O_RDWR, 0) // ends the wait if nothing hung
		check(t, "opening the pipe", err)
		<-done
		pipe.Close()
	})
	return ctx
}
