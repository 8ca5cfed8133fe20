//go:build cgo && linux

package hsm_test

import (
	"crypto/rsa"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
	"github.com/anaplan-agent/anaplan-agent/piv/pivtest"
)

// TestBriefAddresses: people get the shortest address that means one key, and it leads to that key.
func TestBriefAddresses(t *testing.T) {
	a, b := hsmtest.RSAKey(t, "a"), hsmtest.RSAKey(t, "b")
	pair := func(name hsmtest.Name, key *rsa.PrivateKey) []hsmtest.Object {
		return name.Pair(key, hsmtest.Certify(t, key))
	}
	long := []byte("0123456789abcdef")
	for name, c := range map[string]struct {
		objects [][]hsmtest.Object
		more    string
		want    []string // behind "pkcs11:token=test"
	}{
		"label alone":       {[][]hsmtest.Object{pair(hsmtest.Named("login", long...), a), pair(hsmtest.Named("other", long[1:]...), b)}, "", []string{";object=login", ";object=other"}},
		"one label for two": {[][]hsmtest.Object{pair(hsmtest.Named("login", 1), a), pair(hsmtest.Named("login", 2), b)}, "", []string{";id=%01", ";id=%02"}},
		"and asked by it":   {[][]hsmtest.Object{pair(hsmtest.Named("login", 1), a), pair(hsmtest.Named("login", 2), b)}, ";object=login", []string{";object=login;id=%01", ";object=login;id=%02"}},
		"asked by id":       {[][]hsmtest.Object{pair(hsmtest.Named("login", 1), a), pair(hsmtest.Named("login", 2), b)}, ";id=%01", []string{";id=%01"}},
		"one id for two":    {[][]hsmtest.Object{pair(hsmtest.Named("login", 1), a), pair(hsmtest.Named("other", 1), b)}, "", []string{";object=login", ";object=other"}},
		"no label":          {[][]hsmtest.Object{pair(hsmtest.Named("", 1), a)}, "", []string{";id=%01"}},
		"no name":           {[][]hsmtest.Object{pair(hsmtest.Named(""), a)}, "", []string{""}},
	} {
		t.Run(name, func(t *testing.T) {
			token := hsmtest.NewToken(t)
			for _, objects := range c.objects {
				token.Put(t, objects...)
			}
			options := hsm.Options{PIN: (&pins{pin: token.PIN}).ask}
			want := map[string]bool{}
			for _, text := range c.want {
				want["pkcs11:token=test"+text+"?module-path="+token.Module] = true
			}
			tokens, err := hsm.List(t.Context(), token.Address(t, c.more), options)
			if err != nil || len(tokens) != 1 || len(tokens[0].Keys) != len(want) {
				t.Fatalf("List = %+v, %v", tokens, err)
			}
			for _, key := range tokens[0].Keys {
				if !want[key.Address.String()] {
					t.Errorf("address %s, want one of %v", key.Address, c.want)
				}
				mustSign(t, key.Address, options, key.Public.(*rsa.PublicKey)).Close()
			}
		})
	}
}

// TestBriefAddressesOfTokens: label or serial number do, unless another token has the same.
func TestBriefAddressesOfTokens(t *testing.T) {
	token := hsmtest.NewToken(t)
	twin, other := hsmtest.InitToken(t, token.Module, "test"), hsmtest.InitToken(t, token.Module, "other")
	want := map[string]bool{"serial=" + token.Serial: true, "serial=" + twin.Serial: true, "token=" + other.Label: true}
	tokens, err := hsm.List(t.Context(), token.Address(t).Without("token"), hsm.Options{})
	if err != nil || len(tokens) != 3 {
		t.Fatalf("List = %+v, %v", tokens, err)
	}
	for _, listed := range tokens {
		text, _, _ := strings.Cut(strings.TrimPrefix(listed.Address.String(), "pkcs11:"), "?")
		if !want[text] {
			t.Errorf("the address is %s, want one of %v", listed.Address, want)
		}
		again, err := hsm.List(t.Context(), listed.Address, hsm.Options{})
		if err != nil || len(again) != 1 || again[0].Slot != listed.Slot {
			t.Errorf("%s leads to %+v, %v", listed.Address, again, err)
		}
	}
}

// TestKind: a token is known by its serial number, unless that is zeros or another token's, too.
func TestKind(t *testing.T) {
	library := hsmtest.BuildShim(t)
	for name, c := range map[string]struct {
		order, want string
		twin        bool
	}{
		"a number":          {"", "SoftHSM project/SoftHSM v2", false},
		"numbers":           {"", "SoftHSM project/SoftHSM v2", true},
		"one number":        {"serial=313233", "SoftHSM project/SoftHSM v2", false},
		"one number of two": {"serial=313233", "", true},
		"zeros":             {"serial=30303030", "", false},
		"none":              {"serial=", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			token := newLogin(t)
			if c.twin {
				hsmtest.InitToken(t, token.Module, "twin")
			}
			pin := &pins{pin: token.PIN}
			shim := token.Behind(t, library, c.order)
			mustSign(t, shim.Address(t), hsm.Options{PIN: pin.ask}, &hsmtest.RSAKey(t, "a").PublicKey).Close()
			tokens, err := hsm.List(t.Context(), shim.Address(t), hsm.Options{})
			if pin.requests[0].Kind != c.want || err != nil || len(tokens) != 1 || tokens[0].Kind != c.want {
				t.Errorf("asked %+v, listed %+v, %v; want %q", pin.requests, tokens, err, c.want)
			}
		})
	}
}

// TestBriefAddressThroughOpenSC: the token's label is the name in the first certificate, and goes with
// that; and the public keys have other labels than the private ones.
func TestBriefAddressThroughOpenSC(t *testing.T) {
	address, card := newCard(t, pivtest.Options{})
	options := hsm.Options{PIN: (&pins{pin: "123456"}).ask}
	for name, o := range map[string]hsm.Options{"without a login": {}, "with one": options} {
		tokens, err := hsm.List(t.Context(), address, o)
		if err != nil || len(tokens) != 1 || len(tokens[0].Keys) < 2 {
			t.Fatalf("%s: List = %+v, %v", name, tokens, err)
		}
		for _, key := range tokens[0].Keys {
			if _, labelled := key.Address.Get("token"); labelled {
				t.Errorf("%s: the address is %s", name, key.Address)
			}
			if key.Problem == nil {
				mustSign(t, key.Address, options, key.Public.(*rsa.PublicKey)).Close()
			}
		}
		c := hsmtest.RSAKey(t, "a")
		card.PutCertificate(0x9A, hsmtest.Certify(t, c, hsmtest.Subject("renewed "+name)))
		mustSign(t, tokens[0].Keys[0].Address, options, tokens[0].Keys[0].Public.(*rsa.PublicKey)).Close()
	}
}

// TestNamesThatTheDeviceChooses: a key that is not named as it was asked for is found all the same,
// and is not put there twice.
func TestNamesThatTheDeviceChooses(t *testing.T) {
	library, a := hsmtest.BuildShim(t), hsmtest.RSAKey(t, "a")
	for name, c := range map[string]struct {
		orders, want string
		alike        bool // each key gets the same names
	}{
		"id":              {"newid=00", ";object=new?", false},
		"label":           {"newlabel=6b6579", "test;object=key?", false},
		"label and id":    {"newlabel=6b6579;newid=00", "test;object=key?", true},
		"no label":        {"newlabel=", "test;id=%", false},
		"no threads, too": {"newlabel=6b6579;newid=00;nooslocking", "test;object=key?", true},
	} {
		t.Run(name, func(t *testing.T) {
			token := hsmtest.NewToken(t)
			shim := token.Behind(t, library, c.orders)
			options := hsm.Options{PIN: (&pins{pin: token.PIN}).ask}
			address, certificate := enroll(t, shim.Address(t, ";object=new"), options)
			if !strings.Contains(address.String(), c.want) {
				t.Errorf("the address is %s, want %s", address, c.want)
			}
			mustSign(t, address, options, certificate.PublicKey.(*rsa.PublicKey)).Close()
			if _, err := hsm.Delete(t.Context(), address, options); err != nil {
				t.Fatal(err)
			}

			imported, err := hsm.Import(t.Context(), shim.Address(t, ";object=new"), a, options)
			if err != nil || !strings.Contains(imported.Address.String(), c.want) {
				t.Fatalf("imported as %s, %v; want %s", imported.Address, err, c.want)
			}
			if _, err := hsm.StoreCertificate(t.Context(), imported.Address, hsmtest.Certify(t, a), options); err != nil {
				t.Error(err)
			}
			mustSign(t, imported.Address, options, &a.PublicKey).Close()
			_, err = hsm.Import(t.Context(), shim.Address(t, ";object=another"), a, options)
			wantError(t, "once more", err, hardware.ErrKeyExists, "")
			_, err = hsm.Import(t.Context(), shim.Address(t, ";object=another;id=%55"), a, options)
			wantError(t, "by another id", err, hardware.ErrKeyExists, "")
			wantObjects(t, token, [4]int{1, 1, 1, 0})
			if !c.alike {
				return
			}
			// A second key could not be told from the first.
			const words = "test;object=key?"
			_, err = hsm.Generate(t.Context(), shim.Address(t, ";object=another"), hsm.KeySpec{Bits: 2048}, options)
			wantError(t, "another one", err, hardware.ErrKeyExists, words)
			_, err = hsm.Import(t.Context(), shim.Address(t, ";object=another"), hsmtest.RSAKey(t, "b"), options)
			wantError(t, "another import", err, hardware.ErrKeyExists, words)
			wantObjects(t, token, [4]int{1, 1, 1, 0})
			mustSign(t, imported.Address, options, &a.PublicKey).Close()
		})
	}
}
