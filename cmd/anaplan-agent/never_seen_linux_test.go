//go:build cgo

package main

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unicode/utf16"

	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
	"github.com/miekg/pkcs11"
	"github.com/rogpeppe/go-internal/testscript"
)

// TestNeverSeen runs the script whose module prints all that it is called with, which is
// OpenSC's pkcs11-spy behind one of its own that prints to standard output.
func TestNeverSeen(t *testing.T) {
	hsmtest.SoftHSM(t)
	hsmtest.Tool(t, "cc", "cc")
	runScripts(t, func(name string) bool { return name == "never-seen.txtar" }, "SPY", hsmtest.Spy(t))
}

// behindSpy has the token of a shim looked at through pkcs11-spy, which prints all to standard
// error. It returns the address of the key login.
func behindSpy(t *testing.T, shim *hsmtest.Shim) string {
	spy := hsmtest.Spy(t)
	t.Setenv("PKCS11SPY", shim.Module)
	t.Setenv("PKCS11SPY_OUTPUT", "")
	return shim.Through(spy).Address(t, ";object=login").String()
}

// noLoginRequired takes CKF_LOGIN_REQUIRED from a token (PKCS#11 section 3.2).
const noLoginRequired = "clearflags=0x4"

// A key that wants no PIN has a signature all the same.
func TestSignatureWithoutPINIsNotSeen(t *testing.T) {
	token, key := hsmtest.NewToken(t), hsmtest.RSAKey(t, "a")
	name := hsmtest.Named("login", 1)
	token.Put(t, name.Private(key).With(pkcs11.CKA_PRIVATE, false), name.Certificate(hsmtest.Certify(t, key)))
	address := behindSpy(t, token.Behind(t, hsmtest.BuildShim(t), noLoginRequired))
	var r result
	r.run(t, []string{"XDG_STATE_HOME=" + t.TempDir()}, []string{"sign", "--key", address, "--pin", "none"})
	r.want(t, 0, "C_Initialize")
	var payload struct{ EncodedSignedData []byte }
	if err := json.Unmarshal(r.stdout.Bytes(), &payload); err != nil {
		t.Fatalf("%v: %s", err, r.stdout.String())
	}
	if holds(r.stderr.String(), formsOf(payload.EncodedSignedData)) {
		t.Error("the signature is to be seen")
	}
}

// A key that is imported is told to the module, and without a login before it; SoftHSM does
// not take it then.
func TestImportedKeyIsNotSeen(t *testing.T) {
	token, key := hsmtest.NewToken(t), hsmtest.RSAKey(t, "a")
	address := behindSpy(t, token.Behind(t, hsmtest.BuildShim(t), noLoginRequired))
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := slices.Concat(
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}),
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: hsmtest.Certify(t, key).Raw}))
	file := filepath.Join(t.TempDir(), "login.pem")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	var r result
	r.run(t, []string{"XDG_STATE_HOME=" + t.TempDir()}, []string{"import", file, "--key", address, "--pin", "none"})
	if !strings.Contains(r.stderr.String(), "error: token \"test\": storing the private key: ") {
		t.Fatalf("the key has not come to the module: %s", r.stderr.String())
	}
	for _, number := range [][]byte{key.D.Bytes(), key.Primes[0].Bytes(), key.Primes[1].Bytes()} {
		if holds(r.stderr.String(), formsOf(number)) {
			t.Fatal("the key is to be seen")
		}
	}
}

// What ends the program is still told after a module has a PIN, and is told once before.
func TestCrashReport(t *testing.T) {
	for _, where := range []string{"C_OpenSession", "C_Sign"} {
		shim, sign, env := behindShim(t, where+"=hang")
		hung := shim.Hung(t)
		var r result
		cmd := r.newCommand(t, env, append(sign, "--pin", "env:PIN"))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		<-hung.Done()
		cmd.Process.Signal(syscall.SIGQUIT) // of which the Go runtime makes a report, as of a crash
		cmd.Wait()
		if n := strings.Count(r.stderr.String(), "SIGQUIT: quit"); n != 1 {
			t.Errorf("during %s: %d reports: %s", where, n, r.stderr.String())
		}
	}
}

// What cannot be hidden is not begun: the PIN stays here.
func TestWithoutNullDevice(t *testing.T) {
	shim, sign, env := behindShim(t)
	var r result
	cmd := r.newCommand(t, env, append(sign, "--pin", "env:PIN"))
	cmd.Args = append([]string{"sh", "-c", `mount -t tmpfs none /dev && exec "$0" "$@"`}, cmd.Args...)
	cmd.Args[3] = cmd.Path
	cmd.Path = hsmtest.Tool(t, "softhsm", "sh")
	cmd.SysProcAttr = ownMounts()
	cmd.Run()
	r.code = cmd.ProcessState.ExitCode()
	r.want(t, 1, "error: what the device's library prints cannot be hidden", "/dev/null")
	if n := shim.Calls(t, "C_Login"); n != 0 {
		t.Errorf("%d logins", n)
	}
}

// unseenCommand is the command unseen of the scripts: it fails if standard error of the last
// run, or its standard output, or the agent's log hold the PIN that is in one of the variables
// PIN and WRONG, in any form, or a signature in a form in which a module would print it.
//
//	unseen [PAYLOAD...]    of these files, printed by sign, and of logins that were overheard
//	! unseen FILE PAYLOAD  fails unless the file holds them, so that it is known that they would
//	                       have been found
func unseenCommand(ts *testscript.TestScript, neg bool, args []string) {
	pins := []string{ts.Getenv("PIN"), ts.Getenv("WRONG")}
	if neg {
		said := ts.ReadFile(args[0])
		if !holds(said, formsOf([]byte(pins[0]))) || !holds(said, formsOf(signatureIn(ts, args[1]))) {
			ts.Fatalf("%s does not hold the PIN and the signature", args[0])
		}
		return
	}
	said := ts.ReadFile("stdout") + ts.ReadFile("stderr")
	if a := *ts.Value(agentKey{}).(**runningAgent); a != nil {
		said += a.log.String()
	}
	for _, pin := range pins {
		if holds(said, formsOf([]byte(pin))) {
			ts.Fatalf("the PIN %s is to be seen", pin)
		}
	}
	signatures := decoded(ts.Value(secretsKey{}).(*secretList).all())
	for _, payload := range args {
		signatures = append(signatures, signatureIn(ts, payload))
	}
	for _, signature := range signatures {
		if holds(said, formsOf(signature)) {
			ts.Fatalf("a signature is to be seen")
		}
	}
}

// signatureIn returns the signature in a file that sign has printed.
func signatureIn(ts *testscript.TestScript, path string) []byte {
	var payload struct{ EncodedSignedData []byte }
	ts.Check(json.Unmarshal([]byte(ts.ReadFile(path)), &payload))
	return payload.EncodedSignedData
}

// decoded returns those of the secrets that are base64.
func decoded(secrets []string) (found [][]byte) {
	for _, secret := range secrets {
		if data, err := base64.StdEncoding.DecodeString(secret); err == nil {
			found = append(found, data)
		}
	}
	return found
}

func holds(text string, forms []string) bool {
	return slices.ContainsFunc(forms, func(form string) bool { return strings.Contains(text, form) })
}

// formsOf returns how a module may print a secret: as text of one or two bytes a character, and
// in hexadecimal. Of a long one it is the beginning, since a line of hexadecimal holds 16 bytes.
func formsOf(secret []byte) []string {
	secret = secret[:min(len(secret), 12)]
	wide := func(low, high int) string {
		var text strings.Builder
		for _, unit := range utf16.Encode([]rune(string(secret))) {
			text.Write([]byte{byte(unit >> low), byte(unit >> high)})
		}
		return text.String()
	}
	forms := []string{string(secret), wide(0, 8), wide(8, 0)}
	for _, form := range slices.Clone(forms) {
		quoted := strconv.Quote(form) // as it stands in a log
		forms = append(forms, quoted[1:len(quoted)-1])
	}
	for _, separator := range []string{"", " ", ":"} {
		var digits []string
		for _, b := range secret {
			digits = append(digits, hex.EncodeToString([]byte{b}))
		}
		text := strings.Join(digits, separator)
		forms = append(forms, text, strings.ToUpper(text))
	}
	return forms
}

// onlyJSONCommand is the command only-json of the scripts: it fails unless standard output of
// the last run is one value and nothing else.
func onlyJSONCommand(ts *testscript.TestScript, _ bool, _ []string) {
	if said := bytes.TrimSpace([]byte(ts.ReadFile("stdout"))); !json.Valid(said) {
		ts.Fatalf("this is not JSON: %s", said)
	}
}
