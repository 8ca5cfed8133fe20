package certfile

import (
	"crypto/hmac"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"errors"
	"hash"
	"slices"
	"unicode/utf16"

	"github.com/anaplan-agent/anaplan-agent/agent/ber"
)

// maxBagDepth is how deep bags can lie in bags. Nobody is known to do that at all.
const maxBagDepth = 4

// store is a PKCS#12 file (RFC 7292 section 4).
type store struct {
	safes []byte // what the checksum is over
	mac   *checksum
}

// checksum tells whether a password is right, and the file whole.
type checksum struct {
	Mac struct {
		Algorithm pkix.AlgorithmIdentifier
		Digest    []byte
	}
	Salt       []byte
	Iterations int `asn1:"optional,default:1"`
}

// bag is a certificate or a key of a store.
type bag struct {
	der  []byte
	name string
}

// contents is what is in the bags of a store.
type contents struct {
	certs, keys []bag
	decrypted   int // how many things a password has opened
}

func parseStore(der []byte) (store, error) {
	var s store
	broken := damaged("the PKCS#12 file has a wrong structure")
	top := ber.PartsOf(der)
	safe := ber.Parts(top[1])
	switch ber.OID(safe[0]) {
	case oidData:
	case oidSignedData:
		return s, &UnsupportedError{"a PKCS#12 file that is signed, not protected by a password", "export it again with a password"}
	default:
		return s, broken
	}
	if rest, err := asn1.Unmarshal(safe[1].Bytes, &s.safes); err != nil || len(rest) > 0 {
		return s, broken
	}
	if len(top) == 3 {
		s.mac = new(checksum)
		if rest, err := asn1.Unmarshal(top[2].FullBytes, s.mac); err != nil || len(rest) > 0 {
			return s, broken
		}
	}
	return s, nil
}

// addStore takes what is in a PKCS#12 file.
func (l *load) addStore(der []byte, password asker) error {
	s, err := parseStore(der)
	if err != nil {
		return err
	}
	var found contents
	if err := password.try(func(pass passphrase) (err error) {
		found, err = l.open(s, pass)
		return err
	}); err != nil {
		return err
	}
	for _, cert := range found.certs {
		if err := l.addCertificate(cert.der, cert.name); err != nil {
			return err
		}
	}
	for _, key := range found.keys {
		if err := l.addKey(key.der, key.name); err != nil {
			return err
		}
	}
	return nil
}

// open opens a store with a password. By the checksum and by what comes out together it tells a
// wrong password from a file that has changed.
func (d *decrypter) open(s store, pass passphrase) (contents, error) {
	whole, err := d.verify(s, pass)
	if err != nil {
		return contents{}, err
	}
	if s.mac != nil && !whole && len(pass.plain) == 0 {
		return contents{}, ErrWrongPassword // it was only tried, and what follows is work
	}
	found, err := d.openSafes(s.safes, pass)
	if errors.Is(err, ErrWrongPassword) && pass.twice != nil {
		pass.plain = pass.twice
		found, err = d.openSafes(s.safes, pass)
	}
	switch {
	case s.mac == nil:
		return found, err
	case whole && errors.Is(err, ErrWrongPassword):
		return found, &UnsupportedError{"a PKCS#12 file with a password for itself and another for what is in it", "export it again with one for both"}
	case whole:
		return found, err
	case err == nil && found.decrypted > 0:
		return found, damaged("the password is right, but its checksum says that it has changed since it was made")
	}
	return found, ErrWrongPassword
}

// verify reports whether the checksum of a store is right (RFC 7292 section 4, RFC 9579). The
// password opens a store without one if there is nothing to open.
func (d *decrypter) verify(s store, pass passphrase) (bool, error) {
	if s.mac == nil {
		return false, nil
	}
	algorithm := s.mac.Mac.Algorithm
	if algorithm.Algorithm.String() == oidPBMAC1 {
		var p struct{ KDF, MAC pkix.AlgorithmIdentifier }
		if err := parameters(algorithm, &p); err != nil {
			return false, err
		}
		newHash := macs[p.MAC.Algorithm.String()]
		if newHash == nil {
			return false, unknownAlgorithm("a checksum", p.MAC)
		}
		key, err := d.stretch(p.KDF, pass.plain, 0)
		return err == nil && s.isWhole(hmac.New(newHash, key)), err
	}
	newHash := digests[algorithm.Algorithm.String()]
	if newHash == nil {
		return false, unknownAlgorithm("a checksum", algorithm)
	}
	if err := d.spend(s.mac.Iterations, 1); err != nil {
		return false, err
	}
	h := newHash()
	return s.isWhole(hmac.New(newHash, derive(h, forMAC, pass.wide, s.mac.Salt, s.mac.Iterations, h.Size()))), nil
}

func (s store) isWhole(mac hash.Hash) bool {
	mac.Write(s.safes)
	return hmac.Equal(mac.Sum(nil), s.mac.Mac.Digest)
}

// openSafes returns what is in the bags of all safes (RFC 7292 section 4.1), which may be BER
// even where the file around them is not.
func (d *decrypter) openSafes(data []byte, pass passphrase) (contents, error) {
	var found contents
	der, _, err := ber.DER(data)
	if err != nil {
		return found, damaged("the PKCS#12 file has a wrong structure")
	}
	for _, safe := range ber.PartsOf(der) {
		if err := d.openSafe(safe, pass, &found); err != nil {
			return found, err
		}
	}
	return found, nil
}

func (d *decrypter) openSafe(safe asn1.RawValue, pass passphrase, found *contents) error {
	broken := damaged("a part of the PKCS#12 file has a wrong structure")
	info := ber.Parts(safe)
	if ber.Shape(info) != "o0" {
		return broken
	}
	switch ber.OID(info[0]) {
	case oidData:
		var bags []byte
		if _, err := asn1.Unmarshal(info[1].Bytes, &bags); err != nil {
			return broken
		}
		return d.openBags(bags, pass, found)
	case oidEncryptedData:
		bags, err := d.openEncrypted(info[1].Bytes, pass)
		if err != nil {
			return err
		}
		found.decrypted++
		defer clear(bags)
		if err := d.openBags(bags, pass, found); errors.Is(err, ErrDamaged) {
			return ErrWrongPassword // that the padding was right was chance
		} else {
			return err
		}
	}
	return &UnsupportedError{"a PKCS#12 file that is encrypted for a certificate", "export it again with a password"}
}

// openEncrypted opens EncryptedData (RFC 5652 section 8), whose content can be an octet string in
// pieces.
func (d *decrypter) openEncrypted(der []byte, pass passphrase) ([]byte, error) {
	broken := damaged("an encrypted part of the PKCS#12 file has a wrong structure")
	data := ber.PartsOf(der)
	if ber.Shape(data) != "is" {
		return nil, broken
	}
	info := ber.Parts(data[1])
	if ber.Shape(info) != "os0" {
		return nil, broken
	}
	var algorithm pkix.AlgorithmIdentifier
	if _, err := asn1.Unmarshal(info[1].FullBytes, &algorithm); err != nil {
		return nil, broken
	}
	content := info[2].Bytes
	if info[2].IsCompound {
		var err error
		if content, err = ber.Join(content); err != nil {
			return nil, broken
		}
	}
	return d.decrypt(algorithm, content, pass)
}

// openBags takes what is in bags (RFC 7292 section 4.2). It passes over lists of revoked
// certificates and secrets of other kinds.
func (d *decrypter) openBags(data []byte, pass passphrase, found *contents) error {
	der, _, err := ber.DER(data)
	if err != nil || der[0] != 0x30 {
		return damaged("a part of the PKCS#12 file has a wrong structure")
	}
	return d.openBagsOf(ber.PartsOf(der), pass, found, 0)
}

func (d *decrypter) openBagsOf(bags []asn1.RawValue, pass passphrase, found *contents, depth int) error {
	broken := damaged("a bag of the PKCS#12 file has a wrong structure")
	for _, each := range bags {
		fields := ber.Parts(each)
		if is := ber.Shape(fields); is != "o0" && is != "o0S" || depth > maxBagDepth {
			return broken
		}
		value, name := fields[1].Bytes, nameOf(fields[2:])
		switch ber.OID(fields[0]) {
		case oidKeyBag:
			found.keys = append(found.keys, bag{slices.Clone(value), name})
		case oidShroudedKeyBag:
			key, err := d.openKey(value, pass)
			if err != nil {
				return err
			}
			found.decrypted++
			found.keys = append(found.keys, bag{key, name})
		case oidCertBag:
			if cert := certificateOf(value); cert != nil {
				found.certs = append(found.certs, bag{cert, name})
			}
		case oidSafeContentsBag:
			if err := d.openBagsOf(ber.PartsOf(value), pass, found, depth+1); err != nil {
				return err
			}
		}
	}
	return nil
}

// openKey opens an encrypted PKCS#8 key (RFC 5958 section 3).
func (d *decrypter) openKey(der []byte, pass passphrase) ([]byte, error) {
	var encrypted struct {
		Algorithm pkix.AlgorithmIdentifier
		Data      []byte
	}
	if _, err := asn1.Unmarshal(der, &encrypted); err != nil {
		return nil, damaged("an encrypted key has a wrong structure")
	}
	key, err := d.decrypt(encrypted.Algorithm, encrypted.Data, pass)
	if err == nil && kindOf(key) != pkcs8 {
		return nil, ErrWrongPassword // that the padding was right was chance
	}
	return key, err
}

// certificateOf returns the certificate of a bag; nil if it does not hold one.
func certificateOf(der []byte) []byte {
	fields := ber.PartsOf(der)
	if ber.Shape(fields) != "o0" || ber.OID(fields[0]) != oidX509Certificate {
		return nil
	}
	var cert []byte
	if _, err := asn1.Unmarshal(fields[1].Bytes, &cert); err != nil {
		return nil
	}
	return slices.Clone(cert)
}

// nameOf returns the friendlyName among the attributes of a bag (RFC 2985 section 5.5.1), which is
// UTF-16 with the high bytes first; "" if there is none.
func nameOf(attributes []asn1.RawValue) string {
	if len(attributes) == 0 {
		return ""
	}
	for _, attribute := range ber.Parts(attributes[0]) {
		fields := ber.Parts(attribute)
		if ber.Shape(fields) != "oS" || ber.OID(fields[0]) != oidFriendlyName {
			continue
		}
		if values := ber.Parts(fields[1]); len(values) > 0 && values[0].Tag == asn1.TagBMPString {
			return fromBMP(values[0].Bytes)
		}
	}
	return ""
}

// fromBMP returns a BMPString (X.690, 8.23.9) as UTF-8.
func fromBMP(data []byte) string {
	units := make([]uint16, len(data)/2)
	for i := range units {
		units[i] = binary.BigEndian.Uint16(data[2*i:])
	}
	return string(utf16.Decode(units))
}
