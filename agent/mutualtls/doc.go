// Package mutualtls is how agents and their callers on other machines know each other: by
// certificates of both sides, over TLS 1.3.
//
// An Identity is what a machine has for that, three files of a directory as cert-manager,
// spiffe-helper and a company's PKI write them: tls.crt, tls.key, and ca.crt with the CAs whose
// certificates are taken from others. They are read again when they change. A pair that cannot be
// used changes nothing: the one before stays, and State says why.
//
// Who somebody is, is said by the names in the certificate: its SPIFFE id, and its DNS names. A
// certificate that no CA of ca.crt vouches for, or that has ended or not begun, is refused before
// any request is read; one of a connection that goes on is looked at again with each request.
//
// It refuses older versions of TLS, resumed sessions, which would outlive a CA that was taken out of
// ca.crt, and files that another user of the machine can change.
package mutualtls
