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
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// BenchmarkOneShot measures whole processes, each in turn with its yardstick, and
// prints the medians of the pairs beside their limits. Run it with: make bench
func BenchmarkOneShot(b *testing.B) {
	lab := newLab(b)
	row, print := newTable(b)
	defer print()
	tool := lab.command("pkcs11-tool", "--module", lab.module, "--login", "--pin", "1234", "--sign", "-m", "SHA512-RSA-PKCS",
		"--label", "login", "--input-file", lab.file("message"), "--output-file", lab.file("signature"))
	const signs = "pkcs11-tool --sign -m SHA512-RSA-PKCS"
	wall := func(name, what, limit string, yardstick func() *exec.Cmd, words string, args ...string) {
		figures := best(b, name, []string{limit}, func(b *testing.B) []float64 {
			return []float64{compare(b, lab.command(lab.binary, args...), yardstick)}
		})
		if figures != nil {
			row(what, figures[0], limit, "%.2f", words)
		}
	}
	wall("sign", "sign, wall", "<= 1.16", tool, signs, "sign")
	wall("token", "token over http, wall", "<= 1.30", tool, signs, "token")
	url := lab.startEmulator(b, "--tls", "--ca-dir", lab.file("ca"), "--ca-out", lab.file("ca.pem"))
	wall("https", "token over https, wall", "<= 1.55", tool, signs, "token", "--auth-url", url, "--ca-file", lab.file("ca.pem"))
	wall("version", "version, wall", "<= 0.90", lab.command("pkcs11-tool", "--help"), "pkcs11-tool --help", "version")
	lab.signMemory(b, "sign", row)
	calls := lab.countCalls(b)
	row("sign, C_ calls", float64(calls["all"]), "<= 30", "%.0f", "")
	row("sign, C_Login", float64(calls["C_Login"]), "= 1", "%.0f", "")
	row("sign, C_SignInit", float64(calls["C_SignInit"]), "= 1", "%.0f", "")
	info, err := os.Stat(lab.binary)
	if err != nil {
		b.Fatal(err)
	}
	row("binary, stripped, MiB", float64(info.Size())/(1<<20), "<= 15.0", "%.1f", "as it is shipped")
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
	l.env = append(withoutRoots(os.Environ()), "SOFTHSM2_CONF="+l.file("softhsm2.conf"), "PIN=1234", "XDG_STATE_HOME="+l.file("state"),
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

// withoutRoots drops the variables that name CA certificates: users seldom set them, and reading each
// certificate from a file of its own would hide what a login costs.
func withoutRoots(env []string) []string {
	return slices.DeleteFunc(env, func(entry string) bool { return strings.HasPrefix(entry, "SSL_CERT_") })
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

// startEmulator serves on loopback until the benchmark ends, plain HTTP unless more flags say
// otherwise, and returns the URL.
func (l *lab) startEmulator(b *testing.B, more ...string) string {
	ready := filepath.Join(b.TempDir(), "ready")
	cmd := l.command(l.file("anaplan-emulator"), append([]string{"--listen", "127.0.0.1:0", "--register", l.file("login.pem"), "--ready-file", ready}, more...)...)()
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

// signMemory measures the most that sign has of its own at any time (RssAnon), and of files
// (RssFile), which is the page cache's and shared. It looks all the time while sign runs.
func (l *lab) signMemory(b *testing.B, what string, row row) {
	var anon, file []float64
	for range 11 {
		cmd := l.command(l.binary, "sign")()
		if err := cmd.Start(); err != nil {
			b.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- cmd.Wait() }()
		most := l.watchMemory(cmd.Process.Pid, ended)
		anon, file = append(anon, most.anon), append(file, most.file)
	}
	row(what+", its own (RssAnon), MiB", median(anon), "<= 3", "%.1f", "")
	row(what+", of files (RssFile), MiB", median(file), "", "%.1f", "")
}

// watchMemory returns the most of a process's memory until it ends. What the process has before
// it is the program that was started is that of whoever starts it.
func (l *lab) watchMemory(pid int, ended <-chan error) (most memory) {
	for {
		select {
		case <-ended:
			return most
		default:
		}
		if path, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); err != nil || path != l.binary {
			continue
		}
		if now, err := memoryOf(pid); err == nil {
			most = memory{max(most.rss, now.rss), max(most.anon, now.anon), max(most.file, now.file)}
		}
	}
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
