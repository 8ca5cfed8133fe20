//go:build !windows

package signer

// The children of the tests: this test binary, started again with a role.

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/frame"
	"go.uber.org/goleak"
)

// roleVariable says what a process is: "name" or "name=argument".
const roleVariable = "SIGNER_TEST_ROLE"

func TestMain(m *testing.M) {
	role := os.Getenv(roleVariable)
	if role == "" {
		goleak.VerifyTestMain(m)
		return
	}
	name, argument, _ := strings.Cut(role, "=")
	roles[name](argument)
}

// roles are what children of the tests do; "serve" is a signer that does the task in its settings,
// and most others are not signers.
var roles = map[string]func(argument string){
	"serve":     func(string) { serveTask() },
	"moved":     func(string) { moveOutput(); serveTask() },
	"closing":   func(string) { serveTask(); closeBadly() },
	"tidy":      func(string) { serveTask(); time.Sleep(3 * soon) },
	"silent":    func(string) {},
	"babble":    babble,
	"say":       func(text string) { os.Stdout.WriteString(must(strconv.Unquote(text))) },
	"half":      func(string) { os.Stdout.WriteString("\x04\x00\x00\x10\x00half"); forever() },
	"torn":      func(string) { os.Stdout.WriteString("\x04\x00\x00\x10\x00half") },
	"forever":   func(string) { forever() },
	"deaf":      func(string) { beDeaf() },
	"flood":     func(string) { flood() },
	"raise":     raise,
	"exit":      func(status string) { os.Exit(must(strconv.Atoi(status))) },
	"report":    func(string) { reportCrash() },
	"hold":      func(dir string) { holdDevice(dir); fmt.Println("held"); forever() },
	"parent":    func(dir string) { beParent(dir) },
	"few-files": func(string) { beShortOfFiles() },
}

// playing returns the environment of a child with a role. The race detector would let it
// linger for a second at its end.
func playing(role string) []string {
	return append(os.Environ(), roleVariable+"="+role, "GORACE=atexit_sleep_ms=0")
}

// say is the role of a child that prints a text.
func say(text string) string { return "say=" + strconv.Quote(text) }

func forever() {
	for {
		time.Sleep(time.Hour)
	}
}

// must ends a child that cannot play its role; its parent's test fails by it.
func must[T any](value T, err error) T {
	if err != nil {
		fmt.Fprintln(os.Stderr, "test child:", err)
		os.Exit(7)
	}
	return value
}

// babble says more nonsense than a pipe holds, waits until nobody listens, and closes its device.
func babble(dir string) {
	os.Stdout.WriteString(strings.Repeat("C_GetSlotList()\n", 1<<14))
	must(io.Copy(io.Discard, os.Stdin))
	must(0, os.WriteFile(filepath.Join(dir, "closed"), nil, 0o600))
}

// raise ends the process by a signal, which Go would turn into an exit code.
func raise(signal string) {
	must(0, syscall.Exec("/bin/sh", []string{"sh", "-c", "kill -" + signal + " $$"}, nil))
}

// reportCrash ends as Go's runtime does after a crash in C code.
func reportCrash() {
	os.Stderr.WriteString("module: C_Sign\nSIGSEGV: segmentation violation\nPC=0x48b8b0 m=0 sigcode=1 addr=0x0\n" +
		"signal arrived during cgo execution\n\ngoroutine 1 gp=0x32b5677761e0 m=0 mp=0x55c480 [syscall]:\n")
	os.Exit(2)
}

// beDeaf says its number, and listens to nothing.
func beDeaf() {
	signal.Ignore(syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE)
	payload := must(json.Marshal(agent.Notice{Kind: agent.NoticeInfo, Message: strconv.Itoa(os.Getpid())}))
	frame.Write(os.Stdout, maxPayload, kindNotice, payload)
	forever()
}

func flood() {
	for {
		frame.Write(os.Stdout, maxPayload, kindNotice, []byte(`{"kind":"info","message":"again"}`))
	}
}

func holdDevice(dir string) {
	must(LockDevice(context.Background(), dir, "held", nil))
}

// beParent has a child of its own, which holds a device and hangs.
func beParent(dir string) {
	signers := &Process{Command: os.Args[:1], Env: playing("serve")}
	settings := must(json.Marshal(task{Do: "hang", Dir: dir}))
	signers.Sign(context.Background(), Order{Settings: settings, Timeout: hangs}, func(agent.Notice) { fmt.Println("it hangs") })
}

// task is what the settings of an order say in these tests.
type task struct {
	Do   string `json:"do"`
	Dir  string `json:"dir,omitempty"`
	Key  []byte `json:"key,omitempty"` // PKCS#1
	Cert []byte `json:"cert,omitempty"`
}

func serveTask() {
	must(0, Serve(func(ctx context.Context, order Order, notify agent.NotifyFunc) (*agent.Login, error) {
		var t task
		must(0, json.Unmarshal(order.Settings, &t))
		if lie, ok := strings.CutPrefix(t.Do, "lie "); ok {
			return t.lie(ctx, lie), nil
		}
		return t.work(ctx, order, notify)
	}))
}

// closeBadly says what it is called with, and hangs.
func closeBadly() {
	os.Stderr.WriteString("C_Finalize(" + testPIN + ")\n")
	forever()
}

// moveOutput does what a program may have done that keeps its standard output from libraries.
func moveOutput() {
	moved := must(syscall.Dup(1))
	syscall.CloseOnExec(moved)
	must(0, os.Stdout.Close())
	must(syscall.Dup(2)) // becomes the lowest that is free, 1
	os.Stdout = os.NewFile(uintptr(moved), "moved")
}

// errDone is the result of tasks that make no login.
var errDone = &agent.Problem{Code: agent.CodeDeviceAbsent, Message: "done"}

func (t *task) work(ctx context.Context, order Order, notify agent.NotifyFunc) (*agent.Login, error) {
	switch t.Do {
	case "login":
		return agent.SignLogin(ctx, t.key(), agent.V2, time.Now())
	case "login v1":
		return agent.SignLogin(ctx, t.key(), agent.V1, time.Now())
	case "notices":
		for _, kind := range []agent.NoticeKind{agent.NoticeTouch, agent.NoticeTouchOver, agent.NoticeInfo} {
			notify.Tell(kind, "about "+string(kind))
		}
	case "login by":
		notify.Tell(agent.NoticeInfo, strconv.Itoa(os.Getpid()))
		return agent.SignLogin(ctx, t.key(), agent.V2, time.Now())
	case "refuse by":
		notify.Tell(agent.NoticeInfo, strconv.Itoa(os.Getpid()))
		return nil, refusal
	case "refuse":
		return nil, fmt.Errorf("opening: %w", refusal)
	case "error":
		return nil, errors.New("the module says 0x30")
	case "order":
		return nil, agent.Problemf(agent.CodeInternal, "%v %v %v %s %d", order.Attended, order.Timeout, order.PersonTimeout, order.Device, len(order.PIN))
	case "panic":
		var nothing *task
		nothing.Dir = ""
	case "panic with the PIN":
		panic(errors.New("C_Login(" + string(order.PIN) + ")"))
	case "fault": // as Go reports one
		syscall.Kill(os.Getpid(), syscall.SIGSEGV)
		forever()
	case "exit":
		os.Exit(0)
	case "remember": // and then comes to a bad end
		order.Remember(json.RawMessage(`{"pin":"on its way"}`))
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		forever()
	case "hang": // with a device in hand, in what no scheduler interrupts by itself
		holdDevice(t.Dir)
		notify.Tell(agent.NoticeInfo, strconv.Itoa(os.Getpid()))
		for i := 0; ; i++ {
		}
	case "sulk": // has an answer only when nobody waits
		notify.Tell(agent.NoticeInfo, "sulking")
		<-ctx.Done()
		return nil, refusal
	case "person":
		notify.Tell(agent.NoticePerson, "what is the PIN?")
		time.Sleep(order.Timeout + order.Timeout/10)
		notify.Tell(agent.NoticeWorking, "thanks")
	case "help":
		t.startHelper(notify)
		forever()
	case "leave behind":
		t.leaveBehind(notify)
	case "chatter":
		chatter(strings.Repeat("module: C_Sign\n", 1<<18))
		return agent.SignLogin(ctx, t.key(), agent.V2, time.Now())
	case "tell":
		chatter("C_Login(" + string(order.PIN) + ")\n")
	case "ask": // what a library does that reads standard input
		if n, err := os.Stdin.Read(make([]byte, 1)); n > 0 || err == nil {
			return nil, errors.New("there is something on standard input")
		}
	case "alone":
		return nil, t.alone()
	case "lock alone":
		unlock := must(LockDevice(ctx, t.Dir, "shared", nil))
		defer unlock()
		return nil, t.alone()
	case "meet":
		return nil, t.meet(order.Device)
	}
	return nil, errDone
}

// refusal is a problem with all that one can have.
var refusal = &agent.Problem{
	Code: agent.CodePINRefused, Message: "wrong PIN, 2 tries left", Hints: []string{"anaplan-agent unlock"},
	Human: true, Final: true, Wait: time.Minute, PIN: &agent.PINPrompt{Question: "PIN", LastTry: "locks it"},
}

func (t *task) key() *softKey {
	return &softKey{private: must(x509.ParsePKCS1PrivateKey(t.Key)), cert: must(x509.ParseCertificate(t.Cert))}
}

// lie returns a login that is wrong in one way.
func (t *task) lie(ctx context.Context, lie string) *agent.Login {
	key := t.key()
	sign := func(format agent.Format, message []byte) *agent.Login {
		signature := must(key.SignSHA512(ctx, message))
		return &agent.Login{Certificate: key.cert, Format: format, Message: agent.NewSecret(message), Signature: agent.NewSecret(signature)}
	}
	stamped := func(at time.Time, length int) []byte {
		return append(binary.BigEndian.AppendUint64(nil, uint64(at.Unix())), make([]byte, length-8)...)
	}
	login := sign(agent.V2, stamped(time.Now(), v2Length))
	switch lie {
	case "signature":
		login.Signature.Bytes()[0] ^= 1
	case "message":
		login.Message.Bytes()[99] ^= 1
	case "certificate":
		login.Certificate = must(certify(key.private, must(rsa.GenerateKey(rand.Reader, 2048)).Public())).cert
	case "elliptic":
		login.Certificate = must(certify(key.private, must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)).Public())).cert
	case "old":
		return sign(agent.V2, stamped(time.Now().Add(-time.Hour), v2Length))
	case "early":
		return sign(agent.V2, stamped(time.Now().Add(time.Hour), v2Length))
	case "long":
		return sign(agent.V2, stamped(time.Now(), v2Length+1))
	case "short v1":
		return sign(agent.V1, make([]byte, v2Length))
	case "format":
		return sign("v3", make([]byte, v2Length))
	}
	return login
}

// startHelper starts a program of the child's group, as a touch command is, that holds a
// device.
func (t *task) startHelper(notify agent.NotifyFunc) {
	helper := exec.Command(os.Args[0])
	helper.Env = playing("hold=" + t.Dir)
	output := must(helper.StdoutPipe())
	must(0, helper.Start())
	notify.Tell(agent.NoticeInfo, must(bufio.NewReader(output).ReadString('\n')))
}

// leaveBehind starts a program that no kill of a group reaches, and which keeps standard
// output and error open.
func (t *task) leaveBehind(notify agent.NotifyFunc) {
	daemon := exec.Command(os.Args[0])
	daemon.Env = playing("forever")
	daemon.Stdout, daemon.Stderr = os.Stdout, os.Stderr
	daemon.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	must(0, daemon.Start())
	notify.Tell(agent.NoticeInfo, strconv.Itoa(daemon.Process.Pid))
}

// chatter prints as a library in C does.
func chatter(text string) {
	for _, fd := range []int{1, 2} {
		must(os.NewFile(uintptr(must(syscall.Dup(fd))), "chatter").WriteString(text))
	}
	fmt.Print(text)
}

// alone fails if another process is at it.
func (t *task) alone() error {
	mark := filepath.Join(t.Dir, "at work")
	if err := os.Mkdir(mark, 0o700); err != nil {
		return fmt.Errorf("two at a time: %w", err)
	}
	time.Sleep(5 * time.Millisecond) // long enough for another to be noticed
	if err := os.Remove(mark); err != nil {
		return err
	}
	return errDone
}

// meet returns when there are two.
func (t *task) meet(name string) error {
	must(0, os.WriteFile(filepath.Join(t.Dir, name), nil, 0o600))
	for len(must(os.ReadDir(t.Dir))) < 2 {
		time.Sleep(5 * time.Millisecond)
	}
	return errDone
}
