package config

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Secrets as they stand in a file.
var (
	secretA = "sha256:" + strings.Repeat("a1", 32)
	secretB = "sha256:" + strings.Repeat("b2", 32)
)

func TestClients(t *testing.T) {
	file := mustParse(t, `
[profile.default]
[profile.prod]

[client.nightly-load_2]
profile = "prod"
secret = "`+secretA+`"
users = ["user:etl, group:etl", "user:1000"]
policy = ["list", 'run process "Nightly load" in model "Plan"']

[client."a.b"]
policy = "GET /2/0/models/*"
other_hosts = "refuse"
certificates = ["spiffe://Corp/etl", "B.corp, c.corp"]

[client]
B.secret = "sha256:`+strings.Repeat("B2", 32)+`"
B.policy = "list"
B.other_hosts = "tunnel"
`)
	want := []*Client{
		{Name: "B", Profile: "default", Secret: bytes.Repeat([]byte{0xb2}, 32), Policy: []string{"list"}},
		{Name: "a.b", Profile: "default", Certificates: []string{"spiffe://corp/etl", "b.corp", "c.corp"}, Policy: []string{"GET /2/0/models/*"}, RefuseOtherHosts: true},
		{
			Name: "nightly-load_2", Profile: "prod", Secret: bytes.Repeat([]byte{0xa1}, 32),
			Users:  []string{"user:etl", "group:etl", "user:1000"},
			Policy: []string{"list", `run process "Nightly load" in model "Plan"`},
		},
	}
	if diff := cmp.Diff(want, file.Clients()); diff != "" {
		t.Errorf("clients (-want +got):\n%s", diff)
	}
	if got := (*File)(nil).Clients(); got != nil {
		t.Errorf("of no file: %v", got)
	}
	file.Clients()[0] = nil
	if file.Clients()[0] == nil {
		t.Error("a caller can change the list")
	}
}

// Without profiles in the file, flags and environment are the only one, under any name.
func TestClientWithoutProfiles(t *testing.T) {
	file := mustParse(t, "[client.a]\nprofile = 'prod'\npolicy = 'list'\nsecret = ''\nusers = []\n")
	want := []*Client{{Name: "a", Profile: "prod", Policy: []string{"list"}}}
	if diff := cmp.Diff(want, file.Clients()); diff != "" {
		t.Errorf("clients (-want +got):\n%s", diff)
	}
}

func TestClientErrors(t *testing.T) {
	const (
		noHash = "secret: this is not sha256: with 64 hexadecimal digits behind it, and a secret itself must not " +
			"stand here; run anaplan-agent client new a --secret-only, which makes a secret and prints the line to write"
		badName  = "the name of a client is made of letters, digits, '.', '_' and '-', at most 64 of them; "
		noPolicy = "a client needs a policy, which says what it may do: " + samplePolicy
		list     = "\npolicy = 'list'\n"
	)
	tests := []struct{ name, text, want string }{
		{"plain secret", "[client.a]\nsecret = '835261'" + list, "c.toml:2:1: " + noHash},
		{"other hosts", "[client.a]\nother_hosts = 'no'" + list, `c.toml:2:1: other_hosts: "no" is neither tunnel, which is the default, nor refuse`},
		{"plain secret behind the kind", "[client.a]\nsecret = 'sha256:835261'" + list, "c.toml:2:1: " + noHash},
		{"no kind", "[client.a]\nsecret = '" + strings.Repeat("835261aa", 8) + "'" + list, "c.toml:2:1: " + noHash},
		{"other kind", "[client.a]\nsecret = 'SHA256:" + strings.Repeat("835261aa", 8) + "'" + list, "c.toml:2:1: " + noHash},
		{"a digit too few", "[client.a]\nsecret = '" + secretA[:70] + "'" + list, "c.toml:2:1: " + noHash},
		{"two digits too many", "[client.a]\nsecret = '" + secretA + "aa'" + list, "c.toml:2:1: " + noHash},
		{"no digit", "[client.a]\nsecret = '" + secretA[:70] + "g'" + list, "c.toml:2:1: " + noHash},
		{"blank", "[client.a]\nsecret = ' " + secretA + "'" + list, "c.toml:2:1: " + noHash},
		{
			"hash of nothing", "[client.a]\nsecret = 'sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'" + list,
			"c.toml:2:1: secret: this is the hash of nothing, so everybody knows the secret; run anaplan-agent client new a",
		},
		{"secret as a number", "[client.a]\nsecret = 835261" + list, "c.toml:2:1: secret is one text in quotes: secret = \"...\"\n  secret = ...\n  ^"},
		{"secrets", "[client.a]\nsecret = ['835261', '835261']" + list, "c.toml:2:1: secret is one text in quotes: secret = \"...\"\n  secret = ...\n  ^"},
		{"secret without quotes", "[client.a]\nsecret = x835261", "c.toml:2:10: this is not TOML; write NAME = \"VALUE\"\n  secret = ...\n           ^"},
		{"secret in an inline table", "client.a = { secret = '835261', policy = 'list' }", "c.toml:1:1: " + noHash},
		{"secret without quotes in it", "client.a = { secret = x835261 }", "c.toml:1:23: this is not TOML; write NAME = \"VALUE\"\n  client.a = ...\n             ^"},
		{
			"the same secret", "[client.a]\nsecret = '" + secretB + "'" + list + "[client.b]\nsecret = '" + strings.ReplaceAll(secretB, "b2", "B2") + "'" + list,
			"c.toml:5:1: client \"a\" has this secret too; each client needs its own\n  secret = ...\n  ^",
		},
		{"no policy", "[profile.default]\n[client.a]\nsecret = '" + secretA + "'", "c.toml:2:2: " + noPolicy + "\n  [client.a]\n   ^"},
		{"nothing", "[client.a]", "c.toml:1:2: " + noPolicy + "\n  [client.a]\n   ^"},
		{"empty policy", "[client.a]\npolicy = []", "c.toml:2:1: " + noPolicy + "\n  policy = ...\n  ^"},
		{"blank policy", "[client.a]\npolicy = \"\"\"\n \n\"\"\"", "c.toml:2:1: " + noPolicy + "\n  policy = ...\n  ^"},
		{"unknown profile", "[profile.p]\n[profile.q]\n[client.a]\nprofile = 'x'" + list, "c.toml:4:1: there is no profile \"x\"; there are p, q\n  profile = ...\n  ^"},
		{
			"no default profile", "[profile.p]\n[client.a]" + list,
			"c.toml:2:2: the client does not say its profile, and there is no profile \"default\"; there are p\n  [client.a]\n   ^",
		},
		{"users", "[client.a]\nusers = ['user:ana', 'bo']" + list, `c.toml:2:1: users: "bo" does not say whether it is a user or a group; write user:NAME or group:NAME`},
		{"users of numbers", "[client.a]\nusers = [1]" + list, "c.toml:2:1: users is a text in quotes, or a list of them: users = [\"user:NAME\", \"group:NAME\"]\n  users = ...\n  ^"},
		{"certificates", "[client.a]\ncertificates = ['a.corp', '*.corp']" + list, `c.toml:2:1: certificates: "*.corp" is not a DNS name; write it as etl-1.example, without wildcards, or a SPIFFE id as spiffe://DOMAIN/PATH`},
		{"certificates of nobody", "[client.a]\ncertificates = ['']" + list, "c.toml:2:1: an entry is empty, and names nobody; certificates is a name in quotes, or a list of them: certificates = [\"spiffe://DOMAIN/PATH\", \"etl-1.example\"]\n  certificates = ...\n  ^"},
		{"certificates of numbers", "[client.a]\ncertificates = [1]" + list, "c.toml:2:1: certificates is a name in quotes, or a list of them: certificates = [\"spiffe://DOMAIN/PATH\", \"etl-1.example\"]\n  certificates = ...\n  ^"},
		{"profile's setting", "[client.a]\nallow = ['user:ana']" + list, "c.toml:2:1: allow does not stand here, but in a table [profile.NAME]\n  allow = ...\n  ^"},
		{"agent's setting", "[client.a]\nlisten = '127.0.0.1:1'" + list, "c.toml:2:1: listen does not stand here, but in the table [agent]\n  listen = ...\n  ^"},
		{"near", "[client.a]\nsecert = '835261'" + list, "c.toml:2:1: there is no setting \"secert\"; did you mean secret?\n  secert = ...\n  ^"},
		{"near a profile's", "[client.a]\ntime-out = '1s'" + list, "c.toml:2:1: there is no setting \"time-out\"; did you mean timeout, in a table [profile.NAME]?\n  time-out = ...\n  ^"},
		{"far", "[client.a]\npassword = '835261'" + list, "c.toml:2:1: there is no setting \"password\"; there are profile, secret, users, certificates, policy, other_hosts\n  password = ...\n  ^"},
		{"name with a dot", "[client.etl.v2]" + list, "c.toml:1:2: v2 is not a setting; a name with dots stands in quotes: [client.\"etl.v2\"]\n  [client.etl.v2]\n   ^"},
		{"without a name", "[client]\nsecret = '835261'", "c.toml:2:1: " + outsideClient + "\n  secret = ...\n  ^"},
		{"no table", "client = '835261'", "c.toml:1:1: " + outsideClient + "\n  client = ...\n  ^"},
		{"array", "[[client.a]]" + list, "c.toml:1:3: " + outsideClient + "\n  [[client.a]]\n    ^"},
		{"empty name", "[client.'']" + list, "c.toml:1:2: " + badName + "\"\" is not\n  [client.'']\n   ^"},
		{"blank in the name", "[client.'a b']" + list, "c.toml:1:2: " + badName + `"a b" is not`},
		{"header in the name", "[client.\"a\\r\\nX: y\"]" + list, "c.toml:1:2: " + badName + `"a\r\nX: y" is not`},
		{"letters of others", "[client.'ü']" + list, "c.toml:1:2: " + badName + `"ü" is not`},
		{"colon", "[client.'user:1']" + list, "c.toml:1:2: " + badName + `"user:1" is not`},
		{
			"long name", "[client." + strings.Repeat("n", 65) + "]" + list,
			"c.toml:1:2: " + badName + `"` + strings.Repeat("n", 65) + "\" is not\n  [client." + strings.Repeat("n", 65) + "]\n   ^",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file, err := Parse("c.toml", []byte(test.text))
			if err == nil {
				t.Fatalf("got %+v", file)
			}
			if diff := cmp.Diff(test.want, err.Error()); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			for _, secret := range []string{"835261", secretA[7:], secretB[7:]} {
				if strings.Contains(err.Error(), secret) {
					t.Error("the secret is shown")
				}
			}
		})
	}
}

func TestLongestClientName(t *testing.T) {
	name := strings.Repeat("n", 64)
	if got := mustParse(t, "client."+name+".policy = 'list'").Clients()[0].Name; got != name {
		t.Errorf("got %q", got)
	}
}

// A text that is not a rule is an error with the place of its setting, in every table; what is
// wrong with it is the policy's to say.
func TestRuleErrors(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"profile", "[profile.default]\npolicy = ['list', 'dance']", "c.toml:2:1: policy: "},
		{"profile, in lines", "[profile.default]\n\npolicy = \"\"\"\nlist\n  dance\n\"\"\"", "c.toml:3:1: policy: "},
		{"client", "[client.a]\n  policy = 'dance'", "c.toml:2:3: policy: "},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse("c.toml", []byte(test.text))
			if err == nil || !strings.HasPrefix(err.Error(), test.want) || !strings.Contains(err.Error(), "dance") {
				t.Errorf("got %v, want %s... dance ...", err, test.want)
			}
		})
	}
	_, err := (*File)(nil).Profile("default", over("policy", "list\ndance"))
	if err == nil || !strings.HasPrefix(err.Error(), "--policy: ") || !strings.Contains(err.Error(), "dance") {
		t.Errorf("got %v, want --policy: ... dance ...", err)
	}
}

// Whatever stands in place of a secret, no error shows it.
func FuzzSecret(f *testing.F) {
	for _, seed := range []string{"", "sha256:", secretA, "835261-long-secret", "sha256:long-secret-of-mine"} {
		f.Add(seed)
	}
	parse := secretOf("a")
	_, usual := parse("x")
	f.Fuzz(func(t *testing.T, text string) {
		hash, err := parse(text)
		switch {
		case err == nil && text != "" && len(hash) != 32:
			t.Errorf("%q became %x", text, hash)
		case err != nil && err.Error() != usual.Error() && !strings.Contains(err.Error(), "hash of nothing"):
			t.Errorf("%q: %v", text, err)
		}
	})
}
