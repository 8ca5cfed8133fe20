package uri_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

func mustParse(t *testing.T, s string) uri.URI {
	t.Helper()
	u, err := uri.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestString(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"empty", "pkcs11:", "pkcs11:"},
		{"scheme in capitals", "PKCS11:token=a", "pkcs11:token=a"},
		{"empty query", "pkcs11:token=a?", "pkcs11:token=a"},
		{"query only", "pkcs11:?module-name=softhsm2", "pkcs11:?module-name=softhsm2"},
		{
			"grammar's order",
			"pkcs11:slot-id=3;slot-manufacturer=sm;slot-description=sd;id=%01;type=private;object=o;library-description=ld;" +
				"library-version=2.6;library-manufacturer=lm;model=m;serial=s;manufacturer=mf;token=t" +
				"?module-path=/m.so&module-name=m&pin-source=file:/pin",
			"pkcs11:token=t;manufacturer=mf;serial=s;model=m;library-manufacturer=lm;library-version=2.6;library-description=ld;" +
				"object=o;type=private;id=%01;slot-description=sd;slot-manufacturer=sm;slot-id=3" +
				"?pin-source=file:/pin&module-name=m&module-path=/m.so",
		},
		{"vendors' last", "pkcs11:x-b=2;x-a=1;token=t?x-q=3&module-name=m", "pkcs11:token=t;x-a=1;x-b=2?module-name=m&x-q=3"},
		{"id all encoded", "pkcs11:id=A%A2", "pkcs11:id=%41%a2"},
		{"reserved stay", "pkcs11:object=a:[]@!$'()*+,=b", "pkcs11:object=a:[]@!$'()*+,=b"},
		{"unreserved are decoded", "pkcs11:object=%41%2d%2E%5f%7E", "pkcs11:object=A-._~"},
		{"others are encoded", "pkcs11:object=My%20key%2f%3F%25%26%3b%23%ff", "pkcs11:object=My%20key%2f%3f%25%26%3b%23%ff"},
		{"query keeps more", "pkcs11:?pin-source=%7c/usr/bin/pin%3Fa=b%26", "pkcs11:?pin-source=|/usr/bin/pin?a=b%26"},
		{"empty value", "pkcs11:object=", "pkcs11:object="},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := mustParse(t, test.in).String(); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestGet(t *testing.T) {
	u := mustParse(t, "pkcs11:object=My%20key;id=%00%ff;slot-id=18446744073709551615?module-path=/a%26b.so")
	if got, ok := u.Get("object"); got != "My key" || !ok {
		t.Errorf("object: got %q, %v", got, ok)
	}
	if got, ok := u.Get("module-path"); got != "/a&b.so" || !ok {
		t.Errorf("module-path: got %q, %v", got, ok)
	}
	if got, ok := u.Get("token"); got != "" || ok {
		t.Errorf("token: got %q, %v", got, ok)
	}
	if got, ok := u.ID(); !cmp.Equal(got, []byte{0, 0xff}) || !ok {
		t.Errorf("id: got %x, %v", got, ok)
	}
	if got, ok := u.SlotID(); got != 18446744073709551615 || !ok {
		t.Errorf("slot-id: got %d, %v", got, ok)
	}
}

func TestZeroURI(t *testing.T) {
	var u uri.URI
	if id, ok := u.ID(); id != nil || ok {
		t.Errorf("id: got %x, %v", id, ok)
	}
	if slot, ok := u.SlotID(); slot != 0 || ok {
		t.Errorf("slot-id: got %d, %v", slot, ok)
	}
	if got := u.String(); got != "pkcs11:" {
		t.Errorf("got %q", got)
	}
	if !u.MatchToken(uri.Token{Label: "a", Slot: 7}) || !u.MatchObject(uri.Object{Label: "b"}) || !u.MatchLibrary(uri.Library{Version: "1.0"}) {
		t.Error("it does not match everything")
	}
	if !u.Equal(mustParse(t, "pkcs11:")) || !u.Without("token").Equal(u) {
		t.Error("it does not equal pkcs11:")
	}
}

func TestWith(t *testing.T) {
	u := mustParse(t, "pkcs11:token=a?module-name=m&x-v=1")
	tests := []struct{ name, value, want string }{
		{"token", "b c", "pkcs11:token=b%20c?module-name=m&x-v=1"},
		{"id", "\x01\xa2", "pkcs11:token=a;id=%01%a2?module-name=m&x-v=1"},
		{"module-path", "/m.so", "pkcs11:token=a?module-name=m&module-path=/m.so&x-v=1"},
		{"x-v", "2", "pkcs11:token=a?module-name=m&x-v=2"},
		{"x-w", "3", "pkcs11:token=a;x-w=3?module-name=m&x-v=1"},
		{"pin-value", "1234", u.String()},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			before := u.String()
			if got := u.With(test.name, test.value).String(); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
			if u.String() != before {
				t.Errorf("the original changed to %s", u)
			}
		})
	}
}

func TestWithIsIndependentOfEarlierCopies(t *testing.T) {
	base := uri.URI{}.With("token", "t").With("object", "o").With("type", "private")
	one, two := base.With("id", "1"), base.With("id", "2")
	if got, want := one.String(), "pkcs11:token=t;object=o;type=private;id=%31"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := two.String(), "pkcs11:token=t;object=o;type=private;id=%32"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestWithout(t *testing.T) {
	u := mustParse(t, "pkcs11:token=a;object=o?module-name=m")
	if got, want := u.Without("object", "module-name", "id").String(), "pkcs11:token=a"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := u.String(), "pkcs11:token=a;object=o?module-name=m"; got != want {
		t.Errorf("the original changed to %s", got)
	}
}

func TestEqual(t *testing.T) {
	a := mustParse(t, "pkcs11:token=My%20token;object=%41")
	if b := mustParse(t, "PKCS11:object=A;token=My%20token"); !a.Equal(b) {
		t.Errorf("%s and %s differ", a, b)
	}
	for _, other := range []string{"pkcs11:token=My%20token", "pkcs11:token=My%20token;object=a", "pkcs11:object=A;token="} {
		if a.Equal(mustParse(t, other)) {
			t.Errorf("%s equals %s", a, other)
		}
	}
}

func TestText(t *testing.T) {
	type keys struct{ Key uri.URI }
	var got keys
	if err := json.Unmarshal([]byte(`{"Key": "pkcs11:object=o;token=t"}`), &got); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"Key":"pkcs11:token=t;object=o"}`; string(text) != want {
		t.Errorf("got %s, want %s", text, want)
	}
	if err := got.Key.UnmarshalText([]byte("http:")); err == nil || got.Key.String() != "pkcs11:token=t;object=o" {
		t.Errorf("a bad address: error %v, address %s", err, got.Key)
	}
}
