//go:build cgo && unix

package hsmtest_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// childVariable has this program be a child that uses a module, see child.
const childVariable = "HSMTEST_CHILD"

func TestMain(m *testing.M) {
	if steps := os.Getenv(childVariable); steps != "" {
		newChild().run(strings.Split(steps, " "))
		return
	}
	m.Run()
}

// child is a process that uses a module, and that the module may end. Its steps are:
//
//	login=PIN   logs in, and out again if that went well: "login RV BEGIN END"
//	stay=PIN    logs in and stays so
//	state       "state CKS"
//	rw          goes on in a read/write session
//	sign        "sign RV SIGNATURE"
//	restart     ends the module and starts it again
//	wait        "wait", and waits for a line
//
// At its end it says "done".
type child struct {
	module  *pkcs11.Ctx
	session pkcs11.SessionHandle
	input   *bufio.Reader
}

func newChild() *child {
	c := &child{module: pkcs11.New(os.Getenv("HSMTEST_CHILD_MODULE")), input: bufio.NewReader(os.Stdin)}
	c.start()
	return c
}

func (c *child) start() {
	must(c.module.Initialize())
	c.open(0)
}

// open opens a session with the first token.
func (c *child) open(flag uint) {
	slots, err := c.module.GetSlotList(true)
	must(err)
	c.session, err = c.module.OpenSession(slots[0], pkcs11.CKF_SERIAL_SESSION|flag)
	must(err)
}

// must ends the child if something fails that only prepares a step.
func must(err error) {
	if err != nil {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
}

func (c *child) run(steps []string) {
	for _, step := range steps {
		name, argument, _ := strings.Cut(step, "=")
		c.step(name, argument)
	}
	c.module.Finalize()
	fmt.Println("done")
}

func (c *child) step(name, argument string) {
	switch name {
	case "login":
		c.login(argument)
		c.module.Logout(c.session)
	case "stay":
		c.login(argument)
	case "state":
		info, err := c.module.GetSessionInfo(c.session)
		must(err)
		fmt.Println("state", info.State)
	case "rw":
		c.open(pkcs11.CKF_RW_SESSION)
	case "sign":
		c.sign()
	case "restart":
		c.module.Finalize()
		c.start()
	case "wait":
		fmt.Println("wait")
		c.input.ReadString('\n')
	}
}

func (c *child) login(pin string) {
	begin := time.Now()
	err := c.module.Login(c.session, pkcs11.CKU_USER, pin)
	fmt.Println("login", code(err), begin.UnixNano(), time.Now().UnixNano())
}

// sign signs with the first private key.
func (c *child) sign() {
	must(c.module.FindObjectsInit(c.session, []*pkcs11.Attribute{pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_PRIVATE_KEY)}))
	keys, _, err := c.module.FindObjects(c.session, 1)
	must(err)
	must(c.module.FindObjectsFinal(c.session))
	must(c.module.SignInit(c.session, []*pkcs11.Mechanism{pkcs11.NewMechanism(pkcs11.CKM_SHA512_RSA_PKCS, nil)}, keys[0]))
	signature, err := c.module.Sign(c.session, []byte("a message"))
	fmt.Printf("sign %s %x\n", code(err), signature)
}

// code returns a call's return value.
func code(err error) string {
	rv := pkcs11.Error(pkcs11.CKR_OK)
	if err != nil && !errors.As(err, &rv) {
		return err.Error()
	}
	return fmt.Sprintf("0x%x", uint(rv))
}

// command returns a child that takes these steps with the shim.
func command(shim *hsmtest.Shim, steps ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+strings.Join(steps, " "), "HSMTEST_CHILD_MODULE="+shim.Module, "GORACE=atexit_sleep_ms=0")
	return cmd
}

// start starts a child.
func start(t *testing.T, shim *hsmtest.Shim, steps ...string) *childProcess {
	t.Helper()
	return startIn(t, nil, shim, steps...)
}

// startIn is start with more in the environment of the child.
func startIn(t *testing.T, env []string, shim *hsmtest.Shim, steps ...string) *childProcess {
	t.Helper()
	r := &childProcess{cmd: command(shim, steps...)}
	r.cmd.Env = append(r.cmd.Env, env...)
	r.cmd.Stderr = &r.stderr
	var err error
	if r.input, err = r.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	output, err := r.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	r.output = bufio.NewScanner(output)
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { // of a test that failed before end
		r.cmd.Process.Kill()
		r.cmd.Wait()
	})
	return r
}

// childProcess is a child that runs.
type childProcess struct {
	cmd    *exec.Cmd
	input  io.WriteCloser
	output *bufio.Scanner
	stderr strings.Builder
}

// line returns the next line that the child says; "" at its end.
func (r *childProcess) line() string {
	if !r.output.Scan() {
		return ""
	}
	return r.output.Text()
}

// next wakes the child from a step wait, which it is at or comes to.
func (r *childProcess) next(t *testing.T) {
	t.Helper()
	if _, err := io.WriteString(r.input, "\n"); err != nil {
		t.Fatal(err)
	}
}

// end returns the words with which the child's lines begin, a word for each step with a
// result, and how it ended: "done", or what ended it before that.
func (r *childProcess) end(t *testing.T) (results []string, ended string) {
	t.Helper()
	for line := r.line(); line != ""; line = r.line() {
		if line == "done" {
			ended = line
			continue
		}
		results = append(results, strings.Fields(line)[1])
	}
	r.cmd.Wait()
	if ended == "" {
		ended = r.cmd.ProcessState.String()
	}
	return results, ended
}
