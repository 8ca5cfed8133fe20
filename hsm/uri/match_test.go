package uri_test

import (
	"testing"

	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

func TestMatchToken(t *testing.T) {
	token := uri.Token{
		Label: "prod", Manufacturer: "Maker", Serial: "42", Model: "Mark I",
		Slot: 3, SlotDescription: "Reader", SlotManufacturer: "Reader maker",
	}
	tests := []struct {
		address string
		want    bool
	}{
		{"pkcs11:", true},
		{"pkcs11:token=prod", true},
		{"pkcs11:token=prod%20%20", true},
		{"pkcs11:token=Prod", false},
		{"pkcs11:token=", false},
		{"pkcs11:token=prod;serial=42;model=Mark%20I;manufacturer=Maker", true},
		{"pkcs11:serial=43", false},
		{"pkcs11:model=Mark", false},
		{"pkcs11:manufacturer=Other", false},
		{"pkcs11:slot-id=3;slot-description=Reader;slot-manufacturer=Reader%20maker", true},
		{"pkcs11:slot-id=03", true},
		{"pkcs11:slot-id=4", false},
		{"pkcs11:slot-description=Else", false},
		{"pkcs11:slot-manufacturer=Else", false},
		{"pkcs11:object=key;id=%01;library-version=9;x-y=z?module-name=m", true},
	}
	for _, test := range tests {
		t.Run(test.address, func(t *testing.T) {
			if got := mustParse(t, test.address).MatchToken(token); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestMatchTokenIgnoresPadding(t *testing.T) {
	padded := uri.Token{Label: "prod                            ", Serial: "42\x00\x00"}
	if !mustParse(t, "pkcs11:token=prod;serial=42").MatchToken(padded) {
		t.Error("padding is compared")
	}
	if !mustParse(t, "pkcs11:token=").MatchToken(uri.Token{Label: "   "}) {
		t.Error("an empty value does not match a blank label")
	}
}

func TestMatchObject(t *testing.T) {
	object := uri.Object{Label: "login", ID: []byte{1, 0xa2}, Class: "private"}
	tests := []struct {
		address string
		want    bool
	}{
		{"pkcs11:", true},
		{"pkcs11:object=login;id=%01%A2;type=private", true},
		{"pkcs11:object=login%20", false},
		{"pkcs11:object=", false},
		{"pkcs11:id=%01", false},
		{"pkcs11:id=", false},
		{"pkcs11:type=cert", false},
		{"pkcs11:token=other;slot-id=9", true},
	}
	for _, test := range tests {
		t.Run(test.address, func(t *testing.T) {
			if got := mustParse(t, test.address).MatchObject(object); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestMatchObjectWithoutIDAndLabel(t *testing.T) {
	if !mustParse(t, "pkcs11:object=;id=").MatchObject(uri.Object{Class: "private"}) {
		t.Error("empty values do not match an object that has none")
	}
}

func TestMatchLibrary(t *testing.T) {
	library := uri.Library{Manufacturer: "Maker", Description: "Soft token", Version: "2.0"}
	tests := []struct {
		address string
		want    bool
	}{
		{"pkcs11:", true},
		{"pkcs11:library-manufacturer=Maker;library-description=Soft%20token;library-version=2.0", true},
		{"pkcs11:library-version=2", true},
		{"pkcs11:library-version=2.1", false},
		{"pkcs11:library-manufacturer=Other", false},
		{"pkcs11:library-description=Other", false},
	}
	for _, test := range tests {
		t.Run(test.address, func(t *testing.T) {
			if got := mustParse(t, test.address).MatchLibrary(library); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}
