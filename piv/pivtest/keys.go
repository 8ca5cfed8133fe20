package pivtest

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"math/big"
	"slices"
)

// Algorithms of keys (SP 800-78-4 table 6-2, and Yubico's for 5.7).
const (
	algRSA3072 = 0x05
	algRSA1024 = 0x06
	algRSA2048 = 0x07
	algP256    = 0x11
	algP384    = 0x14
	algRSA4096 = 0x16
	algEd25519 = 0xE0
	algX25519  = 0xE1
)

// PIN and touch policies, as GENERATE and METADATA have them (Yubico, PIV extensions).
const (
	PINNever    = 0x01
	PINOnce     = 0x02
	PINAlways   = 0x03
	TouchNever  = 0x01
	TouchAlways = 0x02
	TouchCached = 0x03
)

// Policy is when a key wants PIN and touch; 0 is the slot's own.
type Policy struct {
	PIN, Touch byte
	Generated  bool // tells that the key was made on the card
}

// key is a private key in a slot.
type key struct {
	algorithm byte
	private   privateKey
	exchange  *ecdh.PrivateKey // nil: it agrees on no secrets
	policy    Policy
}

// privateKey is an *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey, or for X25519
// an *ecdh.PrivateKey.
type privateKey interface{ Public() crypto.PublicKey }

// PutKey puts a key into a slot, in place of the one that is there. Keys are RSA of 1024,
// 2048, 3072 and 4096 bits, P-256, P-384, Ed25519 and X25519, on any firmware.
func (c *Card) PutKey(slot byte, private crypto.PrivateKey, policy Policy) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.chip.piv.options.Maker.hasSlot(slot) {
		return fmt.Errorf("there is no slot %02x", slot)
	}
	k, err := newKey(private)
	if err != nil {
		return err
	}
	k.policy = completePolicy(slot, policy)
	c.chip.piv.keys[slot] = k
	return nil
}

// newKey finds the algorithm of a key, and refuses one that no card can hold. The firmware
// is not asked: a test may put a key on a card that could not have made it.
func newKey(private crypto.PrivateKey) (*key, error) {
	switch private := private.(type) {
	case *rsa.PrivateKey:
		for algorithm, bits := range rsaBits {
			if bits == private.N.BitLen() && len(private.Primes) == 2 {
				private.Precompute()
				return &key{algorithm: algorithm, private: private}, nil
			}
		}
	case *ecdsa.PrivateKey:
		switch private.Curve {
		case elliptic.P256():
			return newExchangeKey(algP256, private)
		case elliptic.P384():
			return newExchangeKey(algP384, private)
		}
	case ed25519.PrivateKey:
		return &key{algorithm: algEd25519, private: private}, nil
	case *ecdh.PrivateKey:
		if private.Curve() == ecdh.X25519() {
			return &key{algorithm: algX25519, private: private, exchange: private}, nil
		}
	}
	return nil, fmt.Errorf("no PIV card holds such a key: %T", private)
}

// newExchangeKey returns an EC key, which can agree on secrets too. The standard library
// has another type for that, and refuses a key that is not on its curve.
func newExchangeKey(algorithm byte, private *ecdsa.PrivateKey) (*key, error) {
	exchange, err := private.ECDH()
	return &key{algorithm: algorithm, private: private, exchange: exchange}, err
}

// rsaBits are the lengths of RSA keys by their algorithm.
var rsaBits = map[byte]int{algRSA1024: 1024, algRSA2048: 2048, algRSA3072: 3072, algRSA4096: 4096}

// supports reports whether the firmware has an algorithm. RSA of more than 2048 bits and
// the Edwards curves came with 5.7 (Yubico, 5.7 firmware specifics).
func (p *applet) supports(algorithm byte) bool {
	switch algorithm {
	case algRSA1024, algRSA2048, algP256:
		return true
	case algP384:
		return p.firmware.since(4, 0)
	case algRSA3072, algRSA4096, algEd25519, algX25519:
		return p.firmware.since(5, 7)
	}
	return false
}

// isSlot reports whether a slot can have a key: the four and the twenty retired ones of
// SP 800-73-4 part 1 table 4b. The management key's reference is none of them.
func isSlot(slot byte) bool {
	return slices.Contains([]byte{0x9A, 0x9C, 0x9D, 0x9E}, slot) || slot >= 0x82 && slot <= 0x95
}

// completePolicy fills in the slot's own (SP 800-73-4 part 1 table 4b).
func completePolicy(slot byte, policy Policy) Policy {
	if policy.PIN == 0 {
		policy.PIN = PINOnce
		switch slot {
		case 0x9C:
			policy.PIN = PINAlways
		case 0x9E:
			policy.PIN = PINNever
		}
	}
	if policy.Touch == 0 {
		policy.Touch = TouchNever
	}
	return policy
}

// generate is GENERATE ASYMMETRIC KEY PAIR (SP 800-73-4 part 2 section 3.3.2). The old key
// is gone without a question once the new one is made; the certificate stays, and belongs
// to no key any more, which clients must notice.
func (p *applet) generate(a apdu) ([]byte, uint16) {
	if !p.manager.proved {
		return nil, swSecurityStatus
	}
	tag, template, _, ok := parseTLV(a.data)
	want, well := fields(template)
	algorithm := want[0x80]
	if !ok || !well || tag != 0xAC || len(algorithm) != 1 || !p.supports(algorithm[0]) {
		return nil, swWrongData
	}
	if !p.options.Maker.hasSlot(a.p2) || a.p1 != 0 {
		return nil, swWrongParameters
	}
	policy, ok := readPolicy(want)
	if !ok {
		return nil, swWrongData
	}
	if p.options.Maker.refuses(policy) {
		return nil, swNoFunction
	}
	k, err := p.makeKey(algorithm[0])
	if err != nil {
		return nil, swFailed
	}
	policy.Generated = true
	k.policy = completePolicy(a.p2, policy)
	p.keys[a.p2] = k
	return tlv(0x7F49, k.publicFields()), swOK
}

// readPolicy reads the policies among a command's fields, Yubico's addition to GENERATE
// and IMPORT. What is not there is 0, the slot's own.
func readPolicy(fields map[byte][]byte) (p Policy, ok bool) {
	for tag, at := range map[byte]*byte{0xAA: &p.PIN, 0xAB: &p.Touch} {
		value, given := fields[tag]
		if !given {
			continue
		}
		if len(value) != 1 || value[0] > 3 {
			return p, false
		}
		*at = value[0]
	}
	return p, true
}

// makeKey makes a key of an algorithm that the card supports. The caller holds mu, which
// is let go of while an RSA key is made, since that takes seconds.
func (p *applet) makeKey(algorithm byte) (*key, error) {
	if bits := rsaBits[algorithm]; bits != 0 {
		p.sensor.mu.Unlock()
		private, err := p.options.Keys(bits)
		p.sensor.mu.Lock()
		if err != nil {
			return nil, err
		}
		return newKey(private)
	}
	var private crypto.PrivateKey
	var err error
	switch algorithm {
	case algX25519:
		private, err = ecdh.X25519().GenerateKey(rand.Reader)
	case algP256:
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	case algP384:
		private, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	case algEd25519:
		_, private, err = ed25519.GenerateKey(rand.Reader)
	}
	if err != nil {
		return nil, err
	}
	return newKey(private)
}

// generateRSA is what Options.Keys is without a test's own.
func generateRSA(bits int) (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, bits) }

// publicFields is a public key as GENERATE and METADATA tell it (SP 800-73-4 part 2
// table 11).
func (k *key) publicFields() []byte {
	switch public := k.private.Public().(type) {
	case *rsa.PublicKey:
		return concat(tlv(0x81, public.N.Bytes()), tlv(0x82, big.NewInt(int64(public.E)).Bytes()))
	case *ecdsa.PublicKey:
		point, _ := public.Bytes() // a key of ours
		return tlv(0x86, point)
	case ed25519.PublicKey:
		return tlv(0x86, public)
	case *ecdh.PublicKey:
		return tlv(0x86, public.Bytes())
	}
	return nil
}

// importKey is IMPORT KEY: primes and what follows from them, or a scalar.
func (p *applet) importKey(a apdu) uint16 {
	if !p.manager.proved {
		return swSecurityStatus
	}
	parts, ok := fields(a.data)
	if p.options.Maker.lacksSlot(a.p2) {
		return swWrongParameters
	}
	if !ok || !isSlot(a.p2) || !p.supports(a.p1) {
		return swWrongData
	}
	policy, ok := readPolicy(parts)
	if !ok {
		return swWrongData
	}
	if p.options.Maker.refuses(policy) {
		return swNoFunction
	}
	k, err := keyOfParts(a.p1, parts)
	if err != nil {
		return swWrongData
	}
	k.policy = completePolicy(a.p2, policy)
	p.keys[a.p2] = k
	return swOK
}

// keyOfParts puts a private key together, and refuses parts that do not make one. The tags are
// Yubico's: 1 to 5 for RSA, of which the primes suffice, 6 for a curve's scalar, 7 and 8 for the
// secrets of Ed25519 and X25519.
func keyOfParts(algorithm byte, parts map[byte][]byte) (*key, error) {
	if bits := rsaBits[algorithm]; bits != 0 {
		return rsaOfPrimes(bits, parts[1], parts[2])
	}
	switch algorithm {
	case algP256, algP384:
		curve := map[byte]elliptic.Curve{algP256: elliptic.P256(), algP384: elliptic.P384()}[algorithm]
		private, err := ecdsa.ParseRawPrivateKey(curve, parts[6])
		if err != nil {
			return nil, err
		}
		return newKey(private)
	case algEd25519:
		if len(parts[7]) == ed25519.SeedSize {
			return newKey(ed25519.NewKeyFromSeed(parts[7]))
		}
	case algX25519:
		private, err := ecdh.X25519().NewPrivateKey(parts[8])
		if err != nil {
			return nil, err
		}
		return newKey(private)
	}
	return nil, fmt.Errorf("no key of algorithm %02X", algorithm)
}

// rsaOfPrimes makes an RSA key of its primes, with 65537 as YubiKeys have it. What else
// the host sends, the exponents and the coefficient, follows from them; a key that is
// none must not get in, or its signatures would be wrong much later.
func rsaOfPrimes(bits int, p, q []byte) (*key, error) {
	const exponent = 65537
	one, P, Q := big.NewInt(1), new(big.Int).SetBytes(p), new(big.Int).SetBytes(q)
	n := new(big.Int).Mul(P, Q)
	if n.BitLen() != bits {
		return nil, fmt.Errorf("the primes make %d bits", n.BitLen())
	}
	phi := new(big.Int).Mul(new(big.Int).Sub(P, one), new(big.Int).Sub(Q, one))
	d := new(big.Int).ModInverse(big.NewInt(exponent), phi)
	if d == nil {
		return nil, fmt.Errorf("the primes do not go with the exponent %d", exponent)
	}
	private := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n, E: exponent}, D: d, Primes: []*big.Int{P, Q}}
	if err := private.Validate(); err != nil {
		return nil, err
	}
	return newKey(private)
}

// moveKey is MOVE KEY, or DELETE KEY where the target is FF. The certificate is an object
// apart and stays where it is.
func (p *applet) moveKey(a apdu) uint16 {
	if !p.manager.proved {
		return swSecurityStatus
	}
	k := p.keys[a.p2]
	switch {
	case k == nil:
		return swReferenceNotFound
	case a.p1 == 0xFF:
	case !isSlot(a.p1) || p.keys[a.p1] != nil: // not over another key, nor onto itself
		return swWrongParameters
	default:
		p.keys[a.p1] = k
	}
	delete(p.keys, a.p2)
	return swOK
}
