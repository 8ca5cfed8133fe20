//go:build !windows

package foreign_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/foreign"
	"golang.org/x/sys/unix"
)

// stepsVariable makes the test binary a program that uses the package; its value is the
// steps that it takes.
const stepsVariable = "FOREIGN_TEST_STEPS"

func TestMain(m *testing.M) {
	steps := os.Getenv(stepsVariable)
	if steps == "" {
		os.Exit(m.Run())
	}
	for step := range strings.FieldsSeq(steps) {
		if err := take(step); err != nil {
			panic(err)
		}
	}
}

// take takes a step. Any other word is printed, as a library does, by number, and as the
// program does.
func take(step string) error {
	switch step {
	case "divert":
		return foreign.Divert()
	case "hide":
		return foreign.Hide()
	case "panic":
		panic("the end")
	case "full": // there are no numbers left but the first
		return unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 4, Max: 4})
	case "become":
		if err := foreign.Restore(); err != nil {
			return err
		}
		return syscall.Exec(os.Args[0], os.Args, []string{stepsVariable + "=other"})
	}
	runtime.GC() // which closes files that nobody holds any more
	runtime.GC()
	unix.Write(1, []byte(step+" 1\n"))
	unix.Write(2, []byte(step+" 2\n"))
	fmt.Fprintln(os.Stdout, step, "stdout")
	fmt.Fprintln(os.Stderr, step, "stderr")
	return nil
}

// run returns what a program prints that takes those steps.
func run(steps string) (stdout, stderr string) {
	var out, errOut bytes.Buffer
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), stepsVariable+"="+steps)
	cmd.Stdout, cmd.Stderr = &out, &errOut
	cmd.Run() // a panic does not fail the test
	return out.String(), errOut.String()
}

func TestWhereItGoes(t *testing.T) {
	for _, test := range []struct{ steps, stdout, stderr string }{
		{"a", "a 1\na stdout\n", "a 2\na stderr\n"},
		{"divert a", "a stdout\n", "a 1\na 2\na stderr\n"},
		{"divert a hide b", "a stdout\nb stdout\n", "a 1\na 2\na stderr\nb stderr\n"},
		{"divert hide hide a", "a stdout\n", "a stderr\n"},
		{"hide a", "a 1\na stdout\n", "a 2\na stderr\n"},
		{"divert hide become", "other 1\nother stdout\n", "other 2\nother stderr\n"},
		{"divert become", "other 1\nother stdout\n", "other 2\nother stderr\n"},
		{"become", "other 1\nother stdout\n", "other 2\nother stderr\n"},
	} {
		if stdout, stderr := run(test.steps); stdout != test.stdout || stderr != test.stderr {
			t.Errorf("%s: standard output %q, want %q; standard error %q, want %q", test.steps, stdout, test.stdout, stderr, test.stderr)
		}
	}
}

// The Go runtime writes to descriptor 2, wherever that leads.
func TestPanicIsTold(t *testing.T) {
	for _, steps := range []string{"panic", "divert panic", "divert hide panic"} {
		if _, stderr := run(steps); strings.Count(stderr, "panic: the end") != 1 {
			t.Errorf("%s: standard error %q", steps, stderr)
		}
	}
}

// A program that cannot have descriptors of its own is told so, and keeps what it has.
func TestDivertFails(t *testing.T) {
	if _, stderr := run("full divert"); !strings.Contains(stderr, "too many open files") {
		t.Errorf("standard error %q", stderr)
	}
}
