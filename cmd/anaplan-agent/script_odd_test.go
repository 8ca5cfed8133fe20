package main

import (
	"crypto"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"os"
	"slices"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/crypto/ssh"

	"github.com/anaplan-agent/anaplan-agent/agent/ber"
	"github.com/anaplan-agent/anaplan-agent/agent/certtest"
)

// oddCert is the command odd-cert NAME CSR FILE: it issues a certificate that breaks a rule of X.509,
// or one of two that break none.
func oddCert(ts *testscript.TestScript, _ bool, args []string) {
	block, _ := pem.Decode([]byte(ts.ReadFile(args[1])))
	request, err := x509.ParseCertificateRequest(block.Bytes)
	ts.Check(err)
	der := oddDER(ts, args[0], request.PublicKey)
	ts.Check(os.WriteFile(ts.MkAbs(args[2]), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
}

func oddDER(ts *testscript.TestScript, name string, public crypto.PublicKey) []byte {
	switch name {
	case "key for PSS":
		return certtest.Make(public, func(f *certtest.Fields) {
			key := ber.PartsOf(f.Key)
			f.Key = ber.Element(0x30, ber.Element(0x30, certtest.OID(1, 2, 840, 113549, 1, 1, 10)), key[1].FullBytes)
		})
	case "name around the address":
		return certtest.Make(public, func(f *certtest.Fields) {
			address := ber.Element(0x81, []byte("Robot <"+certtest.Email+">"))
			f.Extensions[3] = certtest.Extension(certtest.OID(2, 5, 29, 17), false, ber.Element(0x20|asn1.TagSequence, address))
		})
	}
	odds := certtest.Odds()
	at := slices.IndexFunc(odds, func(odd certtest.Odd) bool { return odd.Name == name })
	if at < 0 {
		ts.Fatalf("there is no odd certificate %q", name)
	}
	return odds[at].Make(public)
}

// opensshKey is the command openssh-key PKCS8 FILE [PASSWORD]: it writes a key in OpenSSH's format.
func opensshKey(ts *testscript.TestScript, _ bool, args []string) {
	read, _ := pem.Decode([]byte(ts.ReadFile(args[0])))
	key, err := x509.ParsePKCS8PrivateKey(read.Bytes)
	ts.Check(err)
	block, err := ssh.MarshalPrivateKey(key, "")
	if len(args) > 2 {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte(args[2]))
	}
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), pem.EncodeToMemory(block), 0o600))
}
