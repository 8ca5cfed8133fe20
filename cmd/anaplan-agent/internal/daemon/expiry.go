package daemon

// Warnings of the agent that the certificate of a profile is about to end: in the log and
// by a program, once for each of a few days before; and in status and metrics.

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/atomicfile"
	"github.com/anaplan-agent/anaplan-agent/agent/certread"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/subprocess"
)

// expiryDays are how many days before its end a certificate is warned of: to get
// another from a CA, and have it registered by an administrator, takes weeks.
var expiryDays = []int{60, 30, 14, 7, 1}

const (
	oneDay = 24 * time.Hour

	expiryEvery    = time.Hour   // how often the agent looks
	expiryHookTime = time.Minute // how long the program may run
)

// expiryThreshold returns the last of expiryDays that has come; 0: none has.
func expiryThreshold(left time.Duration) (reached int) {
	for _, days := range expiryDays {
		if left <= time.Duration(days)*oneDay {
			reached = days
		}
	}
	return reached
}

// expirySentence says when a certificate ends. The name in it is the CA's text.
func expirySentence(cert *x509.Certificate, left time.Duration) string {
	name := "the certificate for " + console.Printable(console.OneLine(cmp.Or(agent.Email(cert), certread.Name(cert.Subject))))
	end := cert.NotAfter.Local()
	switch {
	case left <= 0:
		return fmt.Sprintf("%s has ended on %s", name, end.Format(time.DateOnly))
	case left <= oneDay:
		return fmt.Sprintf("%s ends within a day, at %s", name, console.Time(end))
	}
	return fmt.Sprintf("%s ends in %.0f days, on %s", name, math.Ceil(left.Hours()/24), end.Format(time.DateOnly))
}

// expiry watches the certificate of one profile. Its methods may be called from any
// goroutine.
type expiry struct {
	profile *config.Profile
	notes   *expiryNotes
	hooks   *expiryHooks
	log     *slog.Logger
	now     func() time.Time

	mu     sync.Mutex
	cert   *x509.Certificate // nil: not known
	used   bool              // for a login, so that no file is looked at any more
	closed bool
}

func newExpiry(profile *config.Profile, notes *expiryNotes, hooks *expiryHooks, log *slog.Logger) *expiry {
	return &expiry{profile: profile, notes: notes, hooks: hooks, log: log.With("profile", profile.Name), now: time.Now}
}

// use notes the certificate of a login, and warns of its end if that is due.
func (e *expiry) use(cert *x509.Certificate) {
	e.mu.Lock()
	e.cert, e.used = cert, true
	e.mu.Unlock()
	e.check()
}

// inherit takes over what is known of the certificate.
func (e *expiry) inherit(before *expiry) {
	before.mu.Lock()
	defer before.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	e.cert, e.used = before.cert, before.used
}

// check warns if that is due. Before the first login the certificate is that of the
// profile's file, if it has one.
func (e *expiry) check() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.used && e.profile.Certificate != "" {
		e.cert, _ = device.ReadCertificate(e.profile.Certificate) // a login tells what is wrong with it
	}
	if e.cert == nil || e.closed {
		return
	}
	left := e.cert.NotAfter.Sub(e.now())
	days := expiryThreshold(left)
	if days == 0 {
		return
	}
	first, err := e.notes.first(e.profile.Name, e.cert, days)
	if err != nil {
		e.log.Warn("after a restart the agent will warn of this certificate's end again", "error", err)
	}
	if first {
		e.warn(expirySentence(e.cert, left), days)
	}
}

// warn warns once, in the log and by the program.
func (e *expiry) warn(sentence string, days int) {
	e.log.Warn("the certificate is at its end or near it", "warning", sentence, "threshold", days)
	command := e.profile.ExpiryCommand
	if len(command) == 0 {
		return
	}
	// An argument of its own, through no shell, as the touch command's.
	hook, err := device.StartHook(slices.Concat(command, []string{fmt.Sprintf("profile %s: %s", e.profile.Name, sentence)}), e.failed)
	if err != nil {
		e.failed(fmt.Errorf("it does not start: %w", err))
		return
	}
	e.hooks.running.Go(func() { e.await(hook) })
}

// await waits for the end of the program, and ends it when its time is up or the
// agent ends.
func (e *expiry) await(hook *device.Hook) {
	select {
	case <-hook.Ended:
		return
	case <-e.hooks.ended:
	case <-time.After(expiryHookTime):
		e.failed(fmt.Errorf("it has not ended within %v, and is ended", expiryHookTime))
	}
	hook.Kill()
	select {
	case <-hook.Ended:
	case <-time.After(subprocess.OutputDelay): // it is stuck in the kernel
	}
}

func (e *expiry) failed(err error) {
	e.log.Error("the expiry command failed", "command", e.profile.ExpiryCommand[0], "error", err)
}

// warning returns which threshold has come, 0 for none, and what there is to say.
func (e *expiry) warning() (days int, sentence string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.cert == nil {
		return 0, ""
	}
	left := e.cert.NotAfter.Sub(e.now())
	if days = expiryThreshold(left); days == 0 {
		return 0, ""
	}
	return days, expirySentence(e.cert, left)
}

// close ends the warnings. A running program goes on: its message stays true if its profile is
// replaced, and the new one will not start it again.
func (e *expiry) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
}

// expiryHooks are the programs of all profiles that run. They end with the agent.
type expiryHooks struct {
	ended   chan struct{} // closed by end
	running sync.WaitGroup
}

func newExpiryHooks() *expiryHooks { return &expiryHooks{ended: make(chan struct{})} }

// end ends the programs, after the last profile has been closed.
func (h *expiryHooks) end() {
	close(h.ended)
	h.running.Wait()
}

// watchExpiry looks at all certificates now and then, until ctx ends.
func (d *agentProcess) watchExpiry(ctx context.Context) {
	ticker := time.NewTicker(expiryEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			for _, p := range d.table.Load().served {
				p.expiry.check()
			}
		}
	}
}

// expiryNotes remember across runs what was warned of, so that each day is told once.
type expiryNotes struct {
	// dir holds a file for each certificate of a profile; "": nothing is remembered
	// between runs.
	dir string

	mu sync.Mutex
	// run holds those of this run by the name of their file. They count even where
	// nothing can be written.
	run map[string]expiryNote
}

// expiryNote is one file.
type expiryNote struct {
	Profile     string    `json:"profile"`
	Certificate string    `json:"certificate"` // its SHA-256 fingerprint, in hex
	NotAfter    time.Time `json:"not_after"`   // for readers of the file
	Days        int       `json:"days"`        // the fewest that were told
	Time        time.Time `json:"time"`
}

// first reports whether the threshold was not told yet of a profile's certificate, and
// notes that it is. An error means that the next run will not know.
func (n *expiryNotes) first(profile string, cert *x509.Certificate, days int) (bool, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	note := expiryNote{Profile: profile, Certificate: device.FingerprintOf(cert), NotAfter: cert.NotAfter, Days: days, Time: time.Now().Truncate(time.Second)}
	name := note.file()
	told, ok := n.run[name]
	if !ok {
		told, ok = n.read(name)
	}
	if ok && told.Profile == profile && told.Certificate == note.Certificate && told.Days <= days {
		return false, nil
	}
	if n.run == nil {
		n.run = map[string]expiryNote{}
	}
	n.run[name] = note
	return true, n.write(name, note)
}

// read returns what an earlier run has written down. It ignores a note that is unreadable or
// malformed: that must not suppress a warning for ever.
func (n *expiryNotes) read(name string) (note expiryNote, ok bool) {
	if n.dir == "" {
		return expiryNote{}, false
	}
	data, err := os.ReadFile(filepath.Join(n.dir, name))
	if err != nil {
		return expiryNote{}, false
	}
	return parseExpiryNote(data)
}

func parseExpiryNote(data []byte) (note expiryNote, ok bool) {
	if json.Unmarshal(data, &note) != nil || !slices.Contains(expiryDays, note.Days) {
		return expiryNote{}, false
	}
	return note, true
}

func (n *expiryNotes) write(name string, note expiryNote) error {
	if n.dir == "" {
		return nil
	}
	data, err := json.Marshal(note)
	if err != nil {
		return err
	}
	if err := atomicfile.MkdirAll(n.dir, 0o700); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(n.dir, name), data, atomicfile.Options{})
}

// file names the note's file. It is a hash because a profile's name may hold any
// character.
func (n expiryNote) file() string {
	sum := sha256.Sum256([]byte(n.Certificate + "\x00" + n.Profile))
	return "expiry-" + hex.EncodeToString(sum[:8]) + ".json"
}
