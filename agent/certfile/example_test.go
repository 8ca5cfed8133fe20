package certfile_test

import (
	"fmt"
	"os"

	"github.com/anaplan-agent/anaplan-agent/agent/certfile"
)

func ExampleCertificates() {
	data, err := os.ReadFile("testdata/bundle.p7b") // with the CA's certificates in no order
	if err != nil {
		panic(err)
	}
	certs, err := certfile.Certificates(data)
	fmt.Println(len(certs), err)

	_, err = certfile.Certificates([]byte("<html>Your session has expired</html>"))
	fmt.Println(err)
	// Output:
	// 3 <nil>
	// there is no certificate in it but a web page or XML: the download may have needed a login: get it again in the browser
}

func ExampleKeys() {
	data, err := os.ReadFile("testdata/java.p12")
	if err != nil {
		panic(err)
	}
	bundle, err := certfile.Keys(data, func() ([]byte, error) { return []byte("correct horse"), nil })
	for _, key := range bundle.Keys {
		fmt.Printf("%s: %d bits, certificate of %s\n", key.Name, key.Key.N.BitLen(), key.Certificate.Subject)
	}
	fmt.Println(err)
	// Output:
	// robot: 2048 bits, certificate of CN=key,O=Example
	// second: 2048 bits, certificate of CN=second,O=Example
	// <nil>
}

func ExampleLeaf() {
	data, err := os.ReadFile("testdata/bundle.p7b")
	if err != nil {
		panic(err)
	}
	certs, err := certfile.Certificates(data)
	if err != nil {
		panic(err)
	}
	leaf, chain, err := certfile.Leaf(certs, certs[1].PublicKey) // of a key on a device
	fmt.Println(leaf.Subject, len(chain), err)

	_, _, err = certfile.Leaf(certs[:1], certs[1].PublicKey)
	fmt.Println(err)
	// Output:
	// CN=key,O=Example 2 <nil>
	// the certificate is for another key, that of "CN=Root CA,O=Example": give the one that the CA made from this key's request
}
