//go:build cgo

package hsm_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// newLogin returns a token with one key and its certificate.
func newLogin(t *testing.T) *hsmtest.Token {
	t.Helper()
	token := hsmtest.NewToken(t)
	a := hsmtest.RSAKey(t, "a")
	token.Put(t, hsmtest.Named("login", 7).Pair(a, hsmtest.Certify(t, a))...)
	return token
}

func TestModuleThatCannotBeUsed(t *testing.T) {
	text := filepath.Join(t.TempDir(), "text.so")
	if err := os.WriteFile(text, bytes.Repeat([]byte("this is not a library\n"), 100), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ path, says string }{
		"missing":   {"/no/such/module.so", "no such file"},
		"text":      {text, "invalid ELF header"},
		"libc":      {libc(t), "not a PKCS#11 module"},
		"directory": {t.TempDir(), "directory"},
	} {
		t.Run(name, func(t *testing.T) {
			address := uri.URI{}.With("module-path", c.path)
			_, err := hsm.Open(t.Context(), address, hsm.Options{})
			wantError(t, "Open", err, hsm.ErrModule, c.says)
			wantError(t, "Open", err, nil, c.path)
			_, err = hsm.List(t.Context(), address, hsm.Options{})
			wantError(t, "List", err, hsm.ErrModule, c.says)
			if hsm.Transient(err) {
				t.Errorf("%v is taken for something that passes", err)
			}
		})
	}
}

// libc returns a library that is loaded into this process and is not a module.
func libc(t *testing.T) string {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Skipf("there is no /proc here: %v", err)
	}
	for line := range strings.Lines(string(maps)) {
		if at := strings.Index(line, "/"); at >= 0 && strings.Contains(line, "libc.so") {
			return strings.TrimSpace(line[at:])
		}
	}
	t.Skip("this process has loaded no libc.so")
	return ""
}

func TestModuleWithoutConfiguration(t *testing.T) {
	module := hsmtest.SoftHSM(t)
	t.Setenv("SOFTHSM2_CONF", filepath.Join(t.TempDir(), "missing.conf"))
	_, err := hsm.Open(t.Context(), uri.URI{}.With("module-path", module), hsm.Options{})
	wantError(t, "Open", err, hsm.ErrModule, "SOFTHSM2_CONF")
	wantError(t, "Open", err, nil, "(CKR_")
}

// TestBlankToken: SoftHSM shows a slot for the next token, and nothing else where it may read nothing.
func TestBlankToken(t *testing.T) {
	token := newLogin(t)
	empty := filepath.Join(t.TempDir(), "softhsm2.conf")
	if err := os.WriteFile(empty, []byte("directories.tokendir = "+t.TempDir()+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOFTHSM2_CONF", empty)
	_, err := hsm.Open(t.Context(), token.Address(t), hsm.Options{})
	wantError(t, "Open", err, hsm.ErrNoToken, "softhsm2-util --init-token --slot 0 --label NAME")
	wantError(t, "Open", err, nil, "It shows no tokens of other users")
}

// TestInitString passes on what NSS needs and SoftHSM refuses.
func TestInitString(t *testing.T) {
	token := newLogin(t)
	_, err := hsm.Open(t.Context(), token.Address(t).With("x-init-reserved", "configdir='/nowhere'"), hsm.Options{})
	wantError(t, "Open", err, hsm.ErrModule, "(CKR_ARGUMENTS_BAD)")
}

func TestAnotherLibrary(t *testing.T) {
	token := newLogin(t)
	_, err := hsm.Open(t.Context(), token.Address(t, ";library-manufacturer=Somebody"), hsm.Options{})
	wantError(t, "Open", err, hsm.ErrModule, "SoftHSM")
	mustSign(t, token.Address(t, ";library-manufacturer=SoftHSM"), hsm.Options{PIN: (&pins{pin: token.PIN}).ask}, &hsmtest.RSAKey(t, "a").PublicKey)
}

func TestNoToken(t *testing.T) {
	token := newLogin(t)
	_, err := hsm.Open(t.Context(), token.Address(t, "s"), hsm.Options{})
	wantError(t, "Open", err, hsm.ErrNoToken, "there are:\n  pkcs11:token=test?module-path=")
	if !hsm.Transient(err) {
		t.Error("a token that is not plugged in may come back")
	}
	_, err = hsm.List(t.Context(), token.Address(t, "s"), hsm.Options{})
	wantError(t, "List", err, hsm.ErrNoToken, "token=test")
}

func TestTwoTokensOfOneLabel(t *testing.T) {
	token := newLogin(t)
	second := hsmtest.InitToken(t, token.Module, token.Label)
	_, err := hsm.Open(t.Context(), token.Address(t), hsm.Options{})
	ambiguous, ok := errors.AsType[*hardware.AmbiguousError](err)
	if !ok || len(ambiguous.Candidates) != 2 {
		t.Fatalf("error %v, want an AmbiguousError of two tokens", err)
	}
	for _, serial := range []string{token.Serial, second.Serial} {
		wantError(t, "Open", err, nil, "serial="+serial)
	}
	for _, candidate := range ambiguous.Candidates {
		address, err := uri.Parse(candidate)
		if err != nil {
			t.Fatal(err)
		}
		if tokens, err := hsm.List(t.Context(), address, hsm.Options{}); err != nil || len(tokens) != 1 {
			t.Errorf("%s leads to %d tokens, %v", candidate, len(tokens), err)
		}
	}
	bySlot := token.Address(t).With("slot-description", fmt.Sprintf("SoftHSM slot ID 0x%x", token.Slot))
	mustSign(t, bySlot, hsm.Options{PIN: (&pins{pin: token.PIN}).ask}, &hsmtest.RSAKey(t, "a").PublicKey)
}

func TestWrongPIN(t *testing.T) {
	token := newLogin(t)
	spied, counts := spy(t, token)
	pin := &pins{pin: "wrong"}
	_, err := hsm.Open(t.Context(), spied.Address(t), hsm.Options{PIN: pin.ask})
	refused, ok := errors.AsType[*hardware.PINError](err)
	if !ok || refused.Locked || refused.Counter.State != hardware.PINLow || !strings.HasPrefix(refused.Text, `token "test": `) {
		t.Fatalf("error %#v, want a PINError with a low counter", err)
	}
	wantError(t, "Open", err, nil, "the PIN is wrong (CKR_PIN_INCORRECT)")
	if n := counts()["C_Login"]; n != 1 || len(pin.requests) != 1 {
		t.Errorf("the PIN was sent %d times and asked for %d times", n, len(pin.requests))
	}
	if hsm.Transient(err) {
		t.Error("a refused PIN is taken for something that passes")
	}
	if strings.Contains(err.Error(), "wrong pin") || !bytes.Equal(pin.returned[0], make([]byte, 5)) {
		t.Error("the PIN was not overwritten")
	}

	again := &pins{pin: token.PIN}
	mustSign(t, token.Address(t), hsm.Options{PIN: again.ask}, &hsmtest.RSAKey(t, "a").PublicKey)
	if again.requests[0].Counter.State != hardware.PINLow {
		t.Errorf("the next question says %v, want that the counter is low", again.requests[0].Counter.State)
	}
	if !bytes.Equal(again.returned[0], make([]byte, len(token.PIN))) {
		t.Error("the PIN was not overwritten")
	}
}

func TestPINNotGiven(t *testing.T) {
	token := newLogin(t)
	spied, counts := spy(t, token)
	failure := errors.New("no terminal")
	for name, c := range map[string]struct {
		ask  hardware.PINFunc
		want error
	}{
		"no way to ask": {nil, hardware.ErrPINNeeded},
		"empty":         {(&pins{}).ask, hardware.ErrPINNeeded},
		"failure":       {func(context.Context, hardware.PINRequest) (hardware.PIN, error) { return hardware.PIN{}, failure }, failure},
	} {
		_, err := hsm.Open(t.Context(), spied.Address(t), hsm.Options{PIN: c.ask})
		wantError(t, name, err, c.want, `token "test"`)
	}
	if n := counts()["C_Login"]; n != 0 {
		t.Errorf("%d logins without a PIN", n)
	}
}

func TestPINRequest(t *testing.T) {
	token := newLogin(t)
	pin := &pins{pin: token.PIN}
	address := token.Address(t, ";object=login").With("pin-source", "file:/run/pin")
	key := mustSign(t, address, hsm.Options{PIN: pin.ask}, &hsmtest.RSAKey(t, "a").PublicKey)
	want := hardware.PINRequest{Device: "test", Serial: token.Serial, Kind: "SoftHSM project/SoftHSM v2", Counter: hardware.FlagCounter(hardware.PINFresh), Source: "file:/run/pin"}
	if pin.requests[0] != want {
		t.Errorf("asked %+v, want %+v", pin.requests[0], want)
	}
	if brief := token.Address(t, ";object=login"); key.Address().String() != brief.String() {
		t.Errorf("the key is at %s, want %s", key.Address(), brief)
	}
}

func TestClosedKey(t *testing.T) {
	token := newLogin(t)
	key := mustSign(t, token.Address(t), hsm.Options{PIN: (&pins{pin: token.PIN}).ask}, &hsmtest.RSAKey(t, "a").PublicKey)
	for range 2 {
		if err := key.Close(); err != nil {
			t.Error(err)
		}
	}
	_, err := key.SignSHA512(t.Context(), message)
	wantError(t, "SignSHA512", err, nil, "closed")
}

func TestTwoKeysOfOneModule(t *testing.T) {
	token := newLogin(t)
	first, second := &pins{pin: token.PIN}, &pins{pin: token.PIN}
	public := &hsmtest.RSAKey(t, "a").PublicKey
	mustSign(t, token.Address(t), hsm.Options{PIN: first.ask}, public)
	key := mustSign(t, token.Address(t), hsm.Options{PIN: second.ask}, public)
	if len(second.requests) != 0 {
		t.Error("a PIN was asked for though the process is logged in")
	}
	if _, err := hsm.Generate(t.Context(), token.Address(t, ";object=new"), hsm.KeySpec{Bits: 2048}, hsm.Options{}); err != nil {
		t.Errorf("Generate beside them: %v", err)
	}
	if _, err := key.SignSHA512(t.Context(), message); err != nil {
		t.Error(err)
	}
	if err := key.Close(); err != nil {
		t.Error(err)
	}
}

func TestCancelledBefore(t *testing.T) {
	token := newLogin(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := hsm.Open(ctx, token.Address(t), hsm.Options{})
	wantError(t, "Open", err, context.Canceled, "")
	if hsm.Transient(err) {
		t.Error("what the caller cancelled is not to be repeated")
	}
}

func TestCancelledWhileAsking(t *testing.T) {
	token := newLogin(t)
	waitForModule(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	_, err := hsm.Open(ctx, token.Address(t), hsm.Options{PIN: func(ctx context.Context, _ hardware.PINRequest) (hardware.PIN, error) {
		defer close(done)
		cancel()
		<-ctx.Done()
		return hardware.PIN{Value: []byte(token.PIN)}, nil
	}})
	<-done
	wantError(t, "Open", err, context.Canceled, "PIN")
}
