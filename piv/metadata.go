//go:build cgo || windows

package piv

import (
	"crypto/rsa"
	"math/big"

	yubikey "github.com/go-piv/piv-go/v2/piv"

	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// The elements of a key's metadata beside tagAlgorithm and tagPolicies, and of an RSA key in it
// (docs.yubico.com, "Get metadata").
const (
	tagOrigin    = 0x03
	tagPublicKey = 0x04
	tagModulus   = 0x81
	tagExponent  = 0x82
)

// metadataAgain reads the metadata of a key that piv-go could not make sense of, and returns its
// error if there is no RSA key in it. CanoKeys have told 0 as a PIN policy, which is none that piv-go
// knows, and numbers of their own for long RSA keys.
func (c *card) metadataAgain(slot pivuri.Slot, because error) (info yubikey.KeyInfo, err error) {
	var metadata []byte
	err = c.byRaw(func(raw *rawCard) (err error) {
		metadata, err = raw.metadata(byte(slot))
		return err
	})
	if err != nil {
		return info, err
	}
	public, _ := element(metadata, tagPublicKey)
	modulus, _ := element(public, tagModulus)
	exponent, _ := element(public, tagExponent)
	e := new(big.Int).SetBytes(exponent)
	if len(modulus) == 0 || e.BitLen() < 2 || e.BitLen() > 31 {
		return info, because
	}
	info.PublicKey = &rsa.PublicKey{N: new(big.Int).SetBytes(modulus), E: int(e.Int64())}
	if policies, _ := element(metadata, tagPolicies); len(policies) == 2 {
		info.PINPolicy, info.TouchPolicy = yubikey.PINPolicy(policies[0]), yubikey.TouchPolicy(policies[1])
	}
	if origin, _ := element(metadata, tagOrigin); len(origin) == 1 {
		info.Origin = yubikey.Origin(origin[0])
	}
	return info, nil
}
