//go:build linux && cgo

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// BenchmarkOneShot measures whole processes, each in turn with its yardstick, and
// prints the medians of the pairs beside what is aimed at. Run it with: make bench
func BenchmarkOneShot(b *testing.B) {
	lab := newLab(b)
	table := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "\nwhat\tmeasured\tat most\tyardstick")
	row := func(what string, measured, limit float64, format, yardstick string) {
		fmt.Fprintf(table, "%s\t"+format+"\t"+format+"\t%s\n", what, measured, limit, yardstick)
	}
	tool := lab.command("pkcs11-tool", "--module", lab.module, "--login", "--pin", "1234", "--sign", "-m", "SHA512-RSA-PKCS",
		"--label", "login", "--input-file", lab.file("message"), "--output-file", lab.file("signature"))

	b.Run("sign", func(b *testing.B) {
		wall := compare(b, lab.command(lab.binary, "sign"), tool)
		row("sign, wall", wall, 1.25, "%.2f", "pkcs11-tool --sign -m SHA512-RSA-PKCS")
	})
	b.Run("token", func(b *testing.B) {
		wall := compare(b, lab.command(lab.binary, "token"), tool)
		row("token, wall", wall, 1.5, "%.2f", "pkcs11-tool --sign -m SHA512-RSA-PKCS")
	})
	b.Run("version", func(b *testing.B) {
		wall := compare(b, lab.command(lab.binary, "version"), lab.command("pkcs11-tool", "--help"))
		row("version, wall", wall, 1.0, "%.2f", "pkcs11-tool --help")
	})
	row("sign, peak MiB", lab.peak(b), 16, "%.1f", "")
	calls := lab.countCalls(b)
	row("sign, C_ calls", float64(calls["all"]), 30, "%.0f", "")
	row("sign, C_Login", float64(calls["C_Login"]), 1, "%.0f", "")
	row("sign, C_SignInit", float64(calls["C_SignInit"]), 1, "%.0f", "")
	info, err := os.Stat(lab.binary)
	if err != nil {
		b.Fatal(err)
	}
	row("binary, stripped, MiB", float64(info.Size())/(1<<20), 12, "%.1f", "")
	table.Flush()
}

// compare runs both commands b.N times, in the order A B B A, so that neither
// always comes after the other, and returns the median of the ratios of their wall
// times.
func compare(b *testing.B, ours, yardstick func() *exec.Cmd) float64 {
	var walls []float64
	measure(b, ours()) // fills the caches
	measure(b, yardstick())
	for b.Loop() {
		ours1, yardstick1 := measure(b, ours()), measure(b, yardstick())
		yardstick2, ours2 := measure(b, yardstick()), measure(b, ours())
		walls = append(walls, float64(ours1)/float64(yardstick1), float64(ours2)/float64(yardstick2))
	}
	b.ReportMetric(median(walls), "wall/yardstick")
	return median(walls)
}

// measure runs a command to its end. pkcs11-tool --help does what it should and
// exits with 2.
func measure(b *testing.B, cmd *exec.Cmd) time.Duration {
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	if _, exited := errors.AsType[*exec.ExitError](err); err != nil && !(exited && strings.HasSuffix(cmd.String(), "pkcs11-tool --help")) {
		b.Fatalf("%s: %v", cmd, err)
	}
	return wall
}

func median(values []float64) float64 {
	slices.Sort(values)
	return values[len(values)/2]
}

// lab is a token with a key that can log in, a server, and the programs as they
// are shipped.
type lab struct {
	dir, module, binary string
	env                 []string
}

func newLab(b *testing.B) *lab {
	l := &lab{dir: b.TempDir(), module: hsmtest.SoftHSM(b)}
	l.binary = l.file("anaplan-agent")
	l.install(b)
	l.env = append(os.Environ(), "SOFTHSM2_CONF="+l.file("softhsm2.conf"), "PIN=1234", "XDG_STATE_HOME="+l.file("state"),
		"ANAPLAN_AGENT_PIN=env:PIN", "ANAPLAN_AGENT_KEY=pkcs11:token=demo;object=login?module-path="+l.module)
	l.write(b, "softhsm2.conf", "directories.tokendir = "+l.dir+"\nlog.level = ERROR\n")
	l.write(b, "message", strings.Repeat("m", 100))
	l.run(b, "softhsm2-util", "--init-token", "--free", "--label", "demo", "--so-pin", "87654321", "--pin", "1234")
	l.write(b, "login.csr", l.run(b, l.binary, "enroll", "--email", "ana@example.com"))
	l.write(b, "login.pem", l.run(b, l.file("anaplan-emulator"), "--ca-dir", l.file("ca"), "--issue", l.file("login.csr")))
	l.run(b, l.binary, "enroll", "--certificate", l.file("login.pem"))
	l.env = append(l.env, "ANAPLAN_AGENT_AUTH_URL="+l.startEmulator(b))
	return l
}

// install installs the programs that make build has built, in the directory that
// ANAPLAN_AGENT_BENCH_BIN names. Copies, because what the linker has just written
// stays in the page cache in larger pieces than an installed file, and counts for
// more memory than the program has on a user's machine.
func (l *lab) install(b *testing.B) {
	built := os.Getenv("ANAPLAN_AGENT_BENCH_BIN")
	if built == "" {
		b.Skip("run it with: make bench")
	}
	l.run(b, "install", built+"/anaplan-agent", built+"/anaplan-emulator", l.dir)
}

// startEmulator serves plain HTTP on loopback until the benchmark ends, and
// returns the URL.
func (l *lab) startEmulator(b *testing.B) string {
	ready := l.file("ready")
	cmd := l.command(l.file("anaplan-emulator"), "--listen", "127.0.0.1:0", "--register", l.file("login.pem"), "--ready-file", ready)()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	})
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		if url, err := os.ReadFile(ready); err == nil {
			return strings.TrimSpace(string(url))
		}
	}
	b.Fatal("the emulator does not start")
	return ""
}

// peak returns the median peak memory of sign in MiB. GNU time starts it, because
// the kernel counts the memory of whoever starts a process as its own at first,
// and this one is large.
func (l *lab) peak(b *testing.B) float64 {
	var peaks []float64
	for range 11 {
		l.run(b, "/usr/bin/time", "--format=%M", "--output="+l.file("peak"), l.binary, "sign")
		text, err := os.ReadFile(l.file("peak"))
		if err != nil {
			b.Fatal(err)
		}
		kilobytes, err := strconv.ParseFloat(strings.TrimSpace(string(text)), 64)
		if err != nil {
			b.Fatal(err)
		}
		peaks = append(peaks, kilobytes/1024)
	}
	return median(peaks)
}

// countCalls counts the calls of one sign into the module, with OpenSC's
// pkcs11-spy between them.
func (l *lab) countCalls(b *testing.B) map[string]int {
	spied := l.file("spied")
	cmd := l.command(l.binary, "sign", "--key", "pkcs11:token=demo;object=login?module-name=pkcs11-spy")()
	cmd.Env = append(cmd.Env, "PKCS11SPY="+l.module, "PKCS11SPY_OUTPUT="+spied)
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v: %s", err, out)
	}
	log, err := os.ReadFile(spied)
	if err != nil {
		b.Fatal(err)
	}
	counts := map[string]int{}
	for _, call := range regexp.MustCompile(`(?m)^\d+: (C_\w+)`).FindAllStringSubmatch(string(log), -1) {
		counts[call[1]]++
		counts["all"]++
	}
	return counts
}

func (l *lab) file(name string) string { return filepath.Join(l.dir, name) }

func (l *lab) write(b *testing.B, name, text string) {
	if err := os.WriteFile(l.file(name), []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
}

// command returns a maker of one command, which runs once only.
func (l *lab) command(name string, args ...string) func() *exec.Cmd {
	return func() *exec.Cmd {
		cmd := exec.Command(name, args...)
		cmd.Env = l.env
		return cmd
	}
}

func (l *lab) run(b *testing.B, name string, args ...string) string {
	b.Helper()
	cmd := l.command(name, args...)()
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		b.Fatalf("%s %v: %v", name, args, err)
	}
	return string(out)
}
