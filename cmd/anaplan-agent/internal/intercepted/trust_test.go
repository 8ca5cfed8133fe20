package intercepted

import (
	"bytes"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/systemroots"
)

// count returns how many certificates are in a file.
func count(t *testing.T, file string) int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		n++
	}
	return n
}

func write(t *testing.T, text []byte, path ...string) string {
	t.Helper()
	file := filepath.Join(path...)
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// What the user has named counts as it did, to each kind of program by its own rules.
func TestTrust(t *testing.T) {
	ca, a, b := newStandIn(t).ca, newStandIn(t).ca, newStandIn(t).ca
	given := t.TempDir()
	one := write(t, bytes.TrimSpace(a), given, "one.pem") // without a line end
	two := write(t, joined(a, b), given, "two.pem")
	directory := filepath.Join(given, "directory")
	if err := os.Mkdir(directory, 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, a, directory, "a.pem")
	write(t, a, directory, "12345678.0")
	write(t, b, directory, "b.crt")
	write(t, []byte("how these came here"), directory, "README")

	system := count(t, write(t, systemroots.PEM(), given, "system.pem"))
	if system < 50 {
		t.Fatalf("the system has %d certificates", system)
	}
	for name, test := range map[string]struct {
		given string // NAME=FILE NAME=FILE
		want  [4]int // certificates beside the agent's
	}{
		"nothing":               {"", [4]int{system, system, system, 0}},
		"for OpenSSL":           {"SSL_CERT_FILE=" + two, [4]int{2, system, 2, 0}},
		"for curl and requests": {"CURL_CA_BUNDLE=" + one, [4]int{system, 1, 1, 0}},
		"for each":              {"SSL_CERT_FILE=" + one + " CURL_CA_BUNDLE=" + two + " REQUESTS_CA_BUNDLE=" + one + " NODE_EXTRA_CA_CERTS=" + two, [4]int{1, 1, 2, 2}},
		"a directory":           {"REQUESTS_CA_BUNDLE=" + directory, [4]int{system, 2, system, 0}},
		"directories":           {"SSL_CERT_DIR=" + directory + string(filepath.ListSeparator) + given + "/none", [4]int{system, system, system + 2, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			getenv := func(name string) string {
				for _, entry := range strings.Fields(test.given) {
					if value, ok := strings.CutPrefix(entry, name+"="); ok {
						return value
					}
				}
				return ""
			}
			env, err := trustEnv(getenv, ca, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			for i, name := range []string{"SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"} {
				file, ok := strings.CutPrefix(env[i], name+"=")
				if !ok {
					t.Fatalf("variable %d is %s", i, env[i])
				}
				if got := count(t, file); got != test.want[i]+1 {
					t.Errorf("%s has %d certificates, want %d and the agent's", name, got, test.want[i])
				}
				if text, err := os.ReadFile(file); err != nil || !bytes.Contains(text, ca) {
					t.Errorf("%s has not the agent's CA (%v)", name, err)
				}
			}
		})
	}
}

func TestTrustUnreadable(t *testing.T) {
	getenv := func(name string) string {
		return map[string]string{"CURL_CA_BUNDLE": filepath.Join(t.TempDir(), "none.pem")}[name]
	}
	_, err := trustEnv(getenv, nil, t.TempDir())
	if err == nil || !strings.Contains(err.Error(), "the variable CURL_CA_BUNDLE names certificates that cannot be read: ") || !strings.Contains(err.Error(), "unset it") {
		t.Errorf("got %v", err)
	}
}

func TestIsAnaplan(t *testing.T) {
	for entry, want := range map[string]bool{
		"*": true, "anaplan.com": true, ".anaplan.com": true, "*.anaplan.com": true, "API.anaplan.com": true, "api.anaplan.com:443": true, ".com": true,
		"localhost": false, "127.0.0.1": false, "::1": false, "notanaplan.com": false, "anaplan.com.example": false, "*.example.com": false, "10.0.0.0/8": false,
	} {
		if got := isAnaplan(entry); got != want {
			t.Errorf("%s: %v", entry, got)
		}
	}
}
