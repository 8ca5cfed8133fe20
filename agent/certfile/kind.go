package certfile

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/ber"
)

// kind is what something is.
type kind int

const (
	unknown kind = iota
	certificate
	pkcs7
	pkcs12
	pkcs1
	pkcs8
	encryptedPKCS8
	legacyPEM // a key in a block with the header Proc-Type
	ecKey
	dsaKey
	request
	revocations
	publicKey
	message
	openSSH
	openSSHPublic
	putty
	javaStore
	archive
	document
	webPage
	mail
)

// words has for people what each kind is, what to do for a certificate, and what for a key.
var words = map[kind]struct{ is, certificate, key string }{
	certificate:   {"certificates", "", "the key is in another file, or on the device on which its request was made; give a PKCS#12 file (.p12, .pfx) or the key's own file"},
	pkcs7:         {"a PKCS#7 bundle without any", "ask the CA for the certificate as PEM", "a PKCS#7 bundle never has the key; give a PKCS#12 file (.p12, .pfx) or the key's own file"},
	pkcs12:        {"a PKCS#12 file, which has a key and its certificate under one password", "put both onto the device with: anaplan-agent import", ""},
	request:       {"a certificate request (CSR)", "send it to the CA, and give the file that the CA sends back", "a request never has the key; give the file of the key that it was made with"},
	revocations:   {"a list of revoked certificates (CRL)", "give the certificate that the CA issued", "give a PKCS#12 file (.p12, .pfx) or the key's own file"},
	publicKey:     {"a public key", "give the certificate that the CA issued for it", "give the private key, or a PKCS#12 file (.p12, .pfx)"},
	message:       {"an encrypted or unsigned PKCS#7 message", "open it in the mail program, and save what is in it", "open it in the mail program, and save what is in it"},
	openSSH:       {"an OpenSSH key", "give the certificate that the CA issued", "turn a copy of it into PEM with: ssh-keygen -p -m PEM -f FILE; a certificate that is in the same file is lost then: give the file as it is now with --certificate FILE"},
	openSSHPublic: {"an OpenSSH public key", "give the certificate that the CA issued for it", "give the private key, whose file has no .pub at the end of its name"},
	putty:         {"a PuTTY key", "give the certificate that the CA issued", "let puttygen export it in OpenSSH's format, and give that file"},
	javaStore:     {"a Java key store (JKS)", javaAdvice, javaAdvice},
	archive:       {"a ZIP or gzip archive", "unpack it, and give the certificate in it", "unpack it, and give the file in it"},
	document:      {"a document", "give the certificate's own file: .pem, .crt, .cer or .p7b", "give a PKCS#12 file (.p12, .pfx) or the key's own file"},
	webPage:       {"a web page or XML", "the download may have needed a login: get it again in the browser", "the download may have needed a login: get it again in the browser"},
	mail:          {"a mail", "save the attachment, and give that", "save the attachment, and give that"},
	unknown:       {"something else", "give a certificate as PEM, DER or PKCS#7 (.pem, .crt, .cer, .p7b)", "give a PKCS#12 file (.p12, .pfx) or a key as PEM"},
}

const javaAdvice = "turn it into PKCS#12 with: keytool -importkeystore -srckeystore FILE -destkeystore key.p12 -deststoretype PKCS12"

// noCertificate says what there is in place of a certificate.
func noCertificate(k kind) error {
	if k.isKey() {
		return fmt.Errorf("%w but a private key: give the certificate that the CA issued, which comes in a file of its own", ErrNoCertificate)
	}
	return fmt.Errorf("%w but %s: %s", ErrNoCertificate, words[k].is, words[k].certificate)
}

// noKey says what there is in place of a key.
func noKey(k kind) error { return fmt.Errorf("%w but %s: %s", ErrNoKey, words[k].is, words[k].key) }

func (k kind) isKey() bool {
	return slices.Contains([]kind{pkcs1, pkcs8, encryptedPKCS8, legacyPEM, ecKey, dsaKey}, k)
}

// kindOf returns what DER is, by its shape.
func kindOf(der []byte) kind {
	top := ber.PartsOf(der)
	switch is := ber.Shape(top); {
	case is == "ssb":
		return kindOfSigned(ber.Shape(ber.Parts(top[0])))
	case is == "o0":
		return kindOfContent(ber.OID(top[0]))
	case is == "is", is == "iss":
		if ber.Shape(ber.Parts(top[1])) == "o0" { // RFC 7292 section 4
			return pkcs12
		}
	case strings.HasPrefix(is, "iiiiiiiii"): // RFC 8017 appendix A.1.2
		return pkcs1
	case is == "iiiiii": // openssl's own
		return dsaKey
	case strings.HasPrefix(is, "isx"): // RFC 5958 section 2
		return pkcs8
	case strings.HasPrefix(is, "ix"): // RFC 5915 section 3
		return ecKey
	case is == "sx": // RFC 5958 section 3
		if strings.HasPrefix(ber.Shape(ber.Parts(top[0])), "o") {
			return encryptedPKCS8
		}
	case is == "sb", is == "ii":
		return publicKey
	}
	return unknown
}

// kindOfSigned is kindOf for what consists of content, algorithm and signature: certificates
// (RFC 5280 section 4.1), lists of revoked ones (5.1) and requests (RFC 2986 section 4).
func kindOfSigned(content string) kind {
	switch {
	case strings.HasPrefix(content, "0issss"), strings.HasPrefix(content, "isssss"):
		return certificate
	case strings.HasPrefix(content, "isst"), strings.HasPrefix(content, "sst"):
		return revocations
	case strings.HasPrefix(content, "iss"):
		return request
	}
	return unknown
}

// kindOfContent is kindOf for what begins with an object identifier (RFC 5652 section 3).
func kindOfContent(oid string) kind {
	switch oid {
	case oidSignedData:
		return pkcs7
	case oidData, oidEnvelopedData, oidEncryptedData:
		return message
	}
	return unknown
}

// kindOfOther returns what data is that is neither PEM nor DER, by how it begins.
func kindOfOther(data []byte) kind {
	data = bytes.TrimLeft(data, " \t\r\n")
	for _, known := range []struct {
		start string
		kind  kind
	}{
		{openSSHMagic, openSSH}, {"ssh-", openSSHPublic}, {"ecdsa-sha2-", openSSHPublic}, {"PuTTY-User-Key-File", putty},
		{"\xfe\xed\xfe\xed", javaStore}, {"\xce\xce\xce\xce", javaStore},
		{"PK\x03\x04", archive}, {"\x1f\x8b", archive}, {"7z\xbc\xaf", archive},
		{"%PDF", document}, {"{\\rtf", document}, {"\xd0\xcf\x11\xe0", mail},
		{"<", webPage}, {"MIME-Version:", mail}, {"Received:", mail}, {"Return-Path:", mail}, {"From:", mail},
	} {
		if bytes.HasPrefix(data, []byte(known.start)) {
			return known.kind
		}
	}
	return unknown
}
