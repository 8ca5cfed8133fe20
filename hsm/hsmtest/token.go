//go:build cgo

package hsmtest

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// Token is a token with a user PIN.
type Token struct {
	// Module is the path of the module that shows the token.
	Module string

	// Label, Serial and Slot are what the token says of itself. Two tokens of a
	// module may have one label.
	Label  string
	Serial string
	Slot   uint

	// PIN is the user's.
	PIN string

	// store is SoftHSM's directory of tokens; "" for other modules.
	store string

	// start is what the module wants at C_Initialize; "" for all but NSS.
	start string
}

// The PINs of new tokens. openCryptoki takes 4 to 8 characters.
const (
	userPIN    = "47110815"
	officerPIN = "87654321" // that of openCryptoki's new tokens
)

// NewToken returns a SoftHSM token labelled "test" in a store of its own, which
// goes with the test.
func NewToken(t testing.TB) *Token {
	t.Helper()
	module := SoftHSM(t)
	directory := t.TempDir()
	store := filepath.Join(directory, "tokens")
	// SoftHSM makes no directory, and without one it does not start.
	if err := os.Mkdir(store, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SOFTHSM2_CONF", configure(t, store))
	token := InitToken(t, module, "test")
	token.store = store
	return token
}

// configure writes SoftHSM's configuration for a store, beside it, and returns its path.
func configure(t testing.TB, store string) string {
	t.Helper()
	configuration := filepath.Join(filepath.Dir(store), "softhsm2.conf")
	// Files, because Multiply and Copy copy them; and no log of each call in the machine's.
	text := "directories.tokendir = " + store + "\nobjectstore.backend = file\nlog.level = ERROR\nslots.removable = false\n"
	check(t, "configuring SoftHSM", os.WriteFile(configuration, []byte(text), 0o600))
	return configuration
}

// Copy copies the store of a SoftHSM token into a directory, and returns the variable by
// which processes see the copy in place of it. Several processes on one store disturb each
// other, and making a token again takes longer.
func (k *Token) Copy(t testing.TB, directory string) (variable string) {
	t.Helper()
	store := filepath.Join(directory, "tokens")
	check(t, "copying a store", os.CopyFS(store, os.DirFS(k.store)))
	return "SOFTHSM2_CONF=" + configure(t, store)
}

// InitToken initialises a token in the first free slot of a module that is not in
// use.
func InitToken(t testing.TB, module, label string) *Token {
	t.Helper()
	token := &Token{Module: module, Label: label, PIN: userPIN}
	withModule(t, token, func(p *pkcs11.Ctx) {
		slot := freeSlot(t, p)
		check(t, "C_InitToken", p.InitToken(slot, officerPIN, label))
		session, err := p.OpenSession(slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
		check(t, "C_OpenSession", err)
		check(t, "C_Login", p.Login(session, pkcs11.CKU_SO, officerPIN))
		// Only the officer may set the user's PIN (PKCS#11 section 5.5, C_InitPIN).
		check(t, "C_InitPIN", p.InitPIN(session, userPIN))
		info, err := p.GetTokenInfo(slot)
		check(t, "C_GetTokenInfo", err)
		token.Serial = info.SerialNumber
	})
	// In a second start of the module, for SoftHSM numbers its slots again in each.
	withModule(t, token, func(p *pkcs11.Ctx) { token.Slot = slotOf(t, p, token) })
	return token
}

// freeSlot returns the first slot whose token is not initialised.
func freeSlot(t testing.TB, p *pkcs11.Ctx) uint {
	t.Helper()
	slots, err := p.GetSlotList(true)
	check(t, "C_GetSlotList", err)
	for _, slot := range slots {
		info, err := p.GetTokenInfo(slot)
		// Never one that is initialised: C_InitToken would destroy what is on it.
		if err == nil && info.Flags&pkcs11.CKF_TOKEN_INITIALIZED == 0 {
			return slot
		}
	}
	t.Fatal("the module has no free slot")
	return 0
}

// slotOf finds the token again: SoftHSM gives it another slot once it is
// initialised and the module started again.
func slotOf(t testing.TB, p *pkcs11.Ctx, token *Token) uint {
	t.Helper()
	slots, err := p.GetSlotList(true)
	check(t, "C_GetSlotList", err)
	for _, slot := range slots {
		info, err := p.GetTokenInfo(slot)
		// By both: tests make two tokens of one label, and TPMs have no serial number.
		if err == nil && info.Label == token.Label && info.SerialNumber == token.Serial {
			return slot
		}
	}
	t.Fatalf("the token %q is gone", token.Label)
	return 0
}

// ChangePIN gives the token another user PIN, for tests that look for it everywhere: that of new
// tokens is too plain not to stand somewhere by chance.
func (k *Token) ChangePIN(t testing.TB, pin string) {
	t.Helper()
	withModule(t, k, func(p *pkcs11.Ctx) {
		session, err := p.OpenSession(slotOf(t, p, k), pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
		check(t, "C_OpenSession", err)
		check(t, "C_SetPIN", p.SetPIN(session, k.PIN, pin))
	})
	k.PIN = pin
}

// Address returns the address of the token, with more before the "?", such as
// ";object=login".
func (k *Token) Address(t testing.TB, more ...string) uri.URI {
	t.Helper()
	text := "pkcs11:token=" + k.Label + strings.Join(more, "")
	if k.start != "" {
		text += "?x-init-reserved=" + url.PathEscape(k.start) // NSS takes it, and its kin
	}
	address, err := uri.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return address.With("module-path", k.Module)
}

// Through returns the same token seen through another module, such as a spy that
// stands in front of the token's own. The environment must tell that one where to
// go on.
func (k *Token) Through(module string) *Token {
	other := *k
	other.Module = module
	return &other
}

// withModule initialises the token's module for the time of work, and no longer:
// crypto11, which hsm uses, does not take a module that is in use. It goes by miekg/pkcs11
// alone, so that hsm is not tested with itself.
func withModule(t testing.TB, token *Token, work func(*pkcs11.Ctx)) {
	t.Helper()
	p := pkcs11.New(token.Module)
	if p == nil {
		t.Fatalf("%s does not load", token.Module)
	}
	defer p.Destroy()
	var options []pkcs11.InitializeOption
	if token.start != "" {
		options = append(options, pkcs11.InitializeWithReserved(cString(token.start)))
	}
	check(t, "C_Initialize", p.Initialize(options...))
	defer p.Finalize()
	work(p)
}

// check ends the test if a call failed that only prepares it.
func check(t testing.TB, call string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", call, err)
	}
}
