//go:build cgo

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/memorytest"
)

// errand is what the agent has to do while something is wrong.
type errand string

const (
	nothingNew errand = ""        // to hand out the token that it has
	aLogin     errand = "login"   // a caller has found that token refused
	aRefresh   errand = "refresh" // the token is about to end
)

// trouble is a row of the table of make faults: what goes wrong while an agent serves callers.
type trouble struct {
	group, name string

	fault    fault               // the device's
	server   anaplantest.Options // of the Anaplan that is logged in to
	settings map[string]string   // of the profile, beside the usual
	needs    errand
	isWrong  bool // the PIN is, until the end

	begin, end func(*faultSite)      // nil: the device's fault begins and ends
	met        func(*faultSite) bool // it has gone wrong; nil: as soon as it has begun
	lasts      time.Duration         // from then on; 0: whileIll
	until      func(*faultSite) bool // it lasts until then; nil: for a time, which lasts is
	within     time.Duration         // it is well after the end; 0: mostIll
	signatures int                   // at most; 0: as many as it takes
	person     []string              // the command that somebody has to type; nil: nobody has to
}

const (
	whileIll = 1500 * time.Millisecond
	mostIll  = 2 * time.Second

	// plainLogin is more than a login needs where nothing is wrong and nothing else runs.
	plainLogin = 250 * time.Millisecond

	// shortLife is that of tokens that are refreshed soon. An agent refreshes a token when
	// seven tenths of its life are over, and not before five seconds.
	shortLife = 9 * time.Second

	siteCallers = 4
)

// faultSite is the site of a trouble.
type faultSite struct {
	*site
	row     trouble
	anaplan *weatherServer
	way     *way // from the agent to Anaplan
	crowd   *witnesses
	before  map[string]int // calls of the module before it began, by function
	cardMet atomic.Int64   // commands that have met the card's fault

	visitors []net.Conn // see visit
}

// suffer runs the row.
func (row trouble) suffer(t *testing.T, l *faultLab) account {
	w := row.newFaultSite(t, l)
	w.start()
	w.crowd = w.watch(siteCallers)
	began := time.Now()
	if !row.isWrong {
		w.await("a token", w.crowd.hasToken)
	}
	plain := time.Since(began)
	signatures := w.device.signed()
	w.fall()
	r := account{person: row.person != nil, saw: w.crowd.saw()}
	stood := standstill()
	r.well = w.recover()
	lost := stood()
	r.signatures = w.device.signed() - signatures
	if r.well > row.limit() {
		plain = max(plain, w.timeLogin())
	}
	r.slow = slowness(plain) + lost
	w.crowd.stop()
	r.secrets = w.secrets() + w.remembered()
	w.stop()
	r.wrong = w.device.refused()
	return row.checked(t, r)
}

// newFaultSite returns one where all is well.
func (row trouble) newFaultSite(t *testing.T, l *faultLab) *faultSite {
	own := *l
	anaplan := newWeatherServer(t, row.server)
	if _, err := anaplan.server.RegisterCertificate(l.cert); err != nil {
		t.Fatal(err)
	}
	own.server, own.ca = anaplan.server, filepath.Join(t.TempDir(), "ca.pem")
	w := &faultSite{site: own.newSite(t, row.fault, inFile), row: row, anaplan: anaplan, way: newWay(t, anaplan)}
	w.check(errors.Join(os.WriteFile(own.ca, anaplan.server.CA.PEM(), 0o600), os.Mkdir(w.path("tmp"), 0o700)))
	w.env["TMPDIR"] = w.path("tmp")
	delete(w.env, "HSMTEST_SHIM_PIN") // which is for PIN pads
	w.settings["auth_url"], w.settings["api_url"], w.settings["timeout"] = w.way.url, w.way.url, "10s"
	maps.Copy(w.settings, row.settings)
	w.give(w.device.right)
	if row.isWrong {
		w.give(w.device.wrong)
	}
	return w
}

// fall has things go wrong for as long as they do.
func (w *faultSite) fall() {
	w.t.Helper()
	w.before = w.calls()
	if w.row.begin != nil {
		w.row.begin(w)
	} else {
		w.begin()
	}
	if w.row.needs == aLogin {
		w.refuse()
	}
	w.crowd.forget()
	if w.row.met != nil {
		w.await("it goes wrong", func() bool { return w.row.met(w) })
	}
	if w.row.until != nil {
		w.await("it has gone wrong for long enough", func() bool { return w.row.until(w) })
		return
	}
	wait := w.row.lasts
	if wait == 0 {
		wait = whileIll
	}
	time.Sleep(wait)
}

// calls returns how often each function of the module was called.
func (w *faultSite) calls() map[string]int {
	counts := map[string]int{}
	text, _ := os.ReadFile(w.path("calls"))
	for _, function := range strings.Fields(string(text)) {
		counts[function]++
	}
	return counts
}

// refuse has a caller find the token refused. It waits for another in the background.
func (w *faultSite) refuse() {
	generation := w.status().Generation
	ctx, cancel := context.WithTimeout(context.Background(), faultPatience)
	done := make(chan struct{})
	go func() {
		defer close(done)
		client := w.client()
		defer client.Close()
		client.Replace(ctx, "default", generation, nil)
	}()
	w.t.Cleanup(func() {
		cancel()
		<-done
	})
}

// recover ends what is wrong, and returns how long it takes until all is well.
func (w *faultSite) recover() time.Duration {
	w.t.Helper()
	if w.row.end != nil {
		w.row.end(w)
	} else {
		w.end()
	}
	if w.row.isWrong {
		w.give(w.device.right)
	}
	if w.row.person != nil {
		if e := w.run(w.command(w.row.person...)); e.code != 0 {
			w.t.Errorf("%s: exit code %d, %s", strings.Join(w.row.person, " "), e.code, e.stderr)
		}
	}
	over := time.Now()
	since := w.crowd.mark()
	w.await("all is well", func() bool { return w.crowd.hasTokenSince(since) && w.isWell() })
	return time.Since(over)
}

// status returns that of the profile; what nobody answers has none.
func (w *faultSite) status() local.ProfileStatus {
	client := w.client()
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	status, err := client.Status(ctx)
	if err != nil || len(status.Profiles) == 0 {
		return local.ProfileStatus{}
	}
	return status.Profiles[0]
}

// timeLogin has a caller find the token refused, and returns how long it takes to make another where
// nothing is wrong.
func (w *faultSite) timeLogin() time.Duration {
	generation, began := w.status().Generation, time.Now()
	w.refuse()
	w.await("a plain login", func() bool { return w.status().Generation > generation })
	return time.Since(began)
}

// standstill begins to measure for how long, in sum, the machine runs nothing of this process that is
// due, and returns what ends that and tells.
func standstill() (lost func() time.Duration) {
	const step, usual = 10 * time.Millisecond, 5 * time.Millisecond
	end, told := make(chan struct{}), make(chan time.Duration)
	go func() {
		var sum time.Duration
		for {
			began := time.Now()
			select {
			case <-end:
				told <- sum
				return
			case <-time.After(step):
				sum += max(0, time.Since(began)-step-usual)
			}
		}
	}()
	return func() time.Duration {
		close(end)
		return <-told
	}
}

// slowness returns how much later all is well because the machine has too much else to do, where a
// login with nothing wrong takes so long: by what is under way at the end and fails, and by what
// follows it. None where a login takes no longer than on a machine with nothing else to do.
func slowness(plain time.Duration) time.Duration { return 2 * max(0, plain-plainLogin) }

func (w *faultSite) isWell() bool {
	status := w.status()
	return status.State == agent.StateHealthy && status.Problem == nil
}

// limit returns how soon after the end all is well.
func (row trouble) limit() time.Duration { return cmp.Or(row.within, mostIll) }

// checked fails the test unless a report is as promised. What the machine was too slow for is not the
// agent's doing.
func (row trouble) checked(t *testing.T, r account) account {
	t.Helper()
	if r.well-r.slow > row.limit() {
		t.Errorf("well %v after it was over, on a machine that made it %v slower, and %v was promised", r.well, r.slow, row.limit())
	}
	if most := map[bool]int{true: 1}[row.isWrong]; r.wrong > most {
		t.Errorf("%d wrong PINs, and at most %d was promised", r.wrong, most)
	}
	if row.signatures > 0 && r.signatures > row.signatures {
		t.Errorf("%d signatures, and at most %d was promised", r.signatures, row.signatures)
	}
	if r.secrets > 0 {
		t.Errorf("%d secrets found", r.secrets)
	}
	return r
}

// secrets returns how many places hold one: the log, the files that the program has written,
// and what the system shows of its processes.
func (w *faultSite) secrets() (found int) {
	w.t.Helper()
	var forms []string
	for _, secret := range slices.Concat([]string{w.device.right, w.device.wrong}, w.crowd.tokens(), w.anaplan.overheard()) {
		forms = append(forms, formsOf([]byte(secret))...)
	}
	for place, text := range w.places() {
		if holds(text, forms) {
			w.t.Errorf("there is a secret in %s", place)
			found++
		}
	}
	return found
}

// remembered returns how many pieces of secrets the agent's memory still holds after a logout:
// tokens in that part of it which is locked, all else anywhere. What was sent is overwritten beside
// the reading of the answer, and tokens by the garbage collector. Only root can look.
func (w *faultSite) remembered() int {
	w.t.Helper()
	if os.Getuid() != 0 {
		return 0
	}
	if e := w.run(w.command("logout")); e.code != 0 {
		w.t.Errorf("logout: exit code %d, %s", e.code, e.stderr)
	}
	sent, tokens := map[string][]byte{}, map[string][]byte{}
	for i, secret := range w.anaplan.overheard() {
		addPieces(sent, fmt.Sprintf("login, part %d", i), []byte(secret)[12:]) // the time is not a secret
	}
	for i, token := range w.crowd.tokens() {
		tokens[fmt.Sprintf("token %d", i+1)] = []byte(token)
	}
	var found []string
	for began := time.Now(); ; time.Sleep(20 * time.Millisecond) {
		memory := memorytest.Of(w.t, w.agent.cmd.Process.Pid)
		found = slices.Sorted(maps.Keys(memory.Find(sent)))
		found = append(found, slices.Sorted(maps.Keys(memory.FindLocked(tokens)))...)
		took := time.Since(began)
		if len(found) == 0 || heldByRegisters(found) && took > 5*time.Second {
			return 0
		}
		if took > enough {
			w.t.Errorf("in the agent's memory: %q", found)
			return len(found)
		}
		memorytest.Stir(w.t, w.agent.cmd.Process.Pid)
	}
}

// places returns what may hold no secret, by where it is.
func (w *faultSite) places() map[string]string {
	texts := map[string]string{"the log": w.agent.log.String()}
	for _, pid := range w.processes() {
		for _, name := range []string{"cmdline", "environ"} {
			path := filepath.Join("/proc", strconv.Itoa(pid), name)
			if text, err := os.ReadFile(path); err == nil {
				texts[path] = string(text)
			}
		}
	}
	for _, directory := range []string{"home", "run", "tmp"} {
		filepath.WalkDir(w.path(directory), func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.Type().IsRegular() {
				text, _ := os.ReadFile(path)
				texts[path] = string(text)
			}
			return nil
		})
	}
	return texts
}
