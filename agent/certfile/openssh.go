package certfile

import (
	"cmp"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/crypto/ssh"
)

// OpenSSH's own format of keys (openssh-portable, PROTOCOL.key). Package ssh reads it; here is what it
// does not: who has made the file decides for how long its password is computed with.

// openSSHLabel is that of a block in PEM, and openSSHMagic how what is in it begins.
const (
	openSSHLabel = "OPENSSH PRIVATE KEY"
	openSSHMagic = "openssh-key-v1\x00"
)

// bcryptRound is one of OpenSSH's rounds in the rounds that decrypter.spend counts. ssh-keygen asks for
// 16 or 24 of them.
const bcryptRound = 10_000

// maxOpenSSH bounds a block, and with it the numbers of a key.
const maxOpenSSH = 2 * maxKeyDER

// openSSHBlock is what is to be seen without the password.
type openSSHBlock struct {
	Cipher, KDF, Options string
	Keys                 uint32
	Public, Private      []byte
	Rest                 []byte `ssh:"rest"`
}

// addOpenSSH takes a key, and clears what it was read from.
func (l *load) addOpenSSH(block []byte, ask asker) error {
	defer clear(block)
	var seen openSSHBlock
	var public struct {
		Type string
		Rest []byte `ssh:"rest"`
	}
	broken := damaged("the OpenSSH key in it has a wrong structure")
	if len(block) > maxOpenSSH || ssh.Unmarshal(block[len(openSSHMagic):], &seen) != nil || ssh.Unmarshal(seen.Public, &public) != nil {
		return broken
	}
	switch {
	case public.Type != ssh.KeyAlgoRSA:
		l.refused = cmp.Or(l.refused, error(&UnsupportedError{openSSHKind(public.Type), rsaOnly}))
		return nil
	case !slices.Contains([]string{"none", "aes256-ctr", "aes256-cbc"}, seen.Cipher):
		l.note(openSSH) // ssh-keygen reads it
		return nil
	}
	key, err := l.openOpenSSH(block, seen, ask)
	if _, isRSA := key.(*rsa.PrivateKey); err == nil && !isRSA {
		err = broken
	}
	if err != nil {
		return err
	}
	return l.addKey(x509.MarshalPKCS1PrivateKey(key.(*rsa.PrivateKey)), "")
}

// openOpenSSH returns the key of a block.
func (l *load) openOpenSSH(block []byte, seen openSSHBlock, ask asker) (key any, err error) {
	text := pem.EncodeToMemory(&pem.Block{Type: openSSHLabel, Bytes: block})
	defer clear(text)
	if seen.Cipher == "none" {
		key, err = ssh.ParseRawPrivateKey(text)
	} else {
		var password []byte
		if password, err = l.passwordFor(seen, ask); err != nil {
			return nil, err
		}
		key, err = ssh.ParseRawPrivateKeyWithPassphrase(text, password)
	}
	switch {
	case errors.Is(err, x509.IncorrectPasswordError):
		return nil, ErrWrongPassword
	case err != nil:
		return nil, damaged("the OpenSSH key in it cannot be read")
	}
	return key, nil
}

// passwordFor asks for the password of a block, which is not empty: ssh-keygen encrypts nothing then.
func (l *load) passwordFor(seen openSSHBlock, ask asker) ([]byte, error) {
	var options struct {
		Salt   string
		Rounds uint32
	}
	if ssh.Unmarshal([]byte(seen.Options), &options) != nil {
		return nil, damaged("the OpenSSH key in it does not say how its password is used")
	}
	if err := l.spend(int(min(options.Rounds, maxRounds)), bcryptRound); err != nil {
		return nil, err
	}
	password, err := ask()
	if err == nil && len(password) == 0 {
		err = ErrWrongPassword
	}
	return password, err
}

// openSSHKind is what a key is by OpenSSH's name for its type.
func openSSHKind(name string) string {
	switch {
	case name == ssh.KeyAlgoED25519:
		return "an Ed25519 key"
	case strings.HasPrefix(name, "ecdsa-sha2-"):
		return "an elliptic curve key"
	}
	return fmt.Sprintf("an OpenSSH key of type %.40q", name)
}
