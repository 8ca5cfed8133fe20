// Package certtest makes certificates that break the rules of X.509 as CAs have broken them, for
// tests: crypto/x509 refuses each, other programs take it. They are signed over the bytes that they
// have, so that it shows if somebody has mended them.
//
//	for _, odd := range certtest.Odds() {
//		der := odd.Make(key.Public())
//		...
//	}
package certtest
