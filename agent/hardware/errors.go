package hardware

import "errors"

// Errors to branch on. What the device said is in the text of the error that wraps them.
var (
	// ErrNoCgo: the build lacks what talks to the device.
	ErrNoCgo = errors.New("this build was made without cgo")
	// ErrNoKey: there is no private key where the address says.
	ErrNoKey = errors.New("no such key")
	// ErrKeyExists: a key was to be made or imported where there is one already.
	ErrKeyExists = errors.New("the key exists")
	// ErrUnusableKey: the key is not RSA, is shorter than 2048 bits, or does not sign.
	ErrUnusableKey = errors.New("the key cannot log in")

	// ErrNoPublicKey: the device does not tell the public key of a key, which a request needs.
	ErrNoPublicKey = errors.New("the device does not tell its public key")
	// ErrNoCertificate: nothing on the device certifies the key, and no certificate was given.
	ErrNoCertificate = errors.New("no certificate")
	// ErrCertificateExpired: the newest certificate of the key has ended.
	ErrCertificateExpired = errors.New("the certificate has expired")
	// ErrCertificateNotYetValid: the certificate's time has not begun.
	ErrCertificateNotYetValid = errors.New("the certificate is not valid yet")
	// ErrCertificateMismatch: the certificate is that of another key.
	ErrCertificateMismatch = errors.New("the certificate is for another key")
	// ErrNotKept: the device does not keep a certificate that is the key's, and would not another
	// time. A file can.
	ErrNotKept = errors.New("the device does not keep the certificate")
	// ErrNotStored: it has not stored it, and may another time, or not: it does not say.
	ErrNotStored = errors.New("the device did not store the certificate")
	// ErrBadSignature: the public key of the certificate, or of the key itself, does not verify
	// a signature. No such signature leaves hsm or piv.
	ErrBadSignature = errors.New("the device returned a signature that does not verify")
	// ErrPINNeeded: the device wants a PIN and there is no way to get one.
	ErrPINNeeded = errors.New("a PIN is needed")
)
