package uri_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

const (
	pathNames = "token, manufacturer, serial, model, library-manufacturer, library-version, library-description, " +
		"object, type, id, slot-description, slot-manufacturer, slot-id"
	queryNames = "pin-source, module-name, module-path"
	noPIN      = "a PIN must not stand in an address; give pin-source or the setting pin in place of pin-value"
)

func TestParseErrors(t *testing.T) {
	tests := []struct {
		name, in string
		column   int
		problem  string
	}{
		{"empty", "", 1, `it does not begin with "pkcs11:"; write pkcs11:token=NAME;object=NAME`},
		{"no scheme", "token=a", 1, `it does not begin with "pkcs11:"; write pkcs11:token=NAME;object=NAME`},
		{"other scheme", "pkcs12:token=a", 1, `it does not begin with "pkcs11:"; write pkcs11:token=NAME;object=NAME`},
		{"label", "pkcs11:token=a;label=b", 16, `there is no attribute "label"; did you mean object (before the "?")?`},
		{"CKA_LABEL", "pkcs11:CKA_LABEL=b", 8, `there is no attribute "CKA_LABEL"; did you mean object (before the "?")?`},
		{"module", "pkcs11:module=b", 8, `there is no attribute "module"; did you mean module-name (behind the "?")?`},
		{"capitals", "pkcs11:Token=b", 8, `there is no attribute "Token"; write it token`},
		{"unknown", "pkcs11:tokn=b", 8, `there is no attribute "tokn"; before the "?" there can be ` + pathNames},
		{"unknown in query", "pkcs11:?foo=b", 9, `there is no attribute "foo"; behind the "?" there can be ` + queryNames},
		{"no name at all", "pkcs11:t%6fken=a", 8, `this is not an attribute; before the "?" there can be ` + pathNames},
		{"bad vendor name", "pkcs11:x-ä=a", 8, `this is not an attribute; before the "?" there can be ` + pathNames},
		{"query name in path", "pkcs11:token=a;module-name=b", 16, `module-name belongs behind the "?"`},
		{"path name in query", "pkcs11:?token=b", 9, `token belongs before the "?"`},
		{"twice", "pkcs11:token=a;token=a", 16, "token is given twice; leave one out"},
		{"vendor's twice", "pkcs11:x-a=1?x-a=1", 14, "x-a is given twice; leave one out"},
		{"nothing between", "pkcs11:token=a;;object=b", 16, "an attribute is missing here; write NAME=VALUE, or one ';' less"},
		{"nothing at the end", "pkcs11:?module-name=a&", 23, "an attribute is missing here; write NAME=VALUE, or one '&' less"},
		{"no value", "pkcs11:token", 13, "token has no value; write token=VALUE"},
		{"cut encoding", "pkcs11:token=a%2", 15, "% must be followed by two hexadecimal digits; a % itself is written %25"},
		{"bad encoding", "pkcs11:token=100%zz", 17, "% must be followed by two hexadecimal digits; a % itself is written %25"},
		{"blank", "pkcs11:token=My token", 16, `" " must be written %20`},
		{"slash", "pkcs11:object=a/b", 16, `"/" must be written %2f`},
		{"umlaut", "pkcs11:token=Schlüssel", 18, `"ü" must be written %c3%bc`},
		{"broken UTF-8", "pkcs11:token=\xff", 14, `"\xff" must be written %ff`},
		{"behind an umlaut", "pkcs11:token=%c3%bc;x=ü", 21, `there is no attribute "x"; before the "?" there can be ` + pathNames},
		{"wrong separator", "pkcs11:token=a&object=b", 15, `"&" must be written %26; attributes before the "?" are separated by ';'`},
		{"wrong separator in query", "pkcs11:?module-path=a;pin-source=b", 22, `";" must be written %3b; attributes behind the "?" are separated by '&'`},
		{"fragment", "pkcs11:token=a#b", 15, `"#" must be written %23`},
		{"type", "pkcs11:type=key", 13, `there is no type "key"; it is one of cert, data, private, public, secret-key`},
		{"slot-id", "pkcs11:slot-id=0x1", 16, `slot-id is a decimal number, not "0x1"`},
		{"slot-id too large", "pkcs11:slot-id=18446744073709551616", 16, `slot-id is a decimal number, not "18446744073709551616"`},
		{"library-version", "pkcs11:library-version=2.", 24, `library-version is a number or two with a dot, as 2 or 2.6, not "2."`},
		{"library-version words", "pkcs11:library-version=new", 24, `library-version is a number or two with a dot, as 2 or 2.6, not "new"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			u, err := uri.Parse(test.in)
			syntax, ok := errors.AsType[*uri.SyntaxError](err)
			if !ok {
				t.Fatalf("got %s, %v", u, err)
			}
			want := uri.SyntaxError{URI: test.in, Column: test.column, Problem: test.problem}
			if *syntax != want {
				t.Errorf("got  %+v\nwant %+v", *syntax, want)
			}
		})
	}
}

func TestSyntaxErrorText(t *testing.T) {
	_, err := uri.Parse("pkcs11:token=a;label=b")
	want := `address "pkcs11:token=a;label=b", column 16: there is no attribute "label"; did you mean object (before the "?")?`
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestParseShowsNoPIN(t *testing.T) {
	tests := []struct{ in, want string }{
		{"pkcs11:?pin-value=835261", `address "pkcs11:?pin-value=...", column 9: ` + noPIN},
		{"pkcs11:token=a?module-name=b&pin-value=83;52&61", `address "pkcs11:token=a?module-name=b&pin-value=...", column 30: ` + noPIN},
		{"pkcs11:pin-value=835261", `address "pkcs11:pin-value=...", column 8: ` + noPIN},
		{"pkcs11:?pin=835261", `address "pkcs11:?pin=...", column 9: there is no attribute "pin"; did you mean pin-source (behind the "?")?`},
		{"pkcs11:?PIN-VALUE=835261", `address "pkcs11:?PIN-VALUE=...", column 9: there is no attribute "PIN-VALUE"; behind the "?" there can be ` + queryNames},
		{"pkcs11:?pin%2Dvalue=835261", `address "pkcs11:?pin=...", column 9: this is not an attribute; behind the "?" there can be ` + queryNames},
		{"pkcs11:?pin-value:835261", `address "pkcs11:?pin-value=...", column 9: this is not an attribute; behind the "?" there can be ` + queryNames},
		{"pkcs11:tokn=a?pin-source=/p&pin-value=835261", `address "pkcs11:tokn=a?pin-source=/p&pin-value=...", column 8: there is no attribute "tokn"; before the "?" there can be ` + pathNames},
		{"pkcs11:token=a;x_pin_value=835261", `address "pkcs11:token=a;x_pin_value=...", column 16: there is no attribute "x_pin_value"; before the "?" there can be ` + pathNames},
	}
	for _, test := range tests {
		t.Run(test.want, func(t *testing.T) {
			_, err := uri.Parse(test.in)
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

// The round trip: what String writes, Parse reads as the same address.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"pkcs11:", "PKCS11:token=My%20token;object=%41;id=%00%ff?module-path=/m.so&pin-source=|cmd",
		"pkcs11:slot-id=1;library-version=2.6;type=cert;x-a=b?x-q=?", "pkcs11:object=", "pkcs11:%", "pkcs11:id=%0",
		"pkcs11:token=a;token=b", "pkcs11:?pin-value=1234", "token", "pkcs11:ü",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := uri.Parse(s)
		if err != nil {
			syntax, ok := errors.AsType[*uri.SyntaxError](err)
			if !ok || syntax.Column < 1 || syntax.Column > len(s)+1 {
				t.Errorf("%q: %#v", s, err)
			}
			return
		}
		again, err := uri.Parse(u.String())
		if err != nil || !again.Equal(u) || again.String() != u.String() {
			t.Errorf("%q: %s became %s, %v", s, u, again, err)
		}
	})
}

func FuzzParseShowsNoPIN(f *testing.F) {
	f.Add("token=a", "835261")
	f.Add("?module-name=a&x=%", "12;34")
	f.Add("type=%zz", "?&#")
	f.Fuzz(func(t *testing.T, before, pin string) {
		const mark = "~~secret~~"
		for _, separator := range []string{";", "?", "&"} {
			_, err := uri.Parse("pkcs11:" + before + separator + "pin-value=" + mark + pin)
			if err != nil && !strings.Contains(before, mark) && strings.Contains(err.Error(), mark) {
				t.Errorf("the PIN is in %q", err)
			}
		}
	})
}

// What With makes of any value, Parse reads.
func FuzzWith(f *testing.F) {
	f.Add("My token", []byte{0, 1, 0xff}, "|cmd & more")
	f.Add("%;&?#/", []byte("%"), "ü\xff")
	f.Fuzz(func(t *testing.T, label string, id []byte, source string) {
		u := uri.URI{}.With("token", label).With("id", string(id)).With("pin-source", source)
		got, err := uri.Parse(u.String())
		if err != nil || !got.Equal(u) {
			t.Errorf("%s became %s, %v", u, got, err)
		}
	})
}
