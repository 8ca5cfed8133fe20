package signer

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha512"
	"errors"
	"fmt"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/certread"
)

// freshWithin is how far the time in a v2 message may be from now. The child has the
// same clock and has just taken it; the rest is for a clock that is being set.
const freshWithin = 5 * time.Minute

// Lengths of login messages in bytes (agent.V1, agent.V2).
const (
	v1Length = 150
	v2Length = 100
)

// verify returns what is wrong with a login that a child has sent.
func verify(login *agent.Login, now time.Time) error {
	if err := verifyMessage(login, now); err != nil {
		return err
	}
	key, ok := login.Certificate.PublicKey.(*rsa.PublicKey)
	if !ok {
		return fmt.Errorf("its certificate is for %s, not an RSA key", certread.KeyName(login.Certificate))
	}
	var err error
	withoutTraces(func() {
		digest := sha512.Sum512(login.Message.Bytes())
		err = rsa.VerifyPKCS1v15(key, crypto.SHA512, digest[:], login.Signature.Bytes())
	})
	if err != nil {
		return errors.New("its signature is not by the key of its certificate")
	}
	return nil
}

// verifyMessage looks at the form of the message: what does not have it would not be a login.
func verifyMessage(login *agent.Login, now time.Time) error {
	length := len(login.Message.Bytes())
	switch login.Format {
	case agent.V1:
		if length != v1Length {
			return fmt.Errorf("its message has %d bytes, and %s has %d", length, agent.V1, v1Length)
		}
	case agent.V2:
		if length != v2Length {
			return fmt.Errorf("its message has %d bytes, and %s has %d", length, agent.V2, v2Length)
		}
		if off := now.Sub(login.MadeAt()); off.Abs() > freshWithin {
			return fmt.Errorf("the time in its message is off by %v", off.Round(time.Second))
		}
	default:
		return fmt.Errorf("%w %q", agent.ErrFormat, login.Format)
	}
	return nil
}
