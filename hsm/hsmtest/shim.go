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
	logins  string // the file to which it writes each login that it passes on
	orders  string // the file that has its orders, once Order has written it
	while   string // the file without which it follows no order
	hung    string // the pipe that it holds open while it hangs
	release string // the file that ends the hanging
}

// Behind puts the shim that BuildShim returned in front of the token and tells it
// how to misbehave, in the words of testdata/pkcs11shim/README.md.
func (k *Token) Behind(t testing.TB, library string, orders ...string) *Shim {
	t.Helper()
	s, env := k.BehindIn(t, t.TempDir(), library, orders...)
	for _, variable := range env {
		name, value, _ := strings.Cut(variable, "=")
		// Setenv reaches the C library too, and is undone at the end of the test.
		t.Setenv(name, value)
	}
	return s
}

// BehindIn is Behind with the shim's files in a directory, and for processes that are given
// the environment that it returns: tests that run side by side cannot set their own.
func (k *Token) BehindIn(t testing.TB, directory, library string, orders ...string) (s *Shim, env []string) {
	t.Helper()
	s = &Shim{
		Token:   k.Through(library),
		log:     filepath.Join(directory, "calls"),
		logins:  filepath.Join(directory, "logins"),
		orders:  filepath.Join(directory, "orders"),
		while:   filepath.Join(directory, "misbehave"),
		hung:    filepath.Join(directory, "hung"),
		release: filepath.Join(directory, "release"),
	}
	// A pipe rather than a file to look for: opening it waits, so that no test has to.
	check(t, "making a pipe", syscall.Mkfifo(s.hung, 0o600))
	s.Misbehave(t)
	return s, []string{
		"HSMTEST_SHIM_MODULE=" + k.Module,
		"HSMTEST_SHIM=" + strings.Join(orders, ";"),
		"HSMTEST_SHIM_ORDERS=" + s.orders,
		"HSMTEST_SHIM_WHILE=" + s.while,
		"HSMTEST_SHIM_LOGINS=" + s.logins,
		"HSMTEST_SHIM_PIN=" + k.PIN,
		"HSMTEST_SHIM_LOG=" + s.log,
		"HSMTEST_SHIM_HUNG=" + s.hung,
		"HSMTEST_SHIM_RELEASE=" + s.release,
	}
}

// Order gives new orders in place of all that were given before. They hold from the next
// C_Initialize on, also in processes that run already.
func (s *Shim) Order(t testing.TB, orders ...string) {
	t.Helper()
	check(t, "writing orders", WriteOrders(s.orders, orders...))
}

// WriteOrders writes the file that HSMTEST_SHIM_ORDERS names, in one step: a module that
// starts meanwhile reads either the old orders or the new ones.
func WriteOrders(path string, orders ...string) error {
	unfinished := path + ".new"
	if err := os.WriteFile(unfinished, []byte(strings.Join(orders, "\n")), 0o600); err != nil {
		return err
	}
	return os.Rename(unfinished, path)
}

// Behave makes the shim pass everything on from now on, as if it had no orders, and
// Misbehave undoes that. Both reach processes that run already.
func (s *Shim) Behave(t testing.TB) {
	t.Helper()
	check(t, "ending the faults", os.Remove(s.while))
}

// Misbehave makes the shim follow its orders, as it does at first.
func (s *Shim) Misbehave(t testing.TB) {
	t.Helper()
	check(t, "beginning the faults", os.WriteFile(s.while, nil, 0o600))
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
