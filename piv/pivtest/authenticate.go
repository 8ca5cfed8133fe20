package pivtest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"sync"
	"time"
)

// Tags of GENERAL AUTHENTICATE's template 7C (SP 800-73-4 part 2 table 7).
const (
	tagWitness   = 0x80
	tagChallenge = 0x81
	tagResponse  = 0x82
	tagExponent  = 0x85
)

// authenticate is GENERAL AUTHENTICATE (SP 800-73-4 part 2 section 3.2.4), which is for
// signatures, key agreement and the proof of the management key alike. PIN and touch
// come before a look at what is to be signed: a person has touched the card, and used
// up the PIN, though nothing came of it.
func (p *applet) authenticate(a apdu) ([]byte, uint16) {
	tag, value, _, ok := parseTLV(a.data)
	template, well := fields(value)
	if !ok || !well || tag != 0x7C {
		return nil, swWrongData
	}
	if a.p2 == managementKeySlot {
		return p.manager.authenticate(a.p1, template)
	}
	k := p.keys[a.p2]
	if p.options.Maker.lacksSlot(a.p2) {
		return nil, swWrongParameters
	}
	if k == nil {
		return nil, orElse(p.options.Quirks.SignEmpty, swReferenceNotFound)
	}
	if a.p1 != k.algorithm {
		return nil, swWrongParameters
	}
	if sw := p.allow(k); sw != swOK {
		return nil, sw
	}
	result, sw := k.use(template)
	if sw != swOK {
		return nil, sw
	}
	if p.options.Quirks.BadSignatures {
		result[len(result)/2] ^= 1
	}
	return tlv(0x7C, tlv(tagResponse, result)), swOK
}

// allow looks at PIN and touch, and uses the PIN up where the key wants it each time. A
// touch that does not come is 6982 like a PIN that is missing: clients cannot tell one
// from the other by the answer alone.
func (p *applet) allow(k *key) uint16 {
	if k.policy.PIN != PINNever && !p.pins.verified {
		return swSecurityStatus
	}
	if k.policy.PIN == PINAlways {
		p.pins.verified = false
	}
	if k.policy.Touch == TouchCached && time.Since(p.sensor.touched) < touchCache {
		return swOK
	}
	if k.policy.Touch != TouchNever && !p.sensor.touch() {
		return swSecurityStatus
	}
	return swOK
}

// touchCache is how long a touch is good for keys with the policy cached.
const touchCache = 15 * time.Second

// sensor is where a person touches the card.
type sensor struct {
	mu      *sync.Mutex            // the card's
	limit   time.Duration          // how long a touch is waited for
	thawed  func() <-chan struct{} // ends the wait early
	ask     func() bool            // nil: touched at once
	touched time.Time              // when last
}

// touch waits for a touch. The caller holds mu, which is let go of meanwhile.
func (s *sensor) touch() bool {
	ask, thaw := s.ask, s.thawed()
	s.mu.Unlock()
	given := ask == nil || waitForTouch(ask, s.limit, thaw)
	s.mu.Lock()
	if given {
		s.touched = time.Now()
	}
	return given
}

// waitForTouch asks until the time is up, or the card is woken because it is pulled.
func waitForTouch(ask func() bool, limit time.Duration, thaw <-chan struct{}) bool {
	answer := make(chan bool, 1)
	go func() { answer <- ask() }()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case given := <-answer:
		return given
	case <-timer.C:
	case <-thaw:
	}
	return false
}

// use signs, or agrees on a secret. Which, the template says and not the key: a key on a
// curve does both.
func (k *key) use(template map[byte][]byte) ([]byte, uint16) {
	if point, ok := template[tagExponent]; ok {
		return k.agree(point)
	}
	switch private := k.private.(type) {
	case *rsa.PrivateKey:
		return rawRSA(private, template[tagChallenge])
	case *ecdsa.PrivateKey:
		if len(template[tagChallenge]) > (private.Params().BitSize+7)/8 {
			return nil, swWrongData // cutting it is the host's
		}
		return signed(private, template[tagChallenge])
	case ed25519.PrivateKey:
		return signed(private, template[tagChallenge])
	}
	return nil, swWrongData
}

// signed has the standard library sign. It signs a digest, or for Ed25519 the message.
func signed(private crypto.Signer, data []byte) ([]byte, uint16) {
	signature, err := private.Sign(rand.Reader, data, crypto.Hash(0))
	if err != nil || len(data) == 0 {
		return nil, swWrongData
	}
	return signature, swOK
}

// agree is ECDH (SP 800-73-4 part 2 appendix A.5). A point that is not on the curve is
// refused: to use one would give the key away bit by bit.
func (k *key) agree(point []byte) ([]byte, uint16) {
	if k.exchange == nil {
		return nil, swWrongData
	}
	public, err := k.exchange.Curve().NewPublicKey(point)
	if err != nil {
		return nil, swWrongData
	}
	secret, err := k.exchange.ECDH(public)
	if err != nil {
		return nil, swWrongData
	}
	return secret, swOK
}

// rawRSA raises a block to the private exponent: the host has padded it, so that the card
// decrypts in the same way, and does not see what it signs. By the Chinese remainder
// theorem (RFC 8017 section 5.1.2), which takes a quarter of the time. Standard rsa has
// no such bare operation.
func rawRSA(private *rsa.PrivateKey, block []byte) ([]byte, uint16) {
	m := new(big.Int).SetBytes(block)
	if len(block) != private.Size() || m.Cmp(private.N) >= 0 {
		return nil, swWrongData
	}
	p, q := private.Primes[0], private.Primes[1]
	m1 := new(big.Int).Exp(m, private.Precomputed.Dp, p)
	m2 := new(big.Int).Exp(m, private.Precomputed.Dq, q)
	h := new(big.Int).Sub(m1, m2)
	h.Mul(h, private.Precomputed.Qinv).Mod(h, p)
	return h.Mul(h, q).Add(h, m2).FillBytes(make([]byte, private.Size())), swOK
}
