//go:build cgo || windows

package piv

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
	yubikey "github.com/go-piv/piv-go/v2/piv"
)

// A card that knows the standard's commands only, as a government's does, is none that piv-go opens:
// that asks for a version of Yubico's at once, and speaks T=1 only. What a login needs of it is three commands, which are
// here. It has no serial number to be addressed by, tells nothing of a key but its certificate, and
// is not written to.

// chuid is the object that holds a card's GUID, and tagGUID where (NIST SP 800-73-4 part 1, tables 3
// and 9).
const (
	chuid   = 0x5fc102
	tagGUID = 0x34

	sizeGUID = 16 // bytes
)

// guid returns what tells the card from others; "" where it has none, or zeros.
func (r *rawCard) guid() string {
	object, err := r.object(chuid)
	if err != nil {
		return ""
	}
	inner, _ := element(object, tagObject)
	guid, _ := element(inner, tagGUID)
	if len(guid) != sizeGUID || bytes.Count(guid, []byte{0}) == sizeGUID {
		return ""
	}
	return hex.EncodeToString(guid)
}

// verifyPIN sends a PIN. Its errors are those of piv-go or read as they do.
func (c *card) verifyPIN(pin []byte) error {
	if c.raw == nil {
		return c.yk.VerifyPIN(string(pin)) // which copies it; neither copy can be overwritten from here
	}
	filled := slices.Concat(pin, []byte("\xff\xff\xff\xff\xff\xff\xff\xff"))[:maxPIN]
	defer clear(filled[:cap(filled)])
	_, err := c.raw.command(0x20, 0x00, referencePIN, filled)
	return err
}

// retries asks for the PIN's counter, as piv-go's Retries does.
func (c *card) retries() (int, error) {
	if c.raw == nil {
		return c.yk.Retries()
	}
	_, err := c.raw.command(0x20, 0x00, referencePIN, nil)
	if err == nil {
		return 0, errors.New("the PIN is verified")
	}
	if tries := triesIn(err); tries >= 0 {
		return tries, nil
	}
	return 0, err
}

// signer returns the key in a slot. The policy says that piv-go need not care for the PIN.
func (c *card) signer(slot pivuri.Slot, public *rsa.PublicKey) (crypto.Signer, error) {
	if c.raw != nil {
		return &plainKey{c.raw, slot, public}, nil
	}
	private, err := c.yk.PrivateKey(slotOf(slot), public, yubikey.KeyAuth{PINPolicy: yubikey.PINPolicyNever})
	if err != nil {
		return nil, err
	}
	return private.(crypto.Signer), nil
}

// plainKey is an RSA key on a card that piv-go does not open.
type plainKey struct {
	raw    *rawCard
	slot   pivuri.Slot
	public *rsa.PublicKey
}

// Public implements crypto.Signer.
func (k *plainKey) Public() crypto.PublicKey { return k.public }

// Sign implements crypto.Signer: GENERAL AUTHENTICATE of a digest that is padded here (NIST SP 800-73-4
// part 2, appendix A.4).
func (k *plainKey) Sign(_ io.Reader, digest []byte, opts crypto.SignerOpts) ([]byte, error) {
	padded, err := pad(opts.HashFunc(), digest, k.public.Size())
	if err != nil {
		return nil, err
	}
	template := slices.Concat(asElement(tagResponse, nil), encoded(asn1.ClassContextSpecific, 1, padded, false))
	answer, err := k.raw.command(0x87, rsaReferences[k.public.N.BitLen()], byte(k.slot), encoded(asn1.ClassApplication, 28, template, true))
	if err != nil {
		return nil, err
	}
	inner, _ := element(answer, tagAuthentication)
	signature, ok := element(inner, tagResponse)
	if !ok {
		return nil, errors.New("there is no signature in it")
	}
	return signature, nil
}

// rsaReferences are the algorithm references of RSA keys by their lengths (NIST SP 800-78-5, table 9;
// for 4096 Yubico's).
var rsaReferences = map[int]byte{2048: 0x07, 3072: 0x05, 4096: 0x16}

// encoded returns a BER element. Tags of one byte and byte strings always encode.
func encoded(class, tag int, value []byte, compound bool) []byte {
	element, _ := asn1.Marshal(asn1.RawValue{Class: class, Tag: tag, Bytes: value, IsCompound: compound})
	return element
}

// hashNames are the hashes that are signed.
var hashNames = map[crypto.Hash]asn1.ObjectIdentifier{
	crypto.SHA256: {2, 16, 840, 1, 101, 3, 4, 2, 1},
	crypto.SHA512: {2, 16, 840, 1, 101, 3, 4, 2, 3},
}

// pad is EMSA-PKCS1-v1_5 (RFC 8017 section 9.2).
func pad(hash crypto.Hash, digest []byte, size int) ([]byte, error) {
	name, known := hashNames[hash]
	if !known {
		return nil, fmt.Errorf("%v is not signed", hash)
	}
	info, err := asn1.Marshal(struct {
		Algorithm pkix.AlgorithmIdentifier
		Digest    []byte
	}{pkix.AlgorithmIdentifier{Algorithm: name, Parameters: asn1.NullRawValue}, digest})
	if err != nil {
		return nil, err
	}
	if len(info) > size-11 {
		return nil, fmt.Errorf("the digest does not fit a key of %d bytes", size)
	}
	padding := slices.Repeat([]byte{0xff}, size-len(info)-3)
	return slices.Concat([]byte{0x00, 0x01}, padding, []byte{0x00}, info), nil
}
