package config

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
)

// settingList is the end of errors that list the settings.
const settingList = "key, pin, pin_pad, certificate, touch_command, region, auth_url, api_url, ca_file, header_form, format, timeout, " +
	"allow, policy, tenant, requests_per_minute, token_file, token_file_mode, token_file_owner, idle, expiry_command"

const inProfile = "settings stand in a table [profile.NAME], and only there; write [profile.default] above them"

func TestParseErrors(t *testing.T) {
	tests := []struct {
		name string
		text []string // lines
		want []string // lines
	}{
		{
			"near a setting",
			[]string{"[profile.default]", "", "  auth-url = 'https://a'"},
			[]string{`c.toml:3:3: there is no setting "auth-url"; did you mean auth_url?`, "    auth-url = ...", "    ^"},
		},
		{
			"tabs",
			[]string{"[profile.default]", "\ttimout = '60s'"},
			[]string{`c.toml:2:2: there is no setting "timout"; did you mean timeout?`, "   timout = ...", "   ^"},
		},
		{
			"far from all",
			[]string{"[profile.default]", "password = '835261'"},
			[]string{`c.toml:2:1: there is no setting "password"; there are ` + settingList, "  password = ...", "  ^"},
		},
		{
			"quoted and dotted",
			[]string{`profile.default."é.x" = '1'`},
			[]string{`c.toml:1:1: there is no setting "é.x"; there are ` + settingList},
		},
		{
			"deeper table",
			[]string{"[profile.default.pin]", "env = 'X'"},
			[]string{`c.toml:1:2: pin is one text in quotes: pin = "..."`, "  [profile.default.pin]", "   ^"},
		},
		{
			"number for text",
			[]string{"[profile.default]", "key = 'pkcs11:'", "timeout = 60"},
			[]string{`c.toml:3:1: timeout is one text in quotes: timeout = "..."`, "  timeout = ...", "  ^"},
		},
		{
			"PIN as a number",
			[]string{"[profile.default]", "pin = 835261"},
			[]string{`c.toml:2:1: pin is one text in quotes: pin = "..."`, "  pin = ...", "  ^"},
		},
		{
			"list for text",
			[]string{"[profile.default]", "pin = ['env:A', 'env:B']"},
			[]string{`c.toml:2:1: pin is one text in quotes: pin = "..."`, "  pin = ...", "  ^"},
		},
		{
			"key of numbers",
			[]string{"[profile.default]", "key = ['pkcs11:', 3]"},
			[]string{`c.toml:2:1: key is an address in quotes, or a list of them: key = ["pkcs11:...", "piv:..."]`, "  key = ...", "  ^"},
		},
		{
			"setting outside",
			[]string{"timeout = '60s'"},
			[]string{"c.toml:1:1: " + inProfile, "  timeout = ...", "  ^"},
		},
		{
			"profile without a name",
			[]string{"[profile]", "timeout = '60s'"},
			[]string{"c.toml:2:1: " + inProfile, "  timeout = ...", "  ^"},
		},
		{
			"array of tables",
			[]string{"[[profile.a]]", "timeout = '60s'"},
			[]string{"c.toml:1:3: " + inProfile, "  [[profile.a]]", "    ^"},
		},
		{
			"other table",
			[]string{"[profile.default]", "[profiles.default]", "key = 'pkcs11:'"},
			[]string{`c.toml:2:2: there is no table "profiles"; did you mean [profile.NAME]?`, "  [profiles.default]", "   ^"},
		},
		{
			"other empty table",
			[]string{"[other.x]"},
			[]string{
				`c.toml:1:2: there is no table "other"; settings stand in tables [profile.NAME], ` +
					`those of the whole agent in [agent], those of its clients in [client.NAME], and those of a member in [fleet]`,
				"  [other.x]", "   ^",
			},
		},
		{
			"capitals",
			[]string{"[Agent]"},
			[]string{`c.toml:1:2: there is no table "Agent"; did you mean [agent]?`, "  [Agent]", "   ^"},
		},
		{
			"profile that is not a table",
			[]string{"profile = 3"},
			[]string{"c.toml:1:1: " + inProfile, "  profile = ...", "  ^"},
		},
		{
			"agent that is not a table",
			[]string{"agent = '/run/agent.sock'"},
			[]string{"c.toml:1:1: agent is a table; write [agent], and its settings below it", "  agent = ...", "  ^"},
		},
		{
			"several agents",
			[]string{"[[agent]]", "socket = 'none'"},
			[]string{"c.toml:1:3: agent is a table; write [agent], and its settings below it", "  [[agent]]", "    ^"},
		},
		{
			"agent's setting outside",
			[]string{"socket = 'none'"},
			[]string{"c.toml:1:1: socket is a setting of the whole agent; write [agent] above it", "  socket = ...", "  ^"},
		},
		{
			"agent's setting in a profile",
			[]string{"[profile.default]", "socket = 'none'"},
			[]string{"c.toml:2:1: socket does not stand here, but in the table [agent]", "  socket = ...", "  ^"},
		},
		{
			"near an agent's setting in a profile",
			[]string{"[profile.default]", "share-sockets = true"},
			[]string{
				`c.toml:2:1: there is no setting "share-sockets"; did you mean share_socket, in the table [agent]?`,
				"  share-sockets = ...", "  ^",
			},
		},
		{
			"profile's setting in the agent",
			[]string{"[profile.default]", "[agent]", "idle = '1h'"},
			[]string{"c.toml:3:1: idle does not stand here, but in a table [profile.NAME]", "  idle = ...", "  ^"},
		},
		{
			"near a profile's setting in the agent",
			[]string{"[agent]", "allowed = 'user:ana'"},
			[]string{`c.toml:2:1: there is no setting "allowed"; did you mean allow, in a table [profile.NAME]?`, "  allowed = ...", "  ^"},
		},
		{
			"near in the agent",
			[]string{"[agent]", "log-level = 'info'"},
			[]string{`c.toml:2:1: there is no setting "log-level"; did you mean log_level?`, "  log-level = ...", "  ^"},
		},
		{
			"far in the agent",
			[]string{"[agent]", "password = 'info'"},
			[]string{
				`c.toml:2:1: there is no setting "password"; there are socket, listen, listen_tls, tls, metrics, audit_file, log_level, log_format, log_file, logout_at_end, share_socket`,
				"  password = ...", "  ^",
			},
		},
		{
			"number for a switch",
			[]string{"[agent]", "share_socket = 1"},
			[]string{`c.toml:2:1: share_socket is yes or no: share_socket = "yes"`, "  share_socket = ...", "  ^"},
		},
		{
			"boolean for a text",
			[]string{"[agent]", "audit_file = true"},
			[]string{`c.toml:2:1: audit_file is one text in quotes: audit_file = "..."`, "  audit_file = ...", "  ^"},
		},
		{
			"allow of numbers",
			[]string{"[profile.default]", "allow = [1000]"},
			[]string{`c.toml:2:1: allow is a text in quotes, or a list of them: allow = ["user:NAME", "group:NAME"]`, "  allow = ...", "  ^"},
		},
		{
			"name of a profile with a dot",
			[]string{"[profile.etl.v2]", "timeout = '60s'"},
			[]string{`c.toml:1:2: v2 is not a setting; a name with dots stands in quotes: [profile."etl.v2"]`, "  [profile.etl.v2]", "   ^"},
		},
		{
			"client's setting in a profile",
			[]string{"[profile.default]", "secret = '835261'"},
			[]string{"c.toml:2:1: secret does not stand here, but in a table [client.NAME]", "  secret = ...", "  ^"},
		},
		{
			"near a client's setting in the agent",
			[]string{"[agent]", "secrets = '835261'"},
			[]string{`c.toml:2:1: there is no setting "secrets"; did you mean secret, in a table [client.NAME]?`, "  secrets = ...", "  ^"},
		},
		{
			"setting of two tables in the agent",
			[]string{"[agent]", "policy = ['list']"},
			[]string{"c.toml:2:1: policy does not stand here, but in a table [profile.NAME] or a table [client.NAME]", "  policy = ...", "  ^"},
		},
		{
			"client's setting outside",
			[]string{"secret = '835261'"},
			[]string{"c.toml:1:1: " + outsideClient, "  secret = ...", "  ^"},
		},
		{
			"near clients",
			[]string{"[Clients.a]", "secret = '835261'"},
			[]string{`c.toml:1:2: there is no table "Clients"; did you mean [client.NAME]?`, "  [Clients.a]", "   ^"},
		},
		{
			"empty policy",
			[]string{"[profile.default]", "policy = []"},
			[]string{"c.toml:2:1: " + noRules(profilesTable), "  policy = ...", "  ^"},
		},
		{
			"blank policy",
			[]string{"[profile.default]", "policy = ''"},
			[]string{"c.toml:2:1: " + noRules(profilesTable), "  policy = ...", "  ^"},
		},
		{
			"policy of blank rules",
			[]string{"[profile.default]", "policy = ['', ' \t']"},
			[]string{"c.toml:2:1: " + noRules(profilesTable), "  policy = ...", "  ^"},
		},
		{
			"policy of numbers",
			[]string{"[profile.default]", "policy = [1]"},
			[]string{"c.toml:2:1: policy is a rule in quotes, or a list of them: " + samplePolicy, "  policy = ...", "  ^"},
		},
		{
			"number with a fraction",
			[]string{"[profile.default]", "requests_per_minute = 1.5"},
			[]string{"c.toml:2:1: requests_per_minute is a whole number: requests_per_minute = 600", "  requests_per_minute = ...", "  ^"},
		},
		{
			"number below zero",
			[]string{"[profile.default]", "requests_per_minute = -1"},
			[]string{`c.toml:2:1: requests_per_minute: "-1" is not a whole number from 1 to 100000000`},
		},
		{
			"tenant that is a number",
			[]string{"[profile.default]", "tenant = 7"},
			[]string{`c.toml:2:1: tenant is one text in quotes: tenant = "..."`, "  tenant = ...", "  ^"},
		},
		{
			"list of addresses",
			[]string{"[agent]", "listen = ['127.0.0.1:1', '[::1]:1']"},
			[]string{`c.toml:2:1: listen is one text in quotes: listen = "..."`, "  listen = ...", "  ^"},
		},
		{
			"open to the network",
			[]string{"[agent]", "listen = '0.0.0.0:8470'"},
			[]string{`c.toml:2:1: listen: "0.0.0.0:8470" is not a loopback address: the agent would be open to the network; write it as 127.0.0.1:8470`},
		},
		{
			"level of the agent",
			[]string{"[agent]", "log_level = 'loud'"},
			[]string{`c.toml:2:1: log_level: "loud" is not one of debug, info, warn, error`},
		},
		{
			"two writers of a file",
			[]string{"[profile.a]", "token_file = '/run/a/../token'", "[profile.b]", "token_file = '/run/token'"},
			[]string{`c.toml:4:1: token_file: profile "a" writes this file too; each profile needs its own`},
		},
		{
			"syntax",
			[]string{"[profile.default]", "format: v2"},
			[]string{"c.toml:2:7: expected '=' after key"},
		},
		{
			"syntax in a PIN",
			[]string{"[profile.default]", "pin = 83x261"},
			[]string{`c.toml:2:9: this is not TOML; write NAME = "VALUE"`, "  pin = ...", "        ^"},
		},
		{
			"twice",
			[]string{"[profile.default]", "format = 'v1'", "format = 'v2'"},
			[]string{"c.toml:3:1: key format is already defined", "  format = ...", "  ^"},
		},
		{
			"bad address in another profile",
			[]string{"[profile.default]", "[profile.prod]", "key = ['pkcs11:', 'pkcs11:label=x']"},
			[]string{`c.toml:3:1: key: address "pkcs11:label=x", column 8: there is no attribute "label"; did you mean object (before the "?")?`},
		},
		{
			"PIN in an address",
			[]string{"[profile.default]", "key = 'pkcs11:?pin-value=835261'"},
			[]string{`c.toml:2:1: key: address "pkcs11:?pin-value=...", column 9: ` +
				"a PIN must not stand in an address; give pin-source or the setting pin in place of pin-value"},
		},
		{
			"PIN in pin",
			[]string{"[profile.default]", "pin = '835261'"},
			[]string{"c.toml:2:1: pin: a PIN must not be given here; use env:NAME, file:PATH, " + remedy.Here().PINStores() +
				", command:PROGRAM, pinentry, prompt or none"},
		},
		{
			"bad inline table",
			[]string{"profile.default = { timeout = 'soon' }"},
			[]string{`c.toml:1:1: timeout: "soon" is not a duration; write a number with its unit, as 90s or 2m`},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file, err := Parse("c.toml", []byte(strings.Join(test.text, "\n")+"\n"))
			if err == nil {
				t.Fatalf("got %+v", file)
			}
			if diff := cmp.Diff(test.want, strings.Split(err.Error(), "\n")); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
			if strings.Contains(err.Error(), "835261") {
				t.Error("the PIN is shown")
			}
		})
	}
}

func TestParseCountsCharacters(t *testing.T) {
	_, err := Parse("c.toml", []byte("[profile.'ü']\r\n'ü' = 1\r\n"))
	if want := "c.toml:2:1: there is no setting \"ü\"; there are " + settingList; err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	_, err = Parse("c.toml", []byte("profile.'ü'.pin.x = ü"))
	if want := `c.toml:1:21: this is not TOML; write NAME = "VALUE"`; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

// TestParseUTF16: as Windows PowerShell's > writes it.
func TestParseUTF16(t *testing.T) {
	file, err := Parse("c.toml", []byte("\xff\xfe[\x00a\x00g\x00e\x00n\x00t\x00]\x00"))
	if err != nil || file == nil {
		t.Errorf("got %v", err)
	}
	if _, err = Parse("c.toml", []byte("\xff\xfe[")); err == nil || !strings.HasPrefix(err.Error(), "c.toml: it begins as UTF-16") {
		t.Errorf("half a character: %v", err)
	}
}

func TestProfiles(t *testing.T) {
	file, err := Parse("c.toml", []byte("\xef\xbb\xbf[profile.b]\n[profile.a]\n[profile.default]\n"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "b", "default"}, file.Profiles()); diff != "" {
		t.Errorf("profiles (-want +got):\n%s", diff)
	}
	if got := (*File)(nil).Profiles(); got != nil {
		t.Errorf("of no file: %q", got)
	}
	empty, err := Parse("c.toml", nil)
	if err != nil || empty.Profiles() != nil {
		t.Errorf("of an empty file: %q, %v", empty.Profiles(), err)
	}
}

// TestParseManyProfiles fails if the time grows with the square of the profiles: it
// would take half a minute.
func TestParseManyProfiles(t *testing.T) {
	start := time.Now()
	file, err := Parse("c.toml", manyProfiles(2000))
	if err != nil || len(file.Profiles()) != 2000 {
		t.Fatalf("%d profiles, %v", len(file.Profiles()), err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", "[profile.a]\nkey = 'pkcs11:token=a'\n", "[profile.a]\nkey = ['pkcs11:', 'x']", "profile = 3", "[[profile]]",
		"a.b.c.d = 1", "[profile.a]\npin = \"\"\"\n1234\n\"\"\"", "[profile.a]\r\n\ttimeout: 3", "profile.a = {x = {y = 1}}",
		"[profile.a]\nkey = [[{a = 1}], 2]", "[client.a]\npolicy = 'list'\nsecret = 'sha256:00'\nusers = 'user:a'",
		"[profile.a]\npolicy = ['list']\nrequests_per_minute = 60\n[client.b]\nprofile = 'a'\npolicy = ['list']", "client.a = {policy = []}", "[agent]\nshare_socket = true", "agent.log_level = 'x'", "[[agent]]", "a.b.c.d.e.f = 1", "\xef\xbb\xbf\x00", "[profile.'']\n'' = 1979-05-27",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Parse("c.toml", data)
		if err != nil {
			if !strings.HasPrefix(err.Error(), "c.toml:") {
				t.Errorf("%q: the error names no file: %v", data, err)
			}
			return
		}
		for _, name := range file.Profiles() {
			if _, err := file.Profile(name, nil); err != nil {
				t.Errorf("%q: Parse took profile %q, Profile did not: %v", data, name, err)
			}
		}
		for _, client := range file.Clients() {
			if CheckClientName(client.Name) != nil || len(client.Policy) == 0 || client.Secret != nil && len(client.Secret) != 32 {
				t.Errorf("%q: Parse took client %+v", data, client)
			}
		}
	})
}
