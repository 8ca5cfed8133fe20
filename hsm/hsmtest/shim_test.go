//go:build cgo && unix

package hsmtest_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

const wrongPIN = "99999999"

// newToken returns a token with a key.
func newToken(t *testing.T) *hsmtest.Token {
	t.Helper()
	token := hsmtest.NewToken(t)
	token.Put(t, hsmtest.Named("login", 1).Private(hsmtest.RSAKey(t, "a")))
	return token
}

// TestLoginFaults: what a login returns, how the process ends, and what the real module
// had to do with it.
func TestLoginFaults(t *testing.T) {
	token := newToken(t)
	library := hsmtest.BuildShim(t)
	const done, crashed, exited, killed = "done", "exit status 2", "exit status 0", "signal: killed"
	for _, c := range []struct {
		orders string
		pins   string // right, wrong, or none
		want   string // what the logins returned
		ended  string
		real   string // what the real module returned
	}{
		{"", "right wrong", "0x0 0xa0", done, "0x0 0xa0"},
		{"C_Login=0x30", "wrong", "0x30", done, ""},
		{"C_Login=crash", "wrong", "", crashed, ""},
		{"C_Login=exit", "wrong", "", exited, ""},
		{"C_Login=kill", "wrong", "", killed, ""},
		{"C_Login=after:0x30", "right wrong", "0x30 0x30", done, "0x0 0xa0"},
		{"C_Login=after:0", "wrong", "0x0", done, "0xa0"},
		{"C_Login=after:crash", "wrong", "", crashed, "0xa0"},
		{"C_Login=after:exit", "wrong", "", exited, "0xa0"},
		{"C_Login=after:kill", "wrong", "", killed, "0xa0"},
		{"C_Login=refusal:0x30", "right wrong", "0x0 0x30", done, "0x0 0xa0"},
		{"C_Login=refusal:kill", "right wrong", "0x0", killed, "0x0 0xa0"},
		{"C_Login@2=after:0x30", "right right right", "0x0 0x30 0x0", done, "0x0 0x0 0x0"},
		{"C_Login@1=kill", "right", "", killed, ""},
		{"C_Login=after:0x30;C_Login@1=0xe0", "right right", "0xe0 0x30", done, "0x0"},
		{"C_Login=after:0x30\nC_Login@1=after:0x31", "right right", "0x31 0x30", done, "0x0 0x0"},
		{"alreadyloggedin", "right wrong", "0x100 0xa0", done, "0x0 0xa0"},
		{"pinpad", "none right", "0x0 0x7", done, "0x0"},
	} {
		t.Run(c.orders, func(t *testing.T) {
			shim := token.Behind(t, library, "C_Login=0x5") // which the file replaces
			shim.Order(t, c.orders)
			results, ended := start(t, shim, logins(token, c.pins)...).end(t)
			if got := strings.Join(results, " "); got != c.want || ended != c.ended {
				t.Errorf("logins returned %q and it ended with %q, want %q and %q", got, ended, c.want, c.ended)
			}
			if real := answers(shim.Logins(t)); real != c.real || shim.RefusedLogins(t) != strings.Count(c.real, "0xa0") {
				t.Errorf("the real module returned %q, %d refusals; want %q", real, shim.RefusedLogins(t), c.real)
			}
		})
	}
}

// logins returns the steps of a child that logs in with these PINs.
func logins(token *hsmtest.Token, pins string) (steps []string) {
	values := map[string]string{"right": token.PIN, "wrong": wrongPIN}
	for pin := range strings.FieldsSeq(pins) {
		steps = append(steps, "login="+values[pin])
	}
	return steps
}

// answers returns what the real module answered to logins.
func answers(logins []hsmtest.Login) string {
	var all []string
	for _, login := range logins {
		all = append(all, fmt.Sprintf("0x%x", login.RV))
	}
	return strings.Join(all, " ")
}

// TestFaultsOfOtherCalls: every call takes such orders.
func TestFaultsOfOtherCalls(t *testing.T) {
	token := newToken(t)
	library := hsmtest.BuildShim(t)
	for _, c := range []struct {
		orders, want, ended string
	}{
		{"", "0x0 0x0 0x0", "done"},
		{"C_Sign=after:kill", "0x0", "signal: killed"},
		// C_Sign is asked for the length of the signature first.
		{"C_Sign@1=after:0x32", "0x0 0x32 0x0", "done"},
		{"C_Sign@2=after:0x32", "0x0 0x32 0x0", "done"},
		{"C_Initialize=after:exit", "", "exit status 0"},
		{"C_Finalize=after:kill", "0x0 0x0 0x0", "signal: killed"},
	} {
		t.Run(c.orders, func(t *testing.T) {
			shim := token.Behind(t, library, c.orders)
			results, ended := start(t, shim, "stay="+token.PIN, "sign", "sign").end(t)
			if got := strings.Join(results, " "); got != c.want || ended != c.ended {
				t.Errorf("got %q, and it ended with %q", got, ended)
			}
		})
	}
}

// TestHangAfter: the real module has answered a login that hangs.
func TestHangAfter(t *testing.T) {
	token := newToken(t)
	shim := token.Behind(t, hsmtest.BuildShim(t), "C_Login=after:hang")
	child := start(t, shim, "login="+wrongPIN)
	line := make(chan string, 1)
	go func() { line <- child.line() }()
	select {
	case <-shim.Hung(t).Done():
	case said := <-line:
		t.Fatalf("it does not hang: %q", said)
	}
	if n := shim.RefusedLogins(t); n != 1 {
		t.Errorf("%d refused logins while it hangs", n)
	}
	shim.Release(t)
	if said := <-line; !strings.HasPrefix(said, "login 0x30 ") {
		t.Errorf("released, the child says %q", said)
	}
}

// TestSleep: a call is late, before the real one or after it. That it sleeps no less is
// all that can be known.
func TestSleep(t *testing.T) {
	token := newToken(t)
	library := hsmtest.BuildShim(t)
	const slept = 300 * time.Millisecond
	const tick = 20 * time.Millisecond // how much earlier than it is a file's time may be
	for order, after := range map[string]bool{"C_Login=sleep:300": false, "C_Login=after:sleep:300": true} {
		t.Run(order, func(t *testing.T) {
			shim := token.Behind(t, library, order)
			begin, end := timesOf(t, start(t, shim, "login="+token.PIN).line())
			answered := shim.LastLogin(t)
			if sent := answered.Sub(begin); !after && sent < slept-tick {
				t.Errorf("it was passed on after %v", sent)
			}
			if rest := end.Sub(answered); after && rest < slept {
				t.Errorf("it returned %v after the answer", rest)
			}
		})
	}
}

// timesOf reads the line of a login that went well.
func timesOf(t *testing.T, line string) (begin, end time.Time) {
	t.Helper()
	words := strings.Fields(line)
	if len(words) != 4 || words[1] != "0x0" {
		t.Fatalf("the child says %q", line)
	}
	times := [2]int64{}
	for i := range times {
		n, err := strconv.ParseInt(words[2+i], 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		times[i] = n
	}
	return time.Unix(0, times[0]), time.Unix(0, times[1])
}

// TestFaultIsOver: faults end and begin again under a process that runs.
func TestFaultIsOver(t *testing.T) {
	token := newToken(t)
	shim := token.Behind(t, hsmtest.BuildShim(t), "C_Login=after:0x30")
	login := "login=" + token.PIN
	child := start(t, shim, login, "wait", login, "wait", login)
	wantLogin(t, child, "0x30")
	shim.Behave(t)
	child.next(t)
	wantLogin(t, child, "0x0")
	shim.Misbehave(t)
	child.next(t)
	wantLogin(t, child, "0x30")
}

// wantLogin reads the child's lines up to its next wait.
func wantLogin(t *testing.T, child *childProcess, want string) {
	t.Helper()
	line := child.line()
	if !strings.HasPrefix(line, "login "+want+" ") {
		t.Errorf("the child says %q, want %s", line, want)
	}
	child.line()
}

// TestNewOrders: a process that runs has new orders when it starts the module again, and
// not before.
func TestNewOrders(t *testing.T) {
	token := newToken(t)
	shim := token.Behind(t, hsmtest.BuildShim(t), "C_Login=0x30")
	login := "login=" + token.PIN
	child := start(t, shim, login, "wait", login, "wait", "restart", login, "wait", "restart", login)
	wantLogin(t, child, "0x30")
	shim.Order(t, "C_Login=0x31")
	child.next(t)
	wantLogin(t, child, "0x30")
	child.next(t)
	wantLogin(t, child, "0x31")
	shim.Order(t)
	child.next(t)
	wantLogin(t, child, "0x0")
}

// TestLoginsOfProcesses: logins of all processes are counted, by PIN.
func TestLoginsOfProcesses(t *testing.T) {
	token := newToken(t)
	shim := token.Behind(t, hsmtest.BuildShim(t), "C_Login=after:0x30")
	if logins := shim.Logins(t); logins != nil {
		t.Errorf("before any: %+v", logins)
	}
	// One after the other: SoftHSM fails where two processes use its store at once.
	for range 3 {
		start(t, shim, "login="+wrongPIN, "login=", "login="+token.PIN).end(t)
	}
	got := map[hsmtest.Login]int{}
	for _, login := range shim.Logins(t) {
		got[login]++
	}
	for pin, rv := range map[string]uint{wrongPIN: pkcs11.CKR_PIN_INCORRECT, token.PIN: pkcs11.CKR_OK} {
		login := hsmtest.Login{User: pkcs11.CKU_USER, Hash: hsmtest.HashPIN(pin), Answered: true, RV: rv}
		if got[login] != 3 {
			t.Errorf("%d times %+v, want 3, in %v", got[login], login, got)
		}
	}
}

// TestCopies: tokens that are copies of one are used side by side, each behind a shim of its
// own, and a wrong PIN of one is not a wrong one of another.
func TestCopies(t *testing.T) {
	token, library := newToken(t), hsmtest.BuildShim(t)
	var children []*childProcess
	var shims []*hsmtest.Shim
	for i := range 4 {
		directory := t.TempDir()
		shim, env := token.BehindIn(t, directory, library, "C_Login=after:sleep:1")
		env = append(env, token.Copy(t, directory))
		pin := []string{wrongPIN, token.PIN}[i%2]
		shims, children = append(shims, shim), append(children, startIn(t, env, shim, "login="+pin, "login="+token.PIN))
	}
	for i, child := range children {
		child.end(t)
		if got, want := shims[i].RefusedLogins(t), 1-i%2; got != want {
			t.Errorf("copy %d has refused %d logins, want %d", i, got, want)
		}
	}
	if environment, ok := os.LookupEnv("HSMTEST_SHIM_LOGINS"); ok {
		t.Errorf("this process has HSMTEST_SHIM_LOGINS=%s", environment)
	}
}

// TestReadLogins: a process that ends in the middle of a login leaves it without an
// answer.
func TestReadLogins(t *testing.T) {
	path := filepath.Join(t.TempDir(), "logins")
	text := "sent 7.1 1 0000000a\nsent 8.1 2 0000000b\ngot 8.1 0xa4\nsent 7.1 0 0000000c\ngot 7.1 0x30\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	got, err := hsmtest.ReadLogins(path)
	want := []hsmtest.Login{
		{User: 1, Hash: "0000000a"},
		{User: 2, Hash: "0000000b", Answered: true, RV: 0xa4},
		{User: 0, Hash: "0000000c", Answered: true, RV: 0x30},
	}
	if err != nil || !slices.Equal(got, want) || hsmtest.CountRefused(got) != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	for _, text := range []string{"got 7.1 0x30\n", "sent 7.1\n", "got 7.1\n", "\n"} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := hsmtest.ReadLogins(path); err == nil {
			t.Errorf("%q is read as %+v", text, got)
		}
	}
}

// TestClaimsLoggedIn: sessions that say that somebody has logged in.
func TestClaimsLoggedIn(t *testing.T) {
	token := newToken(t)
	library := hsmtest.BuildShim(t)
	for order, want := range map[string]string{
		"":               fmt.Sprint(pkcs11.CKS_RO_PUBLIC_SESSION, pkcs11.CKS_RW_PUBLIC_SESSION),
		"claimsloggedin": fmt.Sprint(pkcs11.CKS_RO_USER_FUNCTIONS, pkcs11.CKS_RW_USER_FUNCTIONS),
	} {
		states, _ := start(t, token.Behind(t, library, order), "state", "rw", "state").end(t)
		if got := strings.Join(states, " "); got != want {
			t.Errorf("%q: states %s, want %s", order, got, want)
		}
	}
}
