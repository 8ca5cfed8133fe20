package uri_test

import (
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

func ExampleParse() {
	address, err := uri.Parse("pkcs11:object=login;token=My%20token;id=%01%A2?module-name=softhsm2")
	if err != nil {
		fmt.Println(err)
		return
	}
	token, _ := address.Get("token")
	id, _ := address.ID()
	fmt.Printf("%s, key %x\n", token, id)
	fmt.Println(address)
	// Output:
	// My token, key 01a2
	// pkcs11:token=My%20token;object=login;id=%01%a2?module-name=softhsm2
}

func ExampleParse_mistake() {
	_, err := uri.Parse("pkcs11:token=prod;label=login")
	fmt.Println(err)
	// Output:
	// address "pkcs11:token=prod;label=login", column 19: there is no attribute "label"; did you mean object (before the "?")?
}

func ExampleURI_With() {
	address := uri.URI{}.With("token", "My token").With("id", "\x01\xa2").With("module-path", "/usr/lib/softhsm/libsofthsm2.so")
	fmt.Println(address)
	fmt.Println(address.Without("module-path"))
	// Output:
	// pkcs11:token=My%20token;id=%01%a2?module-path=/usr/lib/softhsm/libsofthsm2.so
	// pkcs11:token=My%20token;id=%01%a2
}

func ExampleURI_MatchToken() {
	address, err := uri.Parse("pkcs11:token=prod;object=login")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, token := range []uri.Token{{Label: "test", Slot: 0}, {Label: "prod", Slot: 1}} {
		fmt.Println(token.Slot, address.MatchToken(token))
	}
	fmt.Println(address.MatchObject(uri.Object{Label: "login", Class: "private"}))
	// Output:
	// 0 false
	// 1 true
	// true
}
