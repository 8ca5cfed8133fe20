package config

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

func mustParse(t *testing.T, text string) *File {
	t.Helper()
	file, err := Parse("c.toml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return file
}

func mustAddress(t *testing.T, text string) Address {
	t.Helper()
	u, err := ParseAddress(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// over makes flags of pairs of a setting's name and its text.
func over(pairs ...string) map[string]Value {
	values := map[string]Value{}
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = Value{Text: pairs[i+1], From: "--" + Setting{Name: pairs[i]}.Flag()}
	}
	return values
}

func TestProfileDefaults(t *testing.T) {
	var none *File
	got, err := none.Profile("default", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := &Profile{Name: "default", HeaderForm: "pem", Format: "v2", Timeout: time.Minute, RequestsPerMinute: 600, TokenFileMode: 0o600, Idle: 12 * time.Hour}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("profile (-want +got):\n%s", diff)
	}
}

func TestProfileFromFile(t *testing.T) {
	file := mustParse(t, `
[profile.prod]
key = ["pkcs11:token=a,b;object=k", "PIV:slot=9C;serial=7"]
touch_command = "notify-send 'my agent'"
pin = "command:pass 'my pin'"
certificate = "/etc/cert.pem"
auth_url = "https://auth.example:8443/"
api_url = "http://[::1]:8080"
ca_file = "ca.pem"
header_form = "der"
format = "v1"
timeout = "1m30s"
pin_pad = false
allow = ["user:ana", "user:1000 , group:my team"]
policy = ["list", """
  run process "Nightly load" in model "Plan"

  GET /2/0/models/*"""]
tenant = "acme"
requests_per_minute = 1_200
token_file = "/run/user/1000/../1000/token"
token_file_mode = "0640"
token_file_owner = "etl:etl"
idle = "90m"
expiry_command = "mail -s 'certificate ends' ana@example.com"
`)
	got, err := file.Profile("prod", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := &Profile{
		Name:        "prod",
		Keys:        []Address{mustAddress(t, "pkcs11:token=a,b;object=k"), pivuri.URI{Serial: 7, Slot: pivuri.Signature}},
		PIN:         PINSource{Kind: PINCommand, Arg: "pass 'my pin'"},
		Certificate: "/etc/cert.pem",
		AuthURL:     "https://auth.example:8443",
		APIURL:      "http://[::1]:8080",
		CAFile:      "ca.pem",
		HeaderForm:  "der",
		Format:      "v1",
		Timeout:     90 * time.Second,
		NoPINPad:    true,

		TouchCommand: []string{"notify-send", "my agent"},

		Allow:             []string{"user:ana", "user:1000", "group:my team"},
		Policy:            []string{"list", `run process "Nightly load" in model "Plan"`, "GET /2/0/models/*"},
		Tenant:            "acme",
		RequestsPerMinute: 1200,

		TokenFile:      "/run/user/1000/token",
		TokenFileMode:  0o640,
		TokenFileOwner: "etl:etl",
		Idle:           90 * time.Minute,

		ExpiryCommand: []string{"mail", "-s", "certificate ends", "ana@example.com"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("profile (-want +got):\n%s", diff)
	}
}

func TestProfilePrecedence(t *testing.T) {
	file := mustParse(t, "[profile.default]\nkey = ['pkcs11:token=a', 'pkcs11:token=b']\ntimeout = '10s'\nregion = 'eu1'\npin = 'none'\nallow = ['user:a', 'user:d']\n"+
		"policy = 'list'\nrequests_per_minute = '60'\ntenant = 'acme'\n")
	got, err := file.Profile("default", over("key", "pkcs11:token=c,d", "timeout", "20s", "region", "", "pin", "", "auth_url", "https://a", "allow", "user:b,group:c",
		"policy", "GET /2/0/users/me\r\nlist\n", "requests_per_minute", "100000000", "tenant", ""))
	if err != nil {
		t.Fatal(err)
	}
	want := &Profile{
		Name: "default", Keys: []Address{mustAddress(t, "pkcs11:token=c,d")},
		AuthURL: "https://a", HeaderForm: "pem", Format: "v2", Timeout: 20 * time.Second,
		Allow: []string{"user:b", "group:c"}, Policy: []string{"GET /2/0/users/me", "list"}, RequestsPerMinute: 100_000_000, TokenFileMode: 0o600, Idle: 12 * time.Hour,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("profile (-want +got):\n%s", diff)
	}
}

func TestProfileNames(t *testing.T) {
	file := mustParse(t, "[profile.b]\n[profile.a]\n")
	tests := []struct {
		name    string
		file    *File
		profile string
		want    string
	}{
		{"default need not exist", file, "default", ""},
		{"known", file, "a", ""},
		{"unknown", file, "c", `there is no profile "c"; there are a, b`},
		{"empty", file, "", `there is no profile ""; there are a, b`},
		{"no file", nil, "c", `there is no profile "c": there is no configuration file, or none in it; leave the profile out`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := test.file.Profile(test.profile, nil)
			if (err == nil) != (test.want == "") || err != nil && err.Error() != test.want {
				t.Errorf("got  %v\nwant %s", err, test.want)
			}
		})
	}
}

func TestProfileErrors(t *testing.T) {
	const (
		noHost  = "this is not the URL of a host; write it as https://auth.anaplan.com"
		toEnd   = "the URL must end after the host, as https://auth.anaplan.com does; leave out path, query and fragment"
		badPort = "the URL has no host or a bad port; write it as https://auth.anaplan.com or https://HOST:8443"
		noUser  = "the URL must not hold a user name or a password"
		noHTTP  = "http sends logins and tokens unencrypted, so it is for this machine only (localhost, 127.0.0.1, ::1); use https"
	)
	file := mustParse(t, "[profile.default]\nregion = 'eu1'\n[profile.hosts]\nauth_url = 'https://a'\n")
	tests := []struct {
		name, profile string
		over          map[string]Value
		want          string
	}{
		{"address", "default", over("key", "pkcs11:token"), `--key: address "pkcs11:token", column 13: token has no value; write token=VALUE`},
		{"PIN for its source", "default", over("key", "pkcs11:token=a?pin-source=835261"), "--key: pin-source: write file:/PATH or |COMMAND; a PIN must not be given here"},
		{"PIV", "default", over("key", "PIV:slot=9b"), `--key: address "PIV:slot=9b": slot "9b" is not one of 9a, 9c, 9d, 9e and 82 to 95`},
		{"PIN in a PIV address", "default", over("key", "piv:slot=9c?pin-value=835261"), `--key: address "piv:slot=9c?...": it ends after the slot; where the PIN comes from is said by the setting pin`},
		{
			"no scheme", "default", over("key", "slot=9c"),
			`--key: address "slot=9c", column 1: it does not begin with "pkcs11:"; write pkcs11:token=NAME;object=NAME, or piv:serial=NUMBER;slot=9c for a key on a YubiKey, or agent:https://HOST:8471 for one that another agent has`,
		},
		{"touch command", "default", over("touch_command", "notify-send 'x"), "--touch-command: a single quote is not closed"},
		{"expiry command", "default", over("expiry_command", "mail 'x"), "--expiry-command: a single quote is not closed"},
		{
			"origin", "default", map[string]Value{"timeout": {"60", "ANAPLAN_AGENT_TIMEOUT"}},
			`ANAPLAN_AGENT_TIMEOUT: "60" is not a duration; write a number with its unit, as 90s or 2m`,
		},
		{"no time", "default", over("timeout", "0s"), `--timeout: "0s" is not above zero; write for instance 60s`},
		{"negative", "default", over("timeout", "-1s"), `--timeout: "-1s" is not above zero; write for instance 60s`},
		{"header form", "default", over("header_form", "PEM"), `--header-form: "PEM" is not one of pem, der`},
		{"format", "default", over("format", "3"), `--format: "3" is not one of v1, v2`},
		{"pin", "default", over("pin", "env:"), "--pin: env: write env:NAME with the name of an environment variable, not its value and without $"},
		{
			"region of the file and a URL", "default", over("api_url", "https://b"),
			"c.toml:2:1: region and --api-url are both given; choose one, a region or URLs",
		},
		{
			"URL of the file and a region", "hosts", over("region", "us1"),
			"--region and c.toml:4:1: auth_url are both given; choose one, a region or URLs",
		},
		{"no URL", "hosts", over("auth_url", "auth.anaplan.com"), "--auth-url: " + noHost},
		{"no host", "hosts", over("auth_url", "https://"), "--auth-url: " + noHost},
		{"other scheme", "hosts", over("api_url", "ftp://a"), "--api-url: " + noHost},
		{"broken URL", "hosts", over("auth_url", "https://a:b:c/%zz"), "--auth-url: " + noHost},
		{"user", "hosts", over("auth_url", "https://u:p@a"), "--auth-url: " + noUser},
		{"path", "hosts", over("auth_url", "https://a/token"), "--auth-url: " + toEnd},
		{"query", "hosts", over("auth_url", "https://a?b"), "--auth-url: " + toEnd},
		{"empty query", "hosts", over("auth_url", "https://a?"), "--auth-url: " + toEnd},
		{"fragment", "hosts", over("auth_url", "https://a#b"), "--auth-url: " + toEnd},
		{"empty fragment", "hosts", over("auth_url", "https://a#"), "--auth-url: " + toEnd},
		{"port only", "hosts", over("auth_url", "https://:443"), "--auth-url: " + badPort},
		{"port too large", "hosts", over("auth_url", "https://a:65536"), "--auth-url: " + badPort},
		{"port 0", "hosts", over("auth_url", "https://a:0"), "--auth-url: " + badPort},
		{"http", "hosts", over("auth_url", "http://auth.anaplan.com"), "--auth-url: " + noHTTP},
		{"http like loopback", "hosts", over("auth_url", "http://127.0.0.1.example"), "--auth-url: " + noHTTP},
		{"policy of blanks", "default", over("policy", " \n"), "--policy: there is no rule in it, so nothing would be allowed; leave policy out for no restriction"},
		{"no requests", "default", over("requests_per_minute", "0"), `--requests-per-minute: "0" is not a whole number from 1 to 100000000`},
		{"too many requests", "default", over("requests_per_minute", "100000001"), `--requests-per-minute: "100000001" is not a whole number from 1 to 100000000`},
		{"requests with a unit", "default", over("requests_per_minute", "600/m"), `--requests-per-minute: "600/m" is not a whole number from 1 to 100000000`},
		{"tenant with a blank", "default", over("tenant", "acme "), `--tenant: "acme " is not a name for a tenant; write it in one line and without blanks around it`},
		{"tenant of lines", "default", over("tenant", "a\nb"), `--tenant: "a\nb" is not a name for a tenant; write it in one line and without blanks around it`},
		{"of a client", "default", over("secret", "835261"), "--secret: secret does not stand here, but in a table [client.NAME]"},
		{"of the agent", "default", over("socket", "none"), "--socket: socket does not stand here, but in the table [agent]"},
		{"unknown setting", "default", over("ca-file", "x"), `--ca-file: there is no setting "ca-file"; did you mean ca_file?`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, err := file.Profile(test.profile, test.over)
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v, %v\nwant %s", p, err, test.want)
			}
		})
	}
}

func TestBaseURLs(t *testing.T) {
	tests := []struct{ in, want string }{
		{"https://auth.anaplan.com", "https://auth.anaplan.com"},
		{"HTTPS://auth.anaplan.com/", "https://auth.anaplan.com"},
		{"https://a:8443", "https://a:8443"},
		{"http://localhost:8080", "http://localhost:8080"},
		{"http://127.1.2.3", "http://127.1.2.3"},
		{"http://[::1]:1", "http://[::1]:1"},
		{"", ""},
	}
	for _, test := range tests {
		if got, err := baseURL(test.in); got != test.want || err != nil {
			t.Errorf("%s: got %q, %v, want %q", test.in, got, err, test.want)
		}
	}
}

func TestSettings(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range append(Settings(), AgentSettings()...) {
		if s.Usage == "" {
			t.Errorf("%s has no usage", s.Name)
		}
		if seen[s.Name] {
			t.Errorf("%s is twice there", s.Name)
		}
		seen[s.Name] = true
	}
	auth := Setting{Name: "auth_url"}
	if auth.Flag() != "auth-url" || auth.Env() != "ANAPLAN_AGENT_AUTH_URL" {
		t.Errorf("got %s, %s", auth.Flag(), auth.Env())
	}
	Settings()[0].Name = "changed"
	if Settings()[0].Name != "key" {
		t.Error("a caller can change the table")
	}
	AgentSettings()[0].Name = "changed"
	if AgentSettings()[0].Name != "socket" {
		t.Error("a caller can change the agent's table")
	}
}
