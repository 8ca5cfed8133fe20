package hsm_test

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// askPIN is where a program asks its user.
func askPIN(_ context.Context, request hardware.PINRequest) (hardware.PIN, error) {
	if request.Counter.State == hardware.PINFinalTry {
		return hardware.PIN{}, fmt.Errorf("%w: the next wrong one locks the token %s", hardware.ErrPINNeeded, request.Device)
	}
	pin, err := os.ReadFile("/run/credentials/pin")
	return hardware.PIN{Value: pin}, err
}

func Example() {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	address, err := uri.Parse("pkcs11:token=prod;object=login?module-name=softhsm2")
	if err != nil {
		log.Fatal(err)
	}
	key, err := hsm.Open(ctx, address, hsm.Options{PIN: askPIN})
	if hsm.Transient(err) {
		log.Fatalf("try again later: %v", err)
	}
	if err != nil {
		log.Fatal(err)
	}
	defer key.Close()
	signature, err := key.SignSHA512(ctx, []byte("a message"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(key.Certificate().Subject, len(signature))
}

func ExampleList() {
	address, err := uri.Parse("pkcs11:?module-name=softhsm2")
	if err != nil {
		log.Fatal(err)
	}
	tokens, err := hsm.List(context.Background(), address, hsm.Options{})
	if err != nil {
		log.Fatal(err)
	}
	for _, token := range tokens {
		fmt.Println(token.Address, token.Err)
		for _, key := range token.Keys {
			fmt.Println(" ", key.Address, key.Type, key.Problem)
		}
	}
}

// A new key gets its certificate: the CA's answer to the request comes back days
// later, to StoreCertificate.
func ExampleGenerate() {
	ctx, options := context.Background(), hsm.Options{PIN: askPIN}
	address, err := uri.Parse("pkcs11:token=prod;object=login?module-name=softhsm2")
	if err != nil {
		log.Fatal(err)
	}
	made, err := hsm.Generate(ctx, address, hsm.KeySpec{Bits: 3072}, options)
	if err != nil {
		log.Fatal(err)
	}
	der, err := hsm.CertificateRequest(ctx, made.Address, options, &x509.CertificateRequest{
		Subject:        pkix.Name{CommonName: "integration@example.com"},
		EmailAddresses: []string{"integration@example.com"},
	})
	if err != nil {
		log.Fatal(err)
	}
	pem.Encode(os.Stdout, &pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

func ExampleStoreCertificate() {
	address, err := uri.Parse("pkcs11:token=prod;object=login?module-name=softhsm2")
	if err != nil {
		log.Fatal(err)
	}
	der, err := os.ReadFile("login.cer")
	if err != nil {
		log.Fatal(err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		log.Fatal(err)
	}
	stored, err := hsm.StoreCertificate(context.Background(), address, certificate, hsm.Options{PIN: askPIN})
	fmt.Println(stored, err)
}

// A key that was in a file moves into the token, its certificate and the CA's with it. The
// file is still a copy of the key.
func ExampleImport() {
	ctx, options := context.Background(), hsm.Options{PIN: askPIN}
	address, err := uri.Parse("pkcs11:token=prod;object=login?module-name=softhsm2")
	if err != nil {
		log.Fatal(err)
	}
	key, leaf, chain := readBundle("login.p12")
	imported, err := hsm.Import(ctx, address, key, options)
	if err != nil {
		log.Fatal(err)
	}
	if _, err := hsm.StoreCertificate(ctx, imported.Address, leaf, options); err != nil {
		log.Fatal(err)
	}
	fmt.Println(hsm.StoreChain(ctx, imported.Address, chain, options))
}

// readBundle is where a program reads a PKCS#12 file.
func readBundle(string) (key *rsa.PrivateKey, leaf *x509.Certificate, chain []*x509.Certificate) {
	return nil, nil, nil
}

func ExampleStoreChain() {
	address, err := uri.Parse("pkcs11:token=prod?module-name=softhsm2")
	if err != nil {
		log.Fatal(err)
	}
	_, _, chain := readBundle("login.p12")
	stored, err := hsm.StoreChain(context.Background(), address, chain, hsm.Options{PIN: askPIN})
	fmt.Println(stored, err)
}

func ExampleDelete() {
	address, err := uri.Parse("pkcs11:token=prod;object=login-2025?module-name=softhsm2")
	if err != nil {
		log.Fatal(err)
	}
	deleted, err := hsm.Delete(context.Background(), address, hsm.Options{PIN: askPIN})
	for _, what := range deleted {
		fmt.Println("deleted", what)
	}
	if err != nil {
		log.Fatal(err)
	}
}
