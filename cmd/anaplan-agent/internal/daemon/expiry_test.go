//go:build unix

package daemon

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/google/go-cmp/cmp"
)

// expiryRig is an expiry with a clock that the test sets, and what it logs.
type expiryRig struct {
	*expiry
	log *bytes.Buffer
	at  time.Time
}

func newExpiryRig(t *testing.T, notes *expiryNotes, command ...string) *expiryRig {
	r := &expiryRig{log: new(bytes.Buffer), at: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)}
	profile := &config.Profile{Name: "prod", ExpiryCommand: command}
	r.expiry = newExpiry(profile, notes, newExpiryHooks(), slog.New(slog.NewTextHandler(r.log, nil)))
	r.now = func() time.Time { return r.at }
	t.Cleanup(func() {
		r.close()
		within(t, "the programs are ended", r.hooks.end)
	})
	return r
}

// awaitPrograms waits for the programs that were started.
func (r *expiryRig) awaitPrograms(t *testing.T) {
	t.Helper()
	within(t, "the programs end", r.hooks.running.Wait)
}

// within fails the test if something takes too long that cannot be ended.
func within(t *testing.T, what string, do func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
	case <-time.After(2 * time.Minute):
		t.Fatalf("not yet: %s", what)
	}
}

// warned returns the thresholds that were logged since the last time.
func (r *expiryRig) warned() (days []string) {
	for line := range strings.Lines(r.log.String()) {
		if _, after, ok := strings.Cut(line, "threshold="); ok {
			days = append(days, strings.TrimSpace(after))
		}
	}
	r.log.Reset()
	return days
}

// endingAfter returns a certificate that ends a time after the rig's start.
func endingAfter(name string, left time.Duration) *x509.Certificate {
	return &x509.Certificate{
		Raw: []byte(name), EmailAddresses: []string{name + "@example.com"},
		NotAfter: time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC).Add(left),
	}
}

func TestExpiryOnceEach(t *testing.T) {
	notes := &expiryNotes{dir: filepath.Join(t.TempDir(), "state")}
	r := newExpiryRig(t, notes)
	r.check()
	r.use(endingAfter("ana", 100*oneDay))
	got := map[int][]string{}
	for days := range 110 {
		for range 24 {
			r.check()
			r.at = r.at.Add(time.Hour)
		}
		if warned := r.warned(); warned != nil {
			got[99-days] = warned
		}
	}
	// By how many whole days are left when the day is over.
	want := map[int][]string{59: {"60"}, 29: {"30"}, 13: {"14"}, 6: {"7"}, 0: {"1"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

// Who starts late is told once, and by the next run not again; another certificate is
// another matter, and so is another profile.
func TestExpiryRemembers(t *testing.T) {
	dir := t.TempDir()
	for _, step := range []struct {
		name string
		left time.Duration
		want []string
	}{
		{"ana", 10 * oneDay, []string{"14"}},
		{"ana", 10 * oneDay, nil},
		{"bob", 5 * oneDay, []string{"7"}},
		{"ana", 20 * oneDay, nil}, // a clock that is set back
		{"ana", -5 * oneDay, []string{"1"}},
		{"ana", -9 * oneDay, nil},
		{"eve", 61 * oneDay, nil},
	} {
		r := newExpiryRig(t, &expiryNotes{dir: dir})
		r.use(endingAfter(step.name, step.left))
		r.check()
		if got := r.warned(); !cmp.Equal(got, step.want) {
			t.Errorf("%s, %v: %v, want %v", step.name, step.left, got, step.want)
		}
	}
	other := newExpiryRig(t, &expiryNotes{dir: dir})
	other.profile.Name = "test"
	other.use(endingAfter("ana", 10*oneDay))
	if got := other.warned(); len(got) != 1 {
		t.Errorf("another profile: %v", got)
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 3 {
		t.Errorf("files: %v, %v", files, err)
	}
	for _, file := range files {
		if info, err := file.Info(); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file.Name(), info.Mode(), err)
		}
	}
}

// Notes that make no sense are none.
func TestExpiryGarbage(t *testing.T) {
	cert := endingAfter("ana", 10*oneDay)
	name := expiryNote{Profile: "prod", Certificate: device.FingerprintOf(cert)}.file()
	for _, text := range []string{
		"", "{", "[]", "null", `{"days":"x"}`, "\x00\xff",
		`{"profile":"prod","certificate":"` + device.FingerprintOf(cert) + `","days":0}`,
		`{"profile":"prod","certificate":"` + device.FingerprintOf(cert) + `","days":-7}`,
		`{"profile":"prod","certificate":"another","days":1}`,
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, want := range []int{1, 0} {
			r := newExpiryRig(t, &expiryNotes{dir: dir})
			r.use(cert)
			if got := r.warned(); len(got) != want {
				t.Errorf("%q: %v, want %d", text, got, want)
			}
		}
	}
}

// Where nothing can be written it warns once a run, and says why once a warning.
func TestExpiryWithoutState(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, said := range map[string]int{"": 0, filepath.Join(file, "state"): 1} {
		r := newExpiryRig(t, &expiryNotes{dir: dir})
		r.use(endingAfter("ana", oneDay))
		r.check()
		if n := strings.Count(r.log.String(), "will warn of this certificate's end again"); n != said {
			t.Errorf("%q: it is said %d times: %s", dir, n, r.log)
		}
		if got := r.warned(); len(got) != 1 {
			t.Errorf("%q: %v", dir, got)
		}
	}
}

func TestExpirySentence(t *testing.T) {
	nameless := &x509.Certificate{Subject: pkix.Name{CommonName: "job\n\x1b[2J"}, NotAfter: endingAfter("", 13*oneDay).NotAfter}
	for want, test := range map[string]struct {
		cert *x509.Certificate
		left time.Duration
	}{
		"the certificate for ana@example.com ends in 14 days, on 2026-01-15":                                             {endingAfter("ana", 14*oneDay), 14 * oneDay},
		"the certificate for ana@example.com ends in 2 days, on 2026-01-03":                                              {endingAfter("ana", 2*oneDay), oneDay + time.Second},
		"the certificate for ana@example.com ends within a day, at " + console.Time(endingAfter("ana", oneDay).NotAfter): {endingAfter("ana", oneDay), oneDay},
		"the certificate for ana@example.com has ended on 2026-01-01":                                                    {endingAfter("ana", 0), 0},
		`the certificate for CN=job \u001b[2J ends in 13 days, on 2026-01-14`:                                            {nameless, 13 * oneDay},
	} {
		if got := expirySentence(test.cert, test.left); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestExpiryWarning(t *testing.T) {
	r := newExpiryRig(t, &expiryNotes{})
	if days, sentence := r.warning(); days != 0 || sentence != "" {
		t.Errorf("without a certificate: %d, %q", days, sentence)
	}
	r.use(endingAfter("ana", 61*oneDay))
	if days, sentence := r.warning(); days != 0 || sentence != "" {
		t.Errorf("in time: %d, %q", days, sentence)
	}
	r.at = r.at.Add(50 * oneDay)
	if days, sentence := r.warning(); days != 14 || !strings.HasSuffix(sentence, "ends in 11 days, on 2026-03-03") {
		t.Errorf("later: %d, %q", days, sentence)
	}
	next := newExpiryRig(t, &expiryNotes{})
	next.at = r.at
	next.inherit(r.expiry)
	if days, _ := next.warning(); days != 14 {
		t.Errorf("inherited: %d", days)
	}
}

// The program is started once for each threshold, with the sentence as its last argument.
func TestExpiryCommand(t *testing.T) {
	file := filepath.Join(t.TempDir(), "said")
	r := newExpiryRig(t, &expiryNotes{}, "sh", "-c", `printf '%s\n' "$0 $1" >>`+file, "first")
	r.use(endingAfter("ana", 10*oneDay))
	r.check()
	r.awaitPrograms(t)
	r.at = r.at.Add(4 * oneDay)
	r.check()
	r.check()
	r.awaitPrograms(t)
	want := "first profile prod: the certificate for ana@example.com ends in 10 days, on 2026-01-11\n" +
		"first profile prod: the certificate for ana@example.com ends in 6 days, on 2026-01-11\n"
	if got, err := os.ReadFile(file); err != nil || string(got) != want {
		t.Errorf("it got %q, %v; want %q", got, err, want)
	}
}

func TestExpiryCommandFails(t *testing.T) {
	for want, command := range map[string][]string{
		`the expiry command failed" profile=prod command=sh error="exit status 7"`:                   {"sh", "-c", "exit 7"},
		`the expiry command failed" profile=prod command=/nowhere/notify error="it does not start: `: {"/nowhere/notify"},
	} {
		r := newExpiryRig(t, &expiryNotes{}, command...)
		r.use(endingAfter("ana", 10*oneDay))
		r.awaitPrograms(t)
		if got := r.log.String(); !strings.Contains(got, want) {
			t.Errorf("log %s, want %s", got, want)
		}
	}
}

// A program outlives its profile, which a reload may have replaced.
func TestExpiryCommandOutlivesTheProfile(t *testing.T) {
	dir := t.TempDir()
	r := newExpiryRig(t, &expiryNotes{}, "sh", "-c", `until [ -e "$0"/replaced ]; do sleep 0.01; done; : >"$0"/told`, dir)
	r.use(endingAfter("ana", 10*oneDay))
	within(t, "the profile is closed", r.close)
	if err := os.WriteFile(filepath.Join(dir, "replaced"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r.awaitPrograms(t)
	if _, err := os.Stat(filepath.Join(dir, "told")); err != nil {
		t.Errorf("it did not get to its end: %v", err)
	}
}

// A program that does not end is ended with the agent. A profile that is closed warns no more.
func TestExpiryCommandEndsWithTheAgent(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	r := &expiryRig{log: new(bytes.Buffer)}
	r.expiry = newExpiry(&config.Profile{ExpiryCommand: []string{"sh", "-c", `echo $$ >"$0"; exec sleep 3600 >&- 2>&-`, file}}, &expiryNotes{}, newExpiryHooks(), slog.New(slog.NewTextHandler(r.log, nil)))
	r.use(endingAfter("ana", 0))
	pid := 0
	within(t, "the program runs", func() {
		for ; pid == 0; time.Sleep(time.Millisecond) {
			text, _ := os.ReadFile(file)
			pid, _ = strconv.Atoi(strings.TrimSpace(string(text)))
		}
	})
	r.close()
	within(t, "the program is ended", r.hooks.end)
	if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
		t.Errorf("the program runs on: %v", err)
	}
	if got := r.log.String(); strings.Contains(got, "failed") {
		t.Errorf("log %s", got)
	}
	r.use(endingAfter("bob", 0))
	if got := r.warned(); len(got) != 1 {
		t.Errorf("warnings: %v", got)
	}
}
