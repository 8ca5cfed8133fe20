// Package certfile reads what people and CAs have in files: certificates, and keys with them.
// The commands enroll, cert, import and rotate use it.
//
//	certs, err := certfile.Certificates(data) // what the CA has sent
//	...
//	leaf, chain, err := certfile.Leaf(certs, key.Public())
//	if other, ok := errors.AsType[*certfile.NoLeafError](err); ok {
//		// they are for other keys: other.Subjects
//	}
//
//	bundle, err := certfile.Keys(data, askPassword) // a PKCS#12 file, or PEM
//	if errors.Is(err, certfile.ErrWrongPassword) { ... }
//
// # What it reads
//
// PEM with blocks in any order, text around them, any kind of line ends, and in UTF-16 as tools
// of Windows write it; DER, one after the other; PKCS#7, in BER too, under whatever label; base64
// of all these without its BEGIN lines; and text that came through JSON, replies, web pages, forms and
// the like. Certificates that crypto/x509 refuses, as far as package
// certread reads them, and each as its CA has written it. The label of a block counts for nothing: what is in it
// does. Keys are PKCS#1 and PKCS#8, in clear or encrypted in the ways of PKCS#5 and PKCS#12 and in
// that of the old PEM header Proc-Type, OpenSSH's own format, and PKCS#12 files of any number of keys.
//
// # What it refuses
//
// Keys that Anaplan does not take: other than RSA, or of less than 2048 bits. What is larger than
// 1 MiB or holds more than 100 certificates or keys, and files that would keep the machine busy
// with rounds of key derivation. Everything that is neither certificate nor key: the error says
// what it is, and what to do. No error tells anything of a key or of a password.
//
// # Why the formats are read here
//
// go-pkcs12 gives one key of a file; its ToPEM gives several, but not from a file with an
// attribute that it does not know, and it reads no BER, which Firefox and Thunderbird write.
// Like youmark/pkcs8 it makes as many rounds of key derivation as the file demands, and the
// latter panics at a ciphertext of odd length. The tests use both, and openssl, as the other
// side.
package certfile
