package config

import (
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAgent(t *testing.T) {
	full := mustParse(t, `
[agent]
socket = "/srv/agent/agent.sock"
listen = "localhost:8470"
listen_tls = "0.0.0.0:8471"
tls = "/etc/anaplan-agent/tls/"
metrics = "[::]:9464"
log_format = "json"
audit_file = "/var/log/agent//audit.jsonl"
log_level = "debug"
log_file = "/var/log/agent/agent.log"
logout_at_end = true
share_socket = "yes"

[profile.agent]
`)
	tests := []struct {
		name string
		file *File
		over map[string]Value
		want *Agent
	}{
		{"no file", nil, nil, &Agent{}},
		{"no table", mustParse(t, ""), nil, &Agent{}},
		{"off by booleans", mustParse(t, "[agent]\nshare_socket = false\nlogout_at_end = false"), nil, &Agent{}},
		{"all", full, nil, &Agent{
			Socket: "/srv/agent/agent.sock", Listen: "127.0.0.1:8470", ListenTLS: "0.0.0.0:8471", TLS: "/etc/anaplan-agent/tls", Metrics: "[::]:9464", LogJSON: true, AuditFile: "/var/log/agent/audit.jsonl", LogLevel: slog.LevelDebug, LogFile: "/var/log/agent/agent.log",
			LogoutAtEnd: true, ShareSocket: true,
		}},
		{"over the file", full, over("socket", "none", "listen", "", "listen_tls", "", "tls", "", "metrics", "", "log_format", "text", "audit_file", "", "log_level", "warn", "log_file", "", "logout_at_end", "no", "share_socket", "false"), &Agent{
			Socket: "none", LogLevel: slog.LevelWarn,
		}},
		{"over no file", nil, over("log_level", "error", "logout_at_end", "true"), &Agent{LogLevel: slog.LevelError, LogoutAtEnd: true}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := test.file.Agent(test.over)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAgentErrors(t *testing.T) {
	tests := []struct {
		name string
		over map[string]Value
		want string
	}{
		{"relative", over("socket", "agent.sock"), `--socket: "agent.sock" is not an absolute path; write it in full, for ~ and variables are not replaced; none is for no agent`},
		{"home", over("audit_file", "~/audit"), `--audit-file: "~/audit" is not an absolute path; write it in full, for ~ and variables are not replaced`},
		{"directory", over("audit_file", "/var/log/"), `--audit-file: "/var/log/" is a directory; add the name of the file`},
		{"no path", over("audit_file", "/a\x00b"), `--audit-file: the path holds a character that no path can`},
		{"level", over("log_level", "INFO"), `--log-level: "INFO" is not one of debug, info, warn, error`},
		{"format", over("log_format", "logfmt"), `--log-format: "logfmt" is not one of text, json`},
		{"metrics", over("metrics", "9464"), `--metrics: "9464" is not an address with its port; write it as 127.0.0.1:9464, or 0.0.0.0:9464 for other machines, or with port 0 for any free one`},
		{"metrics by name", over("metrics", "agent-1:9464"), `--metrics: "agent-1" is not an IP address: a name could stand for another one later; write it as 127.0.0.1:9464, or 0.0.0.0:9464 for other machines`},
		{"no certificate", over("listen_tls", "0.0.0.0:8471"), `--listen-tls: it needs a certificate to show; add tls = "DIRECTORY" with tls.crt, tls.key and ca.crt`},
		{"listen_tls by name", over("listen_tls", "agent-1:8471"), `--listen-tls: "agent-1" is not an IP address: a name could stand for another one later; write it as 0.0.0.0:8471, or an address of this machine's own`},
		{"tls", over("tls", "tls"), `--tls: "tls" is not an absolute path; write it in full, for ~ and variables are not replaced`},
		{"switch", over("logout_at_end", "on"), `--logout-at-end: "on" is not yes or no`},
		{"of a profile", over("timeout", "1s"), `--timeout: timeout does not stand here, but in a table [profile.NAME]`},
		{"unknown", over("sockets", "none"), `--sockets: there is no setting "sockets"; did you mean socket?`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, err := (*File)(nil).Agent(test.over)
			if err == nil || err.Error() != test.want {
				t.Errorf("got  %v, %v\nwant %s", got, err, test.want)
			}
		})
	}
}

func TestListen(t *testing.T) {
	const (
		noPort   = " is not an address with its port; write it as 127.0.0.1:8470, or with port 0 for any free one"
		open     = " is not a loopback address: the agent would be open to the network; write it as 127.0.0.1:8470"
		brackets = " lacks the brackets of an IPv6 address; write it as [::1]:8470"
		only     = "only an address with its port stands here, not a URL or a path; write it as 127.0.0.1:8470"
		name     = " is not an IP address: a name could stand for another one later; write it as 127.0.0.1:8470"
		badPort  = " is not a number from 0 to 65535; write it as 127.0.0.1:8470"
	)
	tests := []struct{ in, want, err string }{
		{"", "", ""},
		{"127.0.0.1:8470", "127.0.0.1:8470", ""},
		{"127.255.0.2:65535", "127.255.0.2:65535", ""},
		{"127.0.0.1:0", "127.0.0.1:0", ""},
		{"[::1]:8470", "[::1]:8470", ""},
		{"[0:0::1]:08470", "[::1]:8470", ""},
		{"[::ffff:127.0.0.1]:8470", "127.0.0.1:8470", ""},
		{"localhost:8470", "127.0.0.1:8470", ""},
		{"LocalHost:8470", "127.0.0.1:8470", ""},
		{"0.0.0.0:8470", "", `"0.0.0.0:8470"` + open},
		{"[::]:8470", "", `"[::]:8470"` + open},
		{":8470", "", `""` + name},
		{"*:8470", "", `"*"` + name},
		{"192.168.1.2:8470", "", `"192.168.1.2:8470"` + open},
		{"[fe80::1%lo]:8470", "", `"[fe80::1%lo]:8470"` + open},
		{"localhost.example:8470", "", `"localhost.example"` + name},
		{"127.0.0.1.example:8470", "", `"127.0.0.1.example"` + name},
		{"127.1:8470", "", `"127.1"` + name},
		{"127.0.0.1", "", `"127.0.0.1"` + noPort},
		{"127.0.0.1:", "", `"127.0.0.1:"` + noPort},
		{"[::1]", "", `"[::1]"` + noPort},
		{"localhost", "", `"localhost"` + noPort},
		{"8470", "", `"8470"` + noPort},
		{"none", "", `"none"` + noPort},
		{"::1", "", `"::1"` + brackets},
		{"::1:8470", "", `"::1:8470"` + brackets},
		{"127.0.0.1:65536", "", `port "65536"` + badPort},
		{"127.0.0.1:-1", "", `port "-1"` + badPort},
		{"127.0.0.1:http", "", `port "http"` + badPort},
		{"http://user:password@127.0.0.1:8470", "", only},
		{"127.0.0.1:8470/", "", only},
		{"/run/agent.sock", "", only},
		{"127.0.0.1:1,127.0.0.1:2", "", only},
		{"127.0.0.1:1 [::1]:1", "", only},
	}
	for _, test := range tests {
		t.Run(test.in, func(t *testing.T) {
			got, err := (*File)(nil).Agent(over("listen", test.in))
			if err != nil {
				if got := strings.TrimPrefix(err.Error(), "--listen: "); got != test.err {
					t.Errorf("got  %s\nwant %s", got, test.err)
				}
				return
			}
			if got.Listen != test.want || test.err != "" {
				t.Errorf("got %q, want %q, %s", got.Listen, test.want, test.err)
			}
		})
	}
}

// What is taken is a loopback address, and is taken again as the same.
func FuzzListen(f *testing.F) {
	for _, seed := range []string{"127.0.0.1:8470", "[::1]:0", "localhost:1", "0.0.0.0:1", "[::ffff:127.0.0.1]:1", "::1:1", ":"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := loopbackAddress(text)
		if err != nil || got == "" {
			return
		}
		address, err := netip.ParseAddrPort(got)
		if err != nil || !address.Addr().IsLoopback() {
			t.Errorf("%q became %q: %v", text, got, err)
		}
		if again, err := loopbackAddress(got); again != got || err != nil {
			t.Errorf("%q became %q, %v", got, again, err)
		}
	})
}

func TestAllow(t *testing.T) {
	tests := []struct {
		name, in, want string // want: entries with blanks between them, or the error
	}{
		{"nobody", "''", ""},
		{"empty list", "[]", ""},
		{"one", "'user:ana'", "user:ana"},
		{"several in a text", "'user:ana,group:etl, user:1000'", "user:ana group:etl user:1000"},
		{"texts of several", "['user:ana,group:etl', 'user:DOMAIN\\bo']", `user:ana group:etl user:DOMAIN\bo`},
		{"largest", "'user:4294967294,group:0'", "user:4294967294 group:0"},
		{"too large", "'user:4294967295'", `"user:4294967295": the number is too large`},
		{"no kind", "'ana'", `"ana" does not say whether it is a user or a group; write user:NAME or group:NAME`},
		{"other kind", "'role:ana'", `"role:ana" is neither user:NAME nor group:NAME`},
		{"no name", "'user:'", `"user:": the name is missing`},
		{"everybody", "'user:*'", `"user:*": this is not the name of a user or a group`},
		{"blank", "'user: ana'", `"user: ana": this is not the name of a user or a group`},
		{"dash", "'user:-1'", `"user:-1": this is not the name of a user or a group`},
		{"comma at the end", "'user:ana,'", "an entry is empty; write user:NAME or group:NAME"},
		{"empty entry", "['user:ana', '']", "an entry is empty; write user:NAME or group:NAME"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			file, err := Parse("c.toml", []byte("[profile.default]\nallow = "+test.in))
			if err != nil {
				if got := strings.TrimPrefix(err.Error(), "c.toml:2:1: allow: "); got != test.want {
					t.Errorf("got  %s\nwant %s", got, test.want)
				}
				return
			}
			profile, err := file.Profile("default", nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(profile.Allow, " "); got != test.want {
				t.Errorf("got %s, want %s", got, test.want)
			}
		})
	}
}

func TestTokenFile(t *testing.T) {
	tests := []struct {
		setting, text, want string // want: "" is good
	}{
		{"token_file", "/run/token", ""},
		{"token_file", "token", `"token" is not an absolute path; write it in full, for ~ and variables are not replaced`},
		{"token_file_mode", "600", ""},
		{"token_file_mode", "0o644", ""},
		{"token_file_mode", "0400", ""},
		{"token_file_mode", "0660", `"0660" lets others than the owner write the file; write 0600 or 0640`},
		{"token_file_mode", "0602", `"0602" lets others than the owner write the file; write 0600 or 0640`},
		{"token_file_mode", "0700", `"0700" makes the file executable; write 0600 or 0640`},
		{"token_file_mode", "0641", `"0641" makes the file executable; write 0600 or 0640`},
		{"token_file_mode", "0240", `"0240" does not let the owner read the file; write 0600 or 0640`},
		{"token_file_mode", "4600", `"4600" is not a mode; write it in octal, as 0600 or 0640`},
		{"token_file_mode", "rw-------", `"rw-------" is not a mode; write it in octal, as 0600 or 0640`},
		{"token_file_mode", "-0600", `"-0600" is not a mode; write it in octal, as 0600 or 0640`},
		{"token_file_owner", "etl", ""},
		{"token_file_owner", "1000:1000", ""},
		{"token_file_owner", ":etl", ""},
		{"token_file_owner", "etl:", `"etl:": the name is missing; write USER, USER:GROUP or :GROUP`},
		{"token_file_owner", ":", `":": the name is missing; write USER, USER:GROUP or :GROUP`},
		{"token_file_owner", "a:b:c", `"a:b:c": this is not the name of a user or a group; write USER, USER:GROUP or :GROUP`},
		{"idle", "12", `"12" is not a duration; write a number with its unit, as 90s or 2m`},
		{"idle", "0s", `"0s" is not above zero; write for instance 60s`},
	}
	for _, test := range tests {
		t.Run(test.setting+" "+test.text, func(t *testing.T) {
			_, err := (*File)(nil).Profile("default", over(test.setting, test.text))
			got := ""
			if err != nil {
				got = strings.TrimPrefix(err.Error(), "--"+Setting{Name: test.setting}.Flag()+": ")
			}
			if got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}
