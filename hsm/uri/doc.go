// Package uri reads, writes and matches PKCS#11 addresses (RFC 7512):
//
//	pkcs11:token=prod;object=login;type=private?module-name=softhsm2
//
// What stands before the "?" says which token and which object on it, what
// stands behind it says how to get there. An attribute that an address does not
// have fits everything, so "pkcs11:" fits every object of every token.
//
//	address, err := uri.Parse("pkcs11:token=prod;object=login")
//	...
//	if address.MatchToken(uri.Token{Label: label, Slot: slot}) { ... }
//
// The package hsm finds modules, tokens and keys with it; agent/config checks
// addresses with it before any device is touched.
//
// It is stricter than RFC 7512 where strictness finds a mistake: an unknown
// attribute is an error unless it begins with "x-", no attribute may occur twice,
// and "&" before the "?" must be written %26, since it most often stands where
// ";" was meant. It refuses pin-value: a PIN in an address is a PIN in the list
// of processes, in shell histories and in logs. Errors never show one.
package uri
