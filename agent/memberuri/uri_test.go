package memberuri

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	tests := []struct{ in, want string }{ // want: the address again, or a part of the error
		{"agent:https://agent-1.example:8471", "agent:https://agent-1.example:8471"},
		{"AGENT:https://Agent-1.example:8471/", "agent:https://agent-1.example:8471"},
		{"agent:https://[::1]:8471", "agent:https://[::1]:8471"},
		{"agent:https://a:1?id=spiffe://Corp/etl&client=night", "agent:https://a:1?client=night&id=spiffe://corp/etl"},
		{"pkcs11:token=a", "write it as agent:https://HOST:8471"},
		{"agent:a:8471", "write it as agent:https://HOST:8471"},
		{"agent:http://a:8471", "write it as agent:https://HOST:8471"},
		{"agent:https://:8471", "write it as agent:https://HOST:8471"},
		{"agent:https://[fe80::1%25eth0]:1", "neither a DNS name nor an IP address"},
		{"agent:https://a%20b:1", "write it as agent:https://HOST:8471"},
		{"agent:https://a", "the port is missing"},
		{"agent:https://a:0", "the port is not a number"},
		{"agent:https://a:65536", "the port is not a number"},
		{"agent:https://u:835261@a:1", "must not hold a user name"},
		{"agent:https://a:1/x", "leave out path and fragment"},
		{"agent:https://a:1#x", "leave out path and fragment"},
		{"agent:https://a:1?id=a.corp", "id is not a SPIFFE id"},
		{"agent:https://a:1?client=", "without one value"},
		{"agent:https://a:1?pin=835261", "there are client and id"},
		{"agent:https://a:1?%zz", "not well encoded"},
	}
	for _, test := range tests {
		if got, want := Is(test.in), strings.EqualFold(test.in[:6], "agent:"); got != want {
			t.Errorf("Is(%q) = %v", test.in, got)
		}
		got, err := Parse(test.in)
		if err != nil {
			if !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "835261") {
				t.Errorf("%s: %v, want %s", test.in, err, test.want)
			}
			continue
		}
		if got.String() != test.want {
			t.Errorf("%s: got %s, want %s", test.in, got, test.want)
		}
	}
}

// What is taken is taken again as the same.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"agent:https://a:1", "agent:https://[fe80::1%25lo]:1?client=a%26b", "agent:https://a:1?id=spiffe://c/d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		first, err := Parse(text)
		if err != nil {
			return
		}
		if again, err := Parse(first.String()); again != first || err != nil {
			t.Errorf("%q became %+v, and then %+v, %v", text, first, again, err)
		}
	})
}
