//go:build cgo

package piv_test

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivtest"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// socketLink is where libpcsclite looks for pcscd. It remembers the first path that it
// was told, so that path is a link, which leads to the stack of the test that runs.
var socketLink string

func TestMain(m *testing.M) {
	pivtest.Main()
	if os.Getenv(helperVariable) != "" {
		helper()
	}
	directory, err := os.MkdirTemp("", "piv")
	if err != nil {
		panic(err)
	}
	socketLink = filepath.Join(directory, "pcscd")
	os.Setenv(socketVariable, socketLink)
	code := m.Run()
	os.RemoveAll(directory)
	os.Exit(code)
}

// socketVariable tells libpcsclite where pcscd's socket is.
const socketVariable = "PCSCLITE_CSOCK_NAME"

// bay is a reader in which cards are changed without pcscd's noticing: it looks every
// 0.4 s only, and what a test is about is seldom the change.
type bay struct {
	mu   sync.Mutex
	card *pivtest.Card
}

func (b *bay) now() *pivtest.Card {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.card
}

func (b *bay) put(card *pivtest.Card) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.card = card
}

func (b *bay) ATR() []byte                    { return b.now().ATR() }
func (b *bay) PowerUp()                       { b.now().PowerUp() }
func (b *bay) Transmit(command []byte) []byte { return b.now().Transmit(command) }
func (b *bay) Thaw()                          { b.now().Thaw() }

// desk is a computer with two readers, the first of which holds a card.
type desk struct {
	*pivtest.Stack
	bay bay
}

// newDesk starts a PC/SC service for the test, and leads this process to it.
func newDesk(t *testing.T) *desk {
	t.Helper()
	d := &desk{Stack: newStack(t, pivtest.StackOptions{})}
	d.put(t, pivtest.Options{})
	d.Insert(0, &d.bay)
	return d
}

// newStack starts a PC/SC service without cards.
func newStack(t *testing.T, options pivtest.StackOptions) *pivtest.Stack {
	t.Helper()
	s := pivtest.NewStackWith(t, options)
	os.Remove(socketLink)
	if err := os.Symlink(s.Socket(), socketLink); err != nil {
		t.Fatal(err)
	}
	return s
}

// put changes the card in the first reader for a new one.
func (d *desk) put(t *testing.T, options pivtest.Options) *pivtest.Card {
	t.Helper()
	card := newCard(t, options)
	d.bay.put(card)
	return card
}

// newCard makes a card whose new keys are those of testKey.
func newCard(t *testing.T, options pivtest.Options) *pivtest.Card {
	t.Helper()
	if options.Keys == nil {
		options.Keys = func(bits int) (*rsa.PrivateKey, error) { return testKey(t, "new", bits), nil }
	}
	card, err := pivtest.NewCard(options)
	if err != nil {
		t.Fatal(err)
	}
	return card
}

// keys are those that testKey has made: making them takes longer than all tests.
var keys sync.Map

// testKey returns an RSA key by name.
func testKey(t *testing.T, name string, bits int) *rsa.PrivateKey {
	make := sync.OnceValue(func() *rsa.PrivateKey {
		key, err := rsa.GenerateKey(rand.Reader, bits)
		if err != nil {
			panic(err)
		}
		return key
	})
	once, _ := keys.LoadOrStore(fmt.Sprint(name, bits), make)
	return once.(func() *rsa.PrivateKey)()
}

// validity is of test certificates; noon is within.
var (
	notBefore = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	notAfter  = time.Date(2026, 12, 31, 0, 0, 0, 0, time.UTC)
	noon      = time.Date(2026, 7, 1, 12, 0, 0, 0, time.UTC)
)

// certify makes a certificate of a public key.
func certify(t *testing.T, public crypto.PublicKey, name string) *x509.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: notBefore, NotAfter: notAfter,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, testKey(t, "CA", 2048))
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

// The policies by their numbers (docs.yubico.com, "PIN and touch policies"), for
// pivtest knows none of piv's.
const (
	never  = 1
	once   = 2
	always = 3

	touchNever  = 1
	touchAlways = 2
	touchCached = 3
)

// pair puts a key and its certificate into a slot.
func pair(t *testing.T, card *pivtest.Card, slot byte, key *rsa.PrivateKey, policy pivtest.Policy) *x509.Certificate {
	t.Helper()
	if err := card.PutKey(slot, key, policy); err != nil {
		t.Fatal(err)
	}
	certificate := certify(t, &key.PublicKey, fmt.Sprintf("slot %x", slot))
	card.PutCertificate(slot, certificate)
	return certificate
}

// usual puts a card with a usual key in 9c into the first reader.
func (d *desk) usual(t *testing.T) *pivtest.Card {
	t.Helper()
	card := d.put(t, pivtest.Options{PIN: pin})
	pair(t, card, 0x9c, testKey(t, "a", 2048), pivtest.Policy{PIN: always, Touch: touchNever})
	return card
}

// pin is that of most test cards.
const pin = "246802"

// asked answers with a PIN, and keeps what it was asked and what it answered.
type asked struct {
	pin      string
	requests []hardware.PINRequest
	returned [][]byte
}

func (a *asked) ask(_ context.Context, request hardware.PINRequest) (hardware.PIN, error) {
	a.requests = append(a.requests, request)
	answer := []byte(a.pin)
	a.returned = append(a.returned, answer)
	return hardware.PIN{Value: answer}, nil
}

// isForgotten fails the test if a PIN that was given is still in memory.
func (a *asked) isForgotten(t *testing.T) {
	t.Helper()
	for _, answer := range a.returned {
		if slices.ContainsFunc(answer, func(b byte) bool { return b != 0 }) {
			t.Error("the PIN is not overwritten")
		}
	}
}

// with returns options that answer with the PIN.
func with(pin string) piv.Options {
	a := &asked{pin: pin}
	return piv.Options{PIN: a.ask, Time: noon}
}

// told keeps notices.
type told struct {
	mu      sync.Mutex
	notices []piv.Notice
}

func (n *told) tell(notice piv.Notice) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.notices = append(n.notices, notice)
}

func (n *told) list() []piv.Notice {
	n.mu.Lock()
	defer n.mu.Unlock()
	return slices.Clone(n.notices)
}

// mustParse parses an address.
func mustParse(t *testing.T, text string) pivuri.URI {
	t.Helper()
	address, err := pivuri.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// message is as long as a login, and is not one.
var message = []byte("a hundred bytes that look like a login, and are not one")

// login opens a key, has it sign, and closes it.
func login(t *testing.T, address string, options piv.Options) ([]byte, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	key, err := piv.Open(ctx, mustParse(t, address), options)
	if err != nil {
		return nil, err
	}
	signature, err := key.SignSHA512(ctx, message)
	if closing := key.Close(); closing != nil {
		t.Errorf("closing: %v", closing)
	}
	return signature, err
}

// mustLogin is login that succeeds, with a signature of the key.
func mustLogin(t *testing.T, address string, options piv.Options, key *rsa.PrivateKey) {
	t.Helper()
	signature, err := login(t, address, options)
	if err != nil {
		t.Fatal(err)
	}
	digest := sha512.Sum512(message)
	if err := rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA512, digest[:], signature); err != nil {
		t.Errorf("the signature does not verify: %v", err)
	}
}

// wantError fails the test if err is not of a kind, or lacks words, or has a PIN in it.
func wantError(t *testing.T, err, kind error, words string) {
	t.Helper()
	if !errors.Is(err, kind) || !strings.Contains(err.Error(), words) {
		t.Errorf("error  %v\nwant   %v with %q", err, kind, words)
	}
	if err != nil && strings.Contains(err.Error(), pin) {
		t.Errorf("the error holds the PIN: %v", err)
	}
}

// isFree reports whether the card can be had.
func (d *desk) isFree() bool {
	c, err := d.ConnectCard(0, true)
	if err != nil {
		return false
	}
	defer c.Close()
	return c.Disconnect(pivtest.LeaveCard) == nil
}

// free fails the test if this process, or anybody, still has the card.
func (d *desk) free(t *testing.T) {
	t.Helper()
	if !d.isFree() {
		t.Error("the card is not let go")
	}
}

// instructions returns the instructions that the card has seen, and forgets them.
func instructions(card *pivtest.Card) string {
	var seen []string
	for _, c := range card.Commands() {
		seen = append(seen, fmt.Sprintf("%02X %02X %02X -> %04X", c.INS, c.P1, c.P2, c.SW))
	}
	card.ForgetCommands()
	return strings.Join(seen, "\n")
}

// count returns how often the card has seen an instruction.
func count(card *pivtest.Card, ins byte) (n int) {
	for _, c := range card.Commands() {
		if c.INS == ins {
			n++
		}
	}
	return n
}
