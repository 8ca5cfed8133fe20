// Package hsm signs with an RSA key in a PKCS#11 token: a network HSM, a TPM, a
// USB token, SoftHSM.
//
// A key is named by an RFC 7512 address:
//
//	address, err := uri.Parse("pkcs11:token=prod;object=login?module-name=softhsm2")
//	...
//	key, err := hsm.Open(ctx, address, hsm.Options{PIN: ask})
//	...
//	defer key.Close()
//	signature, err := key.SignSHA512(ctx, message)
//
// The package trusts the certificate and not the handle: the public key is the
// certificate's, key and certificate are paired by their public keys, and no
// signature leaves the package that the certificate's public key does not
// verify. It refuses to guess: an address that fits two keys which have
// certificates, valid or not, is an error that lists both.
//
// Two libraries serve it. crypto11 serves Generate and StoreCertificate, for modules that start and
// list their slots as most do, tokens with more than one read/write session, and processes with no
// other Key open. miekg/pkcs11 serves all others: modules that want parameters at their start (NSS),
// no arguments or no threads, tokens that come while slots are listed, slots that do not answer, and
// tokens with one read/write session, and modules that crash or hang when they close. It serves everybody's reading and signing, in read-only
// sessions, and Import, StoreChain and Delete, which must know what they have made.
//
// PKCS#11 modules are C libraries. They need cgo: without it every function
// fails with hardware.ErrNoCgo.
package hsm

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"errors"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/modules"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// Errors to branch on, beside those of package hardware. What the module or the loader said
// is in the text of the error that wraps them.
var (
	// ErrModule: the module is not there, is not a PKCS#11 library, or does not initialise.
	ErrModule = modules.ErrModule
	// ErrNoToken: no token fits the address.
	ErrNoToken = errors.New("no such token")
	// ErrNoImport: the token takes no private keys from outside, or does not keep them to
	// itself.
	ErrNoImport = errors.New("the token takes no private keys from outside")
	// ErrNotMade: the token does not make the key that was asked for, or any, and would not
	// another time. Its maker's tool may.
	ErrNotMade = errors.New("the token does not make this key")
	// ErrNotDeleted: the token does not let keys or certificates be deleted from here, and would not
	// another time.
	ErrNotDeleted = errors.New("the token does not delete it")
)

// Options of all functions. The zero Options are good for tokens without a PIN that
// hold the certificate.
type Options struct {
	// PIN is asked when the token wants one. nil: tokens that want one fail with
	// hardware.ErrPINNeeded (Open), or show only their public objects (List).
	PIN hardware.PINFunc

	// LogIn: somebody has named the PIN, so the token is logged in to also where it does
	// not ask for that (no CKF_LOGIN_REQUIRED), or says that somebody is logged in.
	LogIn bool

	// NoPINPad: the PIN comes from PIN, whatever the token says of a PIN pad
	// (CKF_PROTECTED_AUTHENTICATION_PATH).
	NoPINPad bool

	// Certificate is the key's certificate, where the token does not hold it.
	// nil: it is looked for on the token.
	Certificate *x509.Certificate

	// Public is the key's public key for a request, where the token does not tell it. nil: there is none.
	Public *rsa.PublicKey

	// Closing is given what closes a module that is done with, by the path of its library.
	// Modules crash and hang at their end as well, so a caller that has a result to deliver does
	// that first. It must not block. The module can be opened again once close has returned.
	// nil: it is closed at once, and left behind where that takes longer than 2 seconds.
	Closing func(module string, close func())

	// CloseNow closes a module that is opened again at once to write, and reports whether it has
	// closed: one that crashes or hangs is used on as it is, without crypto11. nil: it is waited for
	// for 2 seconds.
	CloseNow func(module string, close func()) (closed bool)
}

// Token is a token and what is on it.
type Token struct {
	// Address has the module, and the least that finds the token again: its label, or its serial
	// number, or both where one alone means another token as well. Two that have the same of both
	// it does not tell apart.
	Address uri.URI

	// What the token says of itself (PKCS#11 section 3.2), without padding.
	Label        string
	Manufacturer string
	Model        string
	Serial       string
	Kind         string // see hardware.PINRequest

	// Slot is the number of the slot. It may be another one next time.
	Slot uint

	// PIN is the state of the counter after a login, if there was one.
	PIN hardware.PINState

	// Unlock is what to type to unlock the PIN; "": it is not locked.
	Unlock string

	// PINPad: the PIN is typed on the device.
	PINPad bool

	// ChangePIN: the PIN is that of the set-up, and is to be changed (CKF_USER_PIN_TO_BE_CHANGED).
	ChangePIN bool

	// NoPIN: a login asks for none, because private objects show without one, or the token has none.
	NoPIN bool

	// PINOptional: the token says that it wants none (no CKF_LOGIN_REQUIRED). One is asked for where
	// private objects do not show, and a login goes on where there is none.
	PINOptional bool

	// LoggedIn: private objects are listed, by a login or because the token shows some without one. What
	// it says of itself is not enough: some hide their keys and say that they want no login, or that
	// there was one.
	LoggedIn bool

	// Foreign says why objects may be missing that are on the token, and what to do; "": none are, as far as
	// is known.
	Foreign string

	// ReadOnly: nothing can be written to the token (CKF_WRITE_PROTECTED).
	ReadOnly bool

	// Keys are those that the address fits, Certificates those that it fits and
	// those that have to do with the Keys.
	Keys         []KeyInfo
	Certificates []CertificateInfo

	// Err is why the token could not be read to its end; nil if it was.
	Err error
}

// KeyInfo is a private key on a token, or, where nobody has logged in, a public
// key that speaks of one.
type KeyInfo struct {
	// Address is the shortest that means the key: of the token, with the key's label or, where that
	// does not do, its id, or both. Of a key that was just made it has the names that the token gave
	// it, which may not be those that were asked for.
	Address uri.URI
	Label   string
	ID      []byte

	// Type is "RSA 2048", "EC P-256", "Ed25519", or the code in words.
	Type string

	// Public is an *rsa.PublicKey; nil for other types, and where the token does
	// not tell.
	Public crypto.PublicKey

	// Certificate is the one that a login uses; nil without.
	Certificate *x509.Certificate

	// PassedOver are the key's other certificates, and strangers under its id.
	PassedOver []CertificateInfo

	// AlwaysAuthenticate: the key wants its PIN for each signature.
	AlwaysAuthenticate bool

	// NeverExtractable: the key was born in the token and never left it
	// (CKA_NEVER_EXTRACTABLE and CKA_SENSITIVE).
	NeverExtractable bool

	// PublicOnly: what shows is the public key. Whether the private one is there, a login tells.
	PublicOnly bool

	// Problem is why the key cannot log in: it wraps hardware.ErrUnusableKey,
	// hardware.ErrNoCertificate and so on. nil: it can.
	Problem error
}

// Abilities are what a module tells of itself and its tokens, and no login asks for.
type Abilities struct {
	Library string // name, version and maker of the module; "": it does not tell

	// Mechanisms are those of the tokens in the slots that were named, by PKCS#11's numbers (CKM_...).
	Mechanisms map[uint][]uint
}

// CertificateInfo is a certificate on a token.
type CertificateInfo struct {
	Label string
	ID    []byte

	// Certificate is nil if the object is not an X.509 certificate that can be read.
	Certificate *x509.Certificate

	// Note is why the certificate is not used: "expired 2026-01-02", "its key is
	// not on this token", "another certificate ends later"; "" if it is used.
	Note string

	// NoLogin: it is the key's and can be no login's, which Note says: it attests where the key was
	// made (Yubico), or is not stored (CKA_TOKEN is false).
	NoLogin bool
}

// KeySpec says what key Generate makes.
type KeySpec struct {
	// Bits is 2048, 3072 or 4096. Many TPMs cannot do 4096, some not 3072.
	Bits int

	// Before is called when the place is known to be free, right before the key is made: after
	// it there may be a key, whatever happens. Its error ends Generate. nil: nothing is called.
	Before func() error
}
