//go:build !windows

package signer

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/frame"
	"github.com/google/go-cmp/cmp"
)

// testPIN goes with every order of these tests, and must never be seen.
const testPIN = "PIN-4711-0815"

// lab is a Process whose children play a role, and its log.
type lab struct {
	*Process
	log bytes.Buffer // to be read when nothing runs
}

func newLab(role string) *lab {
	l := new(lab)
	l.Process = &Process{
		Command: os.Args[:1],
		Env:     playing(role),
		Logger:  slog.New(slog.NewTextHandler(&l.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Grace:   2 * hangs, // a child that needs it fails the test by its time
	}
	return l
}

// order returns an order for a child of role "serve".
func (task task) order(t testing.TB) Order {
	t.Helper()
	key := testKey(t)
	task.Key, task.Cert = x509.MarshalPKCS1PrivateKey(key.private), key.cert.Raw
	settings, err := json.Marshal(task)
	if err != nil {
		t.Fatal(err)
	}
	return Order{Settings: settings, PIN: []byte(testPIN)}
}

// sign is Sign, and looks that the error is a problem and shows no secret. It waits for the child's end.
func (l *lab) sign(t testing.TB, ctx context.Context, order Order, notify agent.NotifyFunc) (*agent.Login, *agent.Problem) {
	t.Helper()
	defer time.AfterFunc(2*hangs, func() { panic(errHangs) }).Stop() // in what knows no context
	login, err := l.Sign(ctx, order, notify)
	l.Wait()
	if context.Cause(ctx) == errHangs {
		t.Fatalf("%v: %v", errHangs, err)
	}
	if (login == nil) == (err == nil) {
		t.Fatalf("login %v with error %v", login, err)
	}
	if err == nil {
		return login, nil
	}
	problem, ok := err.(*agent.Problem)
	if !ok {
		t.Fatalf("the error is a %T: %v", err, err)
	}
	if text := fmt.Sprintf("%+v", *problem); strings.Contains(text, testPIN) {
		t.Errorf("the PIN is in the problem: %s", text)
	}
	return nil, problem
}

// cancelAtNotice returns a context that ends at the first notice, and the notice.
func cancelAtNotice(t *testing.T) (context.Context, agent.NotifyFunc, *agent.Notice) {
	ctx, cancel := context.WithCancelCause(limited(t))
	first := new(agent.Notice)
	return ctx, func(n agent.Notice) {
		if *first == (agent.Notice{}) {
			*first = n
		}
		cancel(errors.New("the test is over"))
	}, first
}

// wantGone fails if there is such a process.
func wantGone(t *testing.T, pid string) {
	t.Helper()
	number, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(number, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("process %d is still there: %v", number, err)
	}
}

// wantReleased fails if the holder of the device in dir lives.
func wantReleased(t *testing.T, dir string) {
	t.Helper()
	unlock, err := LockDevice(limited(t), dir, "held", nil)
	if err != nil {
		t.Fatal(err)
	}
	unlock()
}

func TestSign(t *testing.T) {
	t.Parallel()
	for do, format := range map[string]agent.Format{"login": agent.V2, "login v1": agent.V1} {
		lab := newLab("serve")
		login, problem := lab.sign(t, limited(t), task{Do: do}.order(t), nil)
		if problem != nil {
			t.Fatalf("%s: %v\n%s", do, problem, lab.log.String())
		}
		if login.Format != format || !login.Certificate.Equal(testKey(t).cert) || verify(login, time.Now()) != nil {
			t.Errorf("%s: the login is %s for %v", do, login.Format, login.Certificate.Subject)
		}
		if lab.log.Len() > 0 {
			t.Errorf("%s: logged %s", do, lab.log.String())
		}
	}
}

func TestSignTellsNotices(t *testing.T) {
	t.Parallel()
	var got []agent.Notice
	_, problem := newLab("serve").sign(t, limited(t), task{Do: "notices"}.order(t), func(n agent.Notice) { got = append(got, n) })
	want := []agent.Notice{
		{Kind: agent.NoticeTouch, Message: "about touch"}, {Kind: agent.NoticeTouchOver, Message: "about touch_over"}, {Kind: agent.NoticeInfo, Message: "about info"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if problem == nil || problem.Message != "done" {
		t.Errorf("then %+v", problem)
	}
}

func TestSignPassesProblemsOn(t *testing.T) {
	t.Parallel()
	tests := map[string]*agent.Problem{
		"refuse":             refusal,
		"error":              {Code: agent.CodeInternal, Message: "the module says 0x30"},
		"order":              {Code: agent.CodeInternal, Message: "true 20s 1h0m0s reader 1 " + strconv.Itoa(len(testPIN))},
		"panic":              {Code: agent.CodeInternal, Message: "the signer process made a mistake: runtime error: invalid memory address or nil pointer dereference"},
		"panic with the PIN": {Code: agent.CodeInternal, Message: "the signer process made a mistake: a panic with a *errors.errorString"},
		"ask":                errDone,
	}
	for do, want := range tests {
		order := task{Do: do}.order(t)
		order.Attended, order.Timeout, order.PersonTimeout, order.Device = true, 20*time.Second, time.Hour, "reader 1"
		lab := newLab("serve")
		_, got := lab.sign(t, limited(t), order, nil)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: (-want +got)\n%s", do, diff)
		}
		if stack := strings.Contains(lab.log.String(), "(*task).work"); stack != strings.HasPrefix(do, "panic") || strings.Contains(lab.log.String(), testPIN) {
			t.Errorf("%s: logged %s", do, lab.log.String())
		}
	}
}

// Children that fail, each in its own way, and lie.
func TestSignOfBadChildren(t *testing.T) {
	t.Parallel()
	tests := []struct{ role, do, want string }{
		{"raise=SEGV", "", "the PKCS#11 module or the smart card library crashed (signal: segmentation fault"},
		{"raise=ABRT", "", "library crashed (signal: aborted"},
		{"raise=SYS", "", "library crashed (signal: bad system call"},
		{"raise=KILL", "", "ended from outside before it had a result (signal: killed)"},
		{"raise=TERM", "", "ended from outside before it had a result (signal: terminated)"},
		{"report", "", "library crashed (exit status 2, SIGSEGV: segmentation violation); it took only the signer process with it"},
		{"exit=1", "", "ended without a result (exit status 1)"},
		{"exit=2", "", "crashed (exit status 2) by a mistake of this program, or of the PKCS#11 module"},
		{"silent", "", "ended without a result (exit status 0)"},
		{"torn", "", "ended without a result (exit status 0)"},
		{"serve", "exit", "ended without a result (exit status 0)"},
		{"serve", "fault", "crashed (exit status 2) by a mistake of this program"},
		{say("Hello from libvendor.so\n"), "", "makes no sense: not a frame of this protocol: type 72"},
		{say("\x01\x02"), "", "ended without a result"},
		{say("\x09aaaa"), "", "type 9"},
		{say("\x04\xff\xff\xff\xff"), "", "4294967295 bytes, more than 65536 bytes"},
		{say("\x05\x00\x00\x00\x02{}"), "", "a problem without a code"},
		{say("\x04\x00\x00\x00\x03abc"), "", "a login that is cut short"},
		{say("\x03\x00\x00\x00\x01x"), "", "a notice that is not JSON"},
		{say("\x03\x00\x00\x00\x02{}"), "", "a notice without a kind"},
		{"serve", "lie signature", "not by the key of its certificate"},
		{"serve", "lie message", "not by the key of its certificate"},
		{"serve", "lie certificate", "not by the key of its certificate"},
		{"serve", "lie elliptic", "is for an elliptic curve key (P-256), not an RSA key"},
		{"serve", "lie old", "the time in its message is off by 1h"},
		{"serve", "lie early", "the time in its message is off by -"},
		{"serve", "lie long", "101 bytes, and v2 has 100"},
		{"serve", "lie short v1", "100 bytes, and v1 has 150"},
		{"serve", "lie format", `unknown login format "v3"`},
	}
	for _, test := range tests {
		lab := newLab(test.role)
		_, problem := lab.sign(t, limited(t), task{Do: test.do}.order(t), nil)
		if problem == nil || problem.Code != agent.CodeSignerFailed || problem.Final || !strings.Contains(problem.Message, test.want) {
			t.Errorf("%q %s: %+v, want %q\n%s", test.role, test.do, problem, test.want, lab.log.String())
			continue
		}
		if hints := strings.Join(problem.Hints, "; "); !strings.Contains(hints, hintFor(problem.Message)) {
			t.Errorf("%q %s: the hints are %q", test.role, test.do, hints)
		}
	}
}

// hintFor returns what the hints of a problem with a child have to say.
func hintFor(message string) string {
	switch {
	case strings.Contains(message, "ended from outside"):
		return "journalctl -k"
	case strings.Contains(message, "crashed"), strings.Contains(message, "without a result"):
		return "the agent's log has the last words of the signer process; try again"
	}
	return ""
}

// A program that was moved or replaced since it began has another file than its name says.
func TestSignByAnotherPath(t *testing.T) {
	t.Parallel()
	lab := newLab("serve")
	lab.Path, lab.Command = lab.Command[0], []string{"anaplan-agent-that-was-removed"}
	if _, problem := lab.sign(t, limited(t), task{Do: "refuse"}.order(t), nil); problem == nil || problem.Message != refusal.Message {
		t.Errorf("%+v", problem)
	}
}

// A child that sends nonsense may have a device open all the same, and gets its time to close it.
func TestSignLetsNonsenseEnd(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	_, problem := newLab("babble="+dir).sign(t, limited(t), Order{}, nil)
	if problem == nil || !strings.Contains(problem.Message, "makes no sense") {
		t.Errorf("%+v", problem)
	}
	if _, err := os.Stat(filepath.Join(dir, "closed")); err != nil {
		t.Errorf("the child was killed before it had closed its device: %v", err)
	}
}

func TestSignCannotStart(t *testing.T) {
	t.Parallel()
	for want, command := range map[string][]string{
		"no such file":            {filepath.Join(t.TempDir(), "missing"), "signer"},
		"permission denied":       {t.TempDir()},
		"there is no command":     nil,
		"executable file not fou": {"anaplan-agent-that-nobody-installed"},
	} {
		lab := newLab("")
		lab.Command = command
		for range 2 { // the first leaves the device to the second
			_, problem := lab.sign(t, limited(t), Order{Device: "reader 1"}, nil)
			if problem == nil || problem.Code != agent.CodeSignerFailed || problem.Final || !strings.Contains(problem.Message, want) {
				t.Errorf("%q: %+v, want %q", command, problem, want)
			}
		}
	}
}

func TestSignRefusesOrdersThatCannotBeSent(t *testing.T) {
	t.Parallel()
	_, problem := newLab("silent").sign(t, limited(t), Order{Settings: json.RawMessage("{"), PIN: []byte(testPIN)}, nil)
	if problem == nil || problem.Code != agent.CodeSettings || !problem.Final || !strings.Contains(problem.Message, "not JSON") {
		t.Errorf("%+v", problem)
	}
}

// Children that do not end, with a deadline: whatever they were about to do by then.
func TestSignDeadline(t *testing.T) {
	t.Parallel()
	large := bytes.Repeat([]byte("1"), maxPayload-1000) // two are more than a pipe holds
	for name, run := range map[string]struct {
		role   string
		order  Order
		silent bool
	}{
		"hangs in a call":             {"serve", task{Do: "hang", Dir: t.TempDir()}.order(t), false},
		"half a frame":                {"half", Order{}, true},
		"does not listen":             {"deaf", Order{}, false},
		"does not read a large order": {"forever", Order{Settings: large, PIN: large}, true},
	} {
		lab := newLab(run.role)
		lab.Grace = 50 * time.Millisecond
		run.order.Timeout = 200 * time.Millisecond
		_, problem := lab.sign(t, limited(t), run.order, nil)
		if problem == nil || problem.Code != agent.CodeSignerFailed || problem.Final || problem.Human ||
			!strings.Contains(problem.Message, "was killed") || run.silent && !strings.HasSuffix(problem.Message, "was killed") {
			t.Errorf("%s: %+v", name, problem)
		}
	}
}

// No test can make a process that a kill does not end; one that nobody kills will do. Those that
// wait for its device and those that come later learn of it, until it has ended after all.
func TestChildThatCannotBeEnded(t *testing.T) {
	t.Parallel()
	lab := newLab("serve")
	order := task{}.order(t)
	order.Device = "reader 1"
	device := lab.device(order.Device)
	if err := device.enter(limited(t), nil); err != nil {
		t.Fatal(err)
	}
	c, err := newLab("forever").start(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := fmt.Sprintf("a signer process for this device cannot be ended (process %d)", c.cmd.Process.Pid)
	stuck := func(problem *agent.Problem) bool {
		return problem != nil && problem.Code == agent.CodeSignerFailed && strings.HasPrefix(problem.Message, want) &&
			len(problem.Hints) > 0 && problem.Human && !problem.Final
	}

	waits, cancel := context.WithCancel(limited(t))
	var waiter sync.WaitGroup
	waiter.Go(func() {
		if _, err := lab.Sign(limited(t), order, func(agent.Notice) { cancel() }); !stuck(agent.ProblemOf(err)) {
			t.Errorf("waiting: %v", err)
		}
	})
	<-waits.Done()
	state := c.reap(10*time.Millisecond, device)
	if problem := c.postMortem(state); !stuck(problem) {
		t.Errorf("its own order: %+v", problem)
	}
	waiter.Wait()
	lab.Process.log(c, &talk{answered: true}, state, order.Device)
	if log := lab.log.String(); !strings.Contains(log, "a device was not closed well") || !strings.Contains(log, `signer="it does not end"`) {
		t.Errorf("logged %s", log)
	}
	for range 2 {
		if _, problem := lab.sign(t, limited(t), order, nil); !stuck(problem) {
			t.Errorf("coming later: %+v", problem)
		}
	}

	c.group.Kill()
	c.input.Close()
	for range c.messages { // until its output has ended
	}
	<-c.written
	c.output.Close()
	_, problem := lab.sign(t, limited(t), order, nil)
	for ctx := limited(t); stuck(problem); {
		_, problem = lab.sign(t, ctx, order, nil)
	}
	if problem == nil || problem.Message != "done" {
		t.Errorf("after its end: %+v", problem)
	}
}

func TestSignFloodOfNotices(t *testing.T) {
	t.Parallel()
	lab := newLab("flood")
	lab.Grace = 50 * time.Millisecond
	_, problem := lab.sign(t, limited(t), Order{}, nil)
	if problem == nil || problem.Code != agent.CodeSignerFailed || !strings.Contains(problem.Message, "more than 1000 notices") {
		t.Errorf("%+v", problem)
	}
}

func TestSignKillsTheDeaf(t *testing.T) {
	t.Parallel()
	lab := newLab("deaf")
	lab.Grace = 50 * time.Millisecond
	ctx, notify, said := cancelAtNotice(t)
	_, problem := lab.sign(t, ctx, Order{}, notify)
	if problem == nil || problem.Code != agent.CodeStopping || !strings.Contains(problem.Message, "the test is over") {
		t.Errorf("%+v", problem)
	}
	wantGone(t, said.Message)
}

// With much grace: the child ends by itself, although what it does never ends.
func TestChildEndsWithItsInput(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, notify, said := cancelAtNotice(t)
	_, problem := newLab("serve").sign(t, ctx, task{Do: "hang", Dir: dir}.order(t), notify)
	if problem == nil || problem.Code != agent.CodeStopping {
		t.Errorf("%+v", problem)
	}
	wantGone(t, said.Message)
	wantReleased(t, dir)
}

func TestChildEndsWithItsParent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	parent := exec.Command(os.Args[0])
	parent.Env = playing("parent=" + dir)
	output, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(output).ReadString('\n'); line != "it hangs\n" {
		t.Errorf("the parent said %q, %v", line, err)
	}
	parent.Process.Kill()
	parent.Wait()
	wantReleased(t, dir)
}

func TestSignKillsHelpers(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx, notify, said := cancelAtNotice(t)
	if _, problem := newLab("serve").sign(t, ctx, task{Do: "help", Dir: dir}.order(t), notify); problem == nil || problem.Code != agent.CodeStopping {
		t.Errorf("%+v", problem)
	}
	if said.Message != "held\n" {
		t.Errorf("the child said %q", said.Message)
	}
	wantReleased(t, dir)
}

// Daemons that children have started keep standard error open. That holds nobody up, not
// even the next on the same device.
func TestSignLeavesDaemonsAlone(t *testing.T) {
	t.Parallel()
	lab, order := newLab("serve"), task{Do: "leave behind"}.order(t)
	order.Device = "reader 1"
	ctx := limited(t)
	var daemons []string
	for range 2 {
		_, problem := lab.sign(t, ctx, order, func(n agent.Notice) { daemons = append(daemons, n.Message) })
		if problem == nil || problem.Message != "done" {
			t.Errorf("%+v", problem)
		}
	}
	for _, daemon := range daemons {
		pid, err := strconv.Atoi(daemon)
		if err != nil {
			t.Fatal(err)
		}
		if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
			t.Errorf("the daemon is gone: %v", err)
		}
	}
}

// A refused PIN counts even if nobody waits for it.
func TestSignHearsFinalProblemsLate(t *testing.T) {
	t.Parallel()
	ctx, notify, _ := cancelAtNotice(t)
	lab := newLab("serve")
	lab.Grace = 0 // as a caller has it who says nothing
	_, problem := lab.sign(t, ctx, task{Do: "sulk"}.order(t), notify)
	if diff := cmp.Diff(refusal, problem); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// Whenever it comes: before the caller goes, within the child's grace, or as the child is killed.
// Which of these it is here is chance.
func TestSignHearsFinalProblemsAtAnyTime(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	for range 3 {
		frame.Write(&said, maxPayload, kindNotice, []byte(`{"kind":"info","message":"at work"}`))
	}
	frame.Write(&said, maxPayload, kindProblem, []byte(`{"code":"pin_refused","message":"wrong PIN","final":true}`))
	lab := newLab(say(said.String()))
	lab.Grace = time.Nanosecond
	for range 40 {
		ctx, notify, _ := cancelAtNotice(t)
		if _, problem := lab.sign(t, ctx, Order{}, notify); problem == nil || problem.Code != agent.CodePINRefused {
			t.Fatalf("%+v", problem)
		}
	}
}

func TestSignDoesNotCountPersons(t *testing.T) {
	t.Parallel()
	order := task{Do: "person"}.order(t)
	order.Timeout = 3 * time.Second
	if _, problem := newLab("serve").sign(t, limited(t), order, nil); problem == nil || problem.Message != "done" {
		t.Errorf("%+v", problem)
	}
}

func TestSignIsNotDisturbedByChatter(t *testing.T) {
	t.Parallel()
	lab := newLab("serve")
	if _, problem := lab.sign(t, limited(t), task{Do: "chatter"}.order(t), nil); problem != nil {
		t.Fatal(problem)
	}
	log := lab.log.String()
	if !strings.Contains(log, `level=DEBUG msg="signer process said" line="module: C_Sign"`) || strings.Contains(log, "level=WARN") {
		t.Errorf("logged %.1000s", log)
	}
	if lines := strings.Count(log, "line="); lines != maxRemarks/len("module: C_Sign\n") {
		t.Errorf("%d lines were logged", lines)
	}
	if !strings.Contains(log, `msg="signer process said too much" dropped_bytes=`) {
		t.Error("nothing was logged of the rest")
	}
}

func TestSignHidesThePIN(t *testing.T) {
	t.Parallel()
	lab := newLab("serve")
	lab.sign(t, limited(t), task{Do: "tell"}.order(t), nil)
	log := lab.log.String()
	if strings.Count(log, "level=WARN") != 3 || strings.Count(log, "C_Login([redacted])") != 3 || strings.Contains(log, testPIN) {
		t.Errorf("logged %s", log)
	}
	lab.Logger = nil
	if _, problem := lab.sign(t, limited(t), task{Do: "tell"}.order(t), nil); problem == nil || problem.Message != "done" {
		t.Errorf("without a logger: %+v", problem)
	}
}

// A program may have moved its standard output away before it serves: the frames go there.
func TestSignWithMovedOutput(t *testing.T) {
	t.Parallel()
	lab := newLab("moved")
	if _, problem := lab.sign(t, limited(t), task{Do: "tell"}.order(t), nil); problem == nil || problem.Message != "done" {
		t.Errorf("%+v", problem)
	}
	if log := lab.log.String(); strings.Count(log, "C_Login([redacted])") != 3 {
		t.Errorf("logged %s", log)
	}
}

func TestOneAtATimeOnADevice(t *testing.T) {
	t.Parallel()
	lab := newLab("serve")
	order := task{Do: "alone", Dir: t.TempDir()}.order(t)
	order.Device = "reader 1"
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if _, err := lab.Sign(limited(t), order, nil); err.Error() != "done" {
				t.Error(err)
			}
		})
	}
	all.Wait()
	lab.Wait()
}

func TestDevicesDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	lab := newLab("serve")
	order := task{Do: "meet", Dir: t.TempDir()}.order(t)
	var all sync.WaitGroup
	for _, device := range []string{"reader 1", "reader 2"} {
		order := order
		order.Device = device
		all.Go(func() {
			if _, err := lab.Sign(limited(t), order, nil); err.Error() != "done" {
				t.Error(err)
			}
		})
	}
	all.Wait()
	lab.Wait()
}

// An order that waits for its device says so, ends with its context, and has started
// nothing by then.
func TestWaitForADevice(t *testing.T) {
	t.Parallel()
	lab, dir := newLab("serve"), t.TempDir()
	first := task{Do: "sulk"}.order(t)
	first.Device = "reader 1"
	second := task{Do: "meet", Dir: dir}.order(t)
	second.Device = "reader 1"
	second.Timeout = time.Nanosecond // it does not run yet

	started, start := context.WithCancel(limited(t))
	ctx, cancel := context.WithCancel(limited(t))
	defer cancel()
	var all sync.WaitGroup
	all.Go(func() { lab.Sign(ctx, first, func(agent.Notice) { start() }) })
	<-started.Done()
	impatient, notify, said := cancelAtNotice(t)
	_, problem := lab.sign(t, impatient, second, notify)
	if problem == nil || problem.Code != agent.CodeStopping || said.Kind != agent.NoticeBusy || !strings.Contains(said.Message, "another login") {
		t.Errorf("%+v after %+v", problem, said)
	}
	cancel()
	all.Wait()
	if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
		t.Errorf("the child of an order that waited left %v, %v", entries, err)
	}
}

func TestSignWithEndedContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(limited(t))
	cancel()
	lab := newLab("")
	lab.Command = []string{"/missing"}
	for _, device := range append(make([]string, 10), "reader 1") { // not by chance
		if _, problem := lab.sign(t, ctx, Order{Device: device}, nil); problem == nil || problem.Code != agent.CodeStopping {
			t.Errorf("%q: %+v", device, problem)
		}
	}
}

func TestLockDeviceAcrossProcesses(t *testing.T) {
	t.Parallel()
	order := task{Do: "lock alone", Dir: t.TempDir()}.order(t)
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			lab := newLab("serve")
			if _, err := lab.Sign(limited(t), order, nil); err.Error() != "done" {
				t.Error(err)
			}
			lab.Wait()
		})
	}
	all.Wait()
}

// openFiles returns the descriptors of this process.
func openFiles(t testing.TB) []string {
	t.Helper()
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return names(entries)
}

func names(entries []fs.DirEntry) []string {
	list := make([]string, 0, len(entries))
	for _, entry := range entries {
		list = append(list, entry.Name())
	}
	slices.Sort(list)
	return list
}

// Not in parallel: it counts the descriptors and children of the whole process.
func TestNothingIsLeftBehind(t *testing.T) {
	roles := []string{say("garbage\n"), "silent", "torn", "serve"}
	run := func() {
		var all sync.WaitGroup
		for _, role := range roles {
			all.Go(func() {
				lab := newLab(role)
				lab.sign(t, limited(t), task{Do: "refuse"}.order(t), nil)
				lab.Command = []string{"/missing"}
				lab.sign(t, limited(t), Order{}, nil)
			})
		}
		all.Wait()
	}
	run() // what the runtime opens for itself
	before, rounds := openFiles(t), 0
	for ctx := limited(t); ctx.Err() == nil && rounds < 50; rounds++ {
		run()
	}
	if rounds < 50 {
		t.Fatalf("%d rounds, and %v", rounds, errHangs)
	}
	if diff := cmp.Diff(before, openFiles(t)); diff != "" {
		t.Errorf("after 200 children: (-before +after)\n%s", diff)
	}
	if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); !errors.Is(err, syscall.ECHILD) {
		t.Errorf("there is a child left: %d, %v", pid, err)
	}
}

// shortage is what a process with few descriptors tells of its Sign.
type shortage struct {
	Limit         uint64
	Code          agent.Code
	Message       string
	Hints         []string
	Before, After []string // open descriptors
}

func TestOutOfDescriptors(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(limited(t), os.Args[0])
	cmd.Env = playing("few-files")
	cmd.Stderr = os.Stderr
	output, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var shortages []shortage
	if err := json.Unmarshal(output, &shortages); err != nil {
		t.Fatal(err)
	}
	for _, s := range shortages[:len(shortages)-1] {
		if s.Code != agent.CodeSignerFailed && s.Message != "done" {
			t.Errorf("limit %d: %s: %s", s.Limit, s.Code, s.Message)
		}
		if diff := cmp.Diff(s.Before, s.After); diff != "" {
			t.Errorf("limit %d: descriptors (-before +after)\n%s", s.Limit, diff)
		}
	}
	if first := shortages[0]; !strings.Contains(first.Message, "cannot be started") || !strings.Contains(first.Message, "too many open files") ||
		!strings.Contains(strings.Join(first.Hints, " "), "ulimit -n") {
		t.Errorf("with none left: %s; %q", first.Message, first.Hints)
	}
	if last := shortages[len(shortages)-1]; last.Message != "done" {
		t.Errorf("with enough again: %+v", last)
	}
}

// beShortOfFiles signs with ever more descriptors, so that each that Sign opens is once
// the one too many.
func beShortOfFiles() {
	signers := &Process{Command: os.Args[:1], Env: playing("serve")}
	order := Order{Settings: json.RawMessage(`{"do":""}`), Timeout: hangs}
	limits := new(syscall.Rlimit)
	must(0, syscall.Getrlimit(syscall.RLIMIT_NOFILE, limits))
	signers.Sign(context.Background(), order, nil) // what the runtime opens for itself
	signers.Wait()
	var all []shortage
	for more := range 12 {
		s := shortage{Before: names(must(os.ReadDir("/dev/fd")))}
		s.Limit = uint64(len(s.Before) - 1 + more) // without the one that reads /dev/fd
		must(0, syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: s.Limit, Max: limits.Max}))
		_, err := signers.Sign(context.Background(), order, nil)
		signers.Wait()
		must(0, syscall.Setrlimit(syscall.RLIMIT_NOFILE, limits))
		s.Code, s.Message, s.Hints = agent.ProblemOf(err).Code, err.Error(), agent.ProblemOf(err).Hints
		s.After = names(must(os.ReadDir("/dev/fd")))
		all = append(all, s)
	}
	_, err := signers.Sign(context.Background(), order, nil)
	must(0, json.NewEncoder(os.Stdout).Encode(append(all, shortage{Message: err.Error()})))
}

// BenchmarkSign measures Sign beside a plain start of the same child with the same order,
// in the order A B B A, and gives the median of the ratios.
func BenchmarkSign(b *testing.B) {
	lab := newLab("serve")
	order := task{}.order(b)
	payload, err := encodeOrder(order)
	if err != nil {
		b.Fatal(err)
	}
	var input bytes.Buffer
	writeOrder(&input, payload, order.PIN)
	sign := func() {
		if _, err := lab.Sign(b.Context(), order, nil); err.Error() != "done" {
			b.Fatal(err)
		}
		lab.Wait()
	}
	plain := func() {
		cmd := exec.Command(lab.Command[0])
		cmd.Env, cmd.Stdin = lab.Env, bytes.NewReader(input.Bytes())
		if output, err := cmd.Output(); err != nil || !bytes.Contains(output, []byte("done")) {
			b.Fatalf("%q, %v", output, err)
		}
	}
	took := func(run func()) float64 {
		start := time.Now()
		run()
		return float64(time.Since(start))
	}
	var ratios, times []float64
	for b.Loop() {
		sign1, plain1 := took(sign), took(plain)
		plain2, sign2 := took(plain), took(sign)
		ratios = append(ratios, sign1/plain1, sign2/plain2)
		times = append(times, sign1, sign2)
	}
	slices.Sort(ratios)
	slices.Sort(times)
	b.ReportMetric(ratios[len(ratios)/2], "sign/exec")
	b.ReportMetric(times[len(times)/2]/1e6, "ms/sign")
}

// What a child wants to be remembered has arrived, also if it dies at once.
func TestSignRemembers(t *testing.T) {
	lab := newLab("serve")
	order := task{Do: "remember"}.order(t)
	var learnt []string
	order.Remember = func(text json.RawMessage) { learnt = append(learnt, string(text)) }
	if _, problem := lab.sign(t, limited(t), order, nil); problem == nil || problem.Code != agent.CodeSignerFailed {
		t.Errorf("got %+v", problem)
	}
	if len(learnt) != 1 || learnt[0] != `{"pin":"on its way"}` {
		t.Errorf("learnt %q", learnt)
	}
}
