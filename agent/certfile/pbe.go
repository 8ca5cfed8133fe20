package certfile

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/des"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509/pkix"
	"encoding/asn1"
	"fmt"
	"hash"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/crypto/pbkdf2"
	"golang.org/x/crypto/scrypt"
)

// maxRounds is how many rounds of key derivation a file can ask for, altogether: some seconds'
// worth, also of the slowest hash. Real ones ask for 2,000 to 600,000 for each thing in it, and the
// passwords that are tried before the right one count.
const maxRounds = 5_000_000

// maxScrypt is how much memory scrypt can ask for. openssl asks for 16 MiB.
const maxScrypt = 64 << 20

// passphrase is a password as the two standards want it.
type passphrase struct {
	wide  []byte // in UTF-16 with a zero at its end, for PKCS#12; nil: none, not even the zero
	plain []byte // in UTF-8, for PKCS#5
	twice []byte // each byte of plain taken for a character, and that in UTF-8; nil: not to be tried
}

// emptyPassphrases returns both that there are: some programs leave the zero out.
func emptyPassphrases() []passphrase { return []passphrase{{wide: []byte{0, 0}}, {}} }

// passphrases returns what programs make of a password. openssl before version 1.1 took each byte
// for a character, and so do all for what is not UTF-8; in PKCS#12 files it did so for PKCS#5, too.
func passphrases(password []byte) []passphrase {
	var all []passphrase
	if utf8.Valid(password) {
		all = append(all, passphrase{wide: widen(utf16.Encode(bytes.Runes(password))), plain: password})
	}
	if !utf8.Valid(password) || bytes.ContainsFunc(password, func(r rune) bool { return r >= utf8.RuneSelf }) {
		units, twice := make([]uint16, len(password)), make([]byte, 0, 2*len(password))
		for i, b := range password {
			units[i], twice = uint16(b), utf8.AppendRune(twice, rune(b))
		}
		all = append(all, passphrase{widen(units), password, twice})
	}
	return all
}

// widen writes UTF-16 with the high bytes first and a zero at its end (RFC 7292 appendix B.1).
func widen(units []uint16) []byte {
	out := make([]byte, 0, 2*len(units)+2)
	for _, u := range units {
		out = append(out, byte(u>>8), byte(u))
	}
	return append(out, 0, 0)
}

// decrypter opens what passwords protect, as long as that is not too much work.
type decrypter struct {
	rounds int // spent so far
	limit  int
}

// spend counts rounds of key derivation, before they are made.
func (d *decrypter) spend(iterations, times int) error {
	if iterations < 1 {
		return damaged("it has no number of rounds for its password")
	}
	if iterations > (d.limit-d.rounds)/times {
		return &UnsupportedError{"a file that asks for more than " + fmt.Sprint(d.limit) + " rounds for its password", "make it again with fewer, as openssl does by itself"}
	}
	d.rounds += iterations * times
	return nil
}

// blockDecrypter is the half of a cipher.Block that is needed.
type blockDecrypter interface {
	BlockSize() int
	Decrypt(dst, src []byte)
}

// decrypt opens what is encrypted in a way of PKCS#5 or PKCS#12. It returns ErrWrongPassword if
// the end is not as it has to be, which of 256 wrong passwords one escapes.
func (d *decrypter) decrypt(algorithm pkix.AlgorithmIdentifier, data []byte, pass passphrase) ([]byte, error) {
	block, iv, err := d.cipherFor(algorithm, pass)
	if err != nil {
		return nil, err
	}
	size := block.BlockSize()
	if len(iv) != size || len(data) == 0 || len(data)%size != 0 {
		return nil, damaged("what is encrypted in it has a wrong length")
	}
	plain := make([]byte, len(data))
	for i := 0; i < len(data); i += size { // CBC
		block.Decrypt(plain[i:i+size], data[i:i+size])
		for j := range size {
			plain[i+j] ^= iv[j]
		}
		iv = data[i : i+size]
	}
	padding := int(plain[len(plain)-1])
	if padding == 0 || padding > size || !bytes.HasSuffix(plain, bytes.Repeat([]byte{byte(padding)}, padding)) {
		clear(plain)
		return nil, ErrWrongPassword
	}
	return plain[:len(plain)-padding], nil
}

// scheme is a cipher with its own way to get a key from a password.
type scheme struct {
	keySize int
	block   func(key []byte) (blockDecrypter, error)
	hash    func() hash.Hash // of PBKDF1; nil: the way of PKCS#12 with SHA-1
}

// schemes are those of RFC 7292 appendix C, and of RFC 8018 appendix A.3, which openssl before
// version 1.1 and old Java encrypt keys by. RC4 and the RC2 of the latter are not among them:
// nothing has written them for decades.
var schemes = map[string]scheme{
	"1.2.840.113549.1.12.1.3": {keySize: 24, block: newTripleDES},
	"1.2.840.113549.1.12.1.4": {keySize: 16, block: newTripleDES},
	"1.2.840.113549.1.12.1.5": {keySize: 16, block: newRC2},
	"1.2.840.113549.1.12.1.6": {keySize: 5, block: newRC2},
	"1.2.840.113549.1.5.3":    {keySize: 8, block: newDES, hash: md5.New},
	"1.2.840.113549.1.5.10":   {keySize: 8, block: newDES, hash: sha1.New},
}

// ciphers are those of PBES2 (RFC 8018 appendix B.2).
var ciphers = map[string]scheme{
	"1.2.840.113549.3.7":      {keySize: 24, block: newTripleDES},
	"2.16.840.1.101.3.4.1.2":  {keySize: 16, block: newAES},
	"2.16.840.1.101.3.4.1.22": {keySize: 24, block: newAES},
	"2.16.840.1.101.3.4.1.42": {keySize: 32, block: newAES},
}

// macs are the hashes of HMAC (RFC 8018 appendix B.1), digests those alone.
var (
	macs = map[string]func() hash.Hash{
		"1.2.840.113549.2.7":  sha1.New,
		"1.2.840.113549.2.8":  sha256.New224,
		"1.2.840.113549.2.9":  sha256.New,
		"1.2.840.113549.2.10": sha512.New384,
		"1.2.840.113549.2.11": sha512.New,
	}
	digests = map[string]func() hash.Hash{
		"1.3.14.3.2.26":          sha1.New,
		"2.16.840.1.101.3.4.2.4": sha256.New224,
		"2.16.840.1.101.3.4.2.1": sha256.New,
		"2.16.840.1.101.3.4.2.2": sha512.New384,
		"2.16.840.1.101.3.4.2.3": sha512.New,
	}
)

func newAES(key []byte) (blockDecrypter, error) { return fromStandard(aes.NewCipher(key)) }
func newDES(key []byte) (blockDecrypter, error) { return fromStandard(des.NewCipher(key)) }

// newTripleDES takes a key of two parts too, the first of which is the third then.
func newTripleDES(key []byte) (blockDecrypter, error) {
	return fromStandard(des.NewTripleDESCipher(append(key[:len(key):len(key)], key...)[:24]))
}

func fromStandard(block cipher.Block, err error) (blockDecrypter, error) { return block, err }

func unknownAlgorithm(what string, algorithm pkix.AlgorithmIdentifier) error {
	return &UnsupportedError{
		fmt.Sprintf("%s of an unknown kind (%v)", what, algorithm.Algorithm),
		"make it again with AES and SHA-256, as openssl 3 does by itself",
	}
}

func (d *decrypter) cipherFor(algorithm pkix.AlgorithmIdentifier, pass passphrase) (blockDecrypter, []byte, error) {
	oid := algorithm.Algorithm.String()
	if oid == oidPBES2 {
		return d.modern(algorithm, pass.plain)
	}
	s, ok := schemes[oid]
	if !ok {
		return nil, nil, unknownAlgorithm("encryption", algorithm)
	}
	var p struct {
		Salt       []byte
		Iterations int
	}
	if err := parameters(algorithm, &p); err != nil {
		return nil, nil, err
	}
	// The most that it takes: two blocks for the key, and one for the vector.
	if err := d.spend(p.Iterations, 3); err != nil {
		return nil, nil, err
	}
	if s.hash != nil {
		h := s.hash() // PBKDF1 (RFC 8018 section 5.1)
		h.Write(pass.plain)
		h.Write(p.Salt)
		both := iterated(h, p.Iterations)
		block, err := s.block(both[:8])
		return block, both[8:16], err
	}
	block, err := s.block(derive(sha1.New(), forKey, pass.wide, p.Salt, p.Iterations, s.keySize))
	return block, derive(sha1.New(), forIV, pass.wide, p.Salt, p.Iterations, 8), err
}

// modern is cipherFor for PBES2 (RFC 8018 section 6.2).
func (d *decrypter) modern(algorithm pkix.AlgorithmIdentifier, password []byte) (blockDecrypter, []byte, error) {
	var p struct{ KDF, Cipher pkix.AlgorithmIdentifier }
	if err := parameters(algorithm, &p); err != nil {
		return nil, nil, err
	}
	c, ok := ciphers[p.Cipher.Algorithm.String()]
	if !ok {
		return nil, nil, unknownAlgorithm("encryption", p.Cipher)
	}
	var iv []byte
	if err := parameters(p.Cipher, &iv); err != nil {
		return nil, nil, err
	}
	key, err := d.stretch(p.KDF, password, c.keySize)
	if err != nil {
		return nil, nil, err
	}
	block, err := c.block(key)
	return block, iv, err
}

// stretch makes a key of a password by PBKDF2 (RFC 8018 appendix A.2) or scrypt (RFC 7914
// section 7). A size of 0 is the one that the file says, by PBKDF2 only.
func (d *decrypter) stretch(kdf pkix.AlgorithmIdentifier, password []byte, size int) ([]byte, error) {
	if kdf.Algorithm.String() == oidScrypt && size > 0 {
		return d.scrypt(kdf, password, size)
	}
	if kdf.Algorithm.String() != oidPBKDF2 {
		return nil, unknownAlgorithm("a password check", kdf)
	}
	var p struct {
		Salt       []byte
		Iterations int
		KeySize    int                      `asn1:"optional"`
		Hash       pkix.AlgorithmIdentifier `asn1:"optional"`
	}
	if err := parameters(kdf, &p); err != nil {
		return nil, err
	}
	newHash := sha1.New
	if p.Hash.Algorithm != nil {
		newHash = macs[p.Hash.Algorithm.String()]
	}
	if newHash == nil {
		return nil, unknownAlgorithm("a password check", p.Hash)
	}
	if size == 0 {
		// With less than 20 bytes a checksum could be guessed (RFC 9579 section 5).
		if size = p.KeySize; size < 20 || size > 64 {
			return nil, damaged("the key of its checksum has a wrong length")
		}
	}
	hashSize := newHash().Size()
	if err := d.spend(p.Iterations, (size+hashSize-1)/hashSize); err != nil {
		return nil, err
	}
	return pbkdf2.Key(password, p.Salt, p.Iterations, size, newHash), nil
}

func (d *decrypter) scrypt(kdf pkix.AlgorithmIdentifier, password []byte, size int) ([]byte, error) {
	var p struct {
		Salt    []byte
		N, R, P int
		KeySize int `asn1:"optional"`
	}
	if err := parameters(kdf, &p); err != nil {
		return nil, err
	}
	if p.N < 2 || p.R < 1 || p.P < 1 || p.R > maxScrypt/128 || p.N > maxScrypt/128/p.R {
		return nil, &UnsupportedError{"a key that asks for too much memory for its password", "make it again without scrypt"}
	}
	if err := d.spend(p.P, 4*p.N*p.R); err != nil {
		return nil, err
	}
	key, err := scrypt.Key(password, p.Salt, p.N, p.R, p.P, size)
	if err != nil {
		return nil, damaged("it has wrong numbers for its password")
	}
	return key, nil
}

// parameters reads what an algorithm has with it.
func parameters(algorithm pkix.AlgorithmIdentifier, p any) error {
	if rest, err := asn1.Unmarshal(algorithm.Parameters.FullBytes, p); err != nil || len(rest) > 0 {
		return damaged("what is said about its encryption cannot be read")
	}
	return nil
}

// What a key that derive makes is for (RFC 7292 appendix B.3).
const (
	forKey = 1
	forIV  = 2
	forMAC = 3
)

// derive is PKCS#12's own way from a password to a key (RFC 7292 appendix B.2).
func derive(h hash.Hash, purpose byte, password, salt []byte, iterations, size int) []byte {
	v := h.BlockSize()
	diversifier := bytes.Repeat([]byte{purpose}, v)
	input := append(fill(salt, v), fill(password, v)...)
	defer clear(input)
	var out []byte
	for len(out) < size {
		h.Reset()
		h.Write(diversifier)
		h.Write(input)
		sum := iterated(h, iterations)
		out = append(out, sum...)
		increase(input, fill(sum, v)[:v])
	}
	return out[:size]
}

// increase adds b and one to each block of the input, taken as a number.
func increase(input, b []byte) {
	for block := range len(input) / len(b) {
		carry := 1
		for i := len(b) - 1; i >= 0; i-- {
			at := &input[block*len(b)+i]
			carry += int(*at) + int(b[i])
			*at, carry = byte(carry), carry>>8
		}
	}
}

// fill repeats data until it fills blocks of that size.
func fill(data []byte, size int) []byte {
	if len(data) == 0 {
		return nil
	}
	full := (len(data) + size - 1) / size * size
	return bytes.Repeat(data, full/len(data)+1)[:full]
}

// iterated hashes what was written, and its hash again, so many times in all.
func iterated(h hash.Hash, iterations int) []byte {
	sum := h.Sum(nil)
	for range iterations - 1 {
		h.Reset()
		h.Write(sum)
		sum = h.Sum(sum[:0])
	}
	return sum
}
