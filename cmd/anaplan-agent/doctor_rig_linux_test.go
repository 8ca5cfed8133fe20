//go:build cgo

package main

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/finding"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/doctor"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// clinic is what all machines have in common: a token whose one key is as it should be, one
// with keys that are not, two of one name, one that shows little, and an Anaplan.
type clinic struct {
	server     *anaplantest.Server
	well, sick *hsmtest.Token
	shy        *hsmtest.Token
	shim       string // a module that misbehaves as told
}

// newClinic makes the good token and Anaplan.
func newClinic(t *testing.T) *clinic {
	c := &clinic{server: anaplantest.NewServer(t, &anaplantest.Options{QuickTasks: true}), well: hsmtest.NewToken(t)}
	login, key := hsmtest.Named("login", 1), hsmtest.RSAKey(t, "a")
	c.well.Put(t, login.Pair(key, c.server.Enroll(key.Public(), nil))...)
	c.well.Put(t, hsmtest.Named("ca", 2).Certificate(c.server.CA.Certificate))
	return c
}

// addSick makes the rest.
func (c *clinic) addSick(t *testing.T) {
	c.shim = hsmtest.BuildShim(t)
	c.sick = hsmtest.InitToken(t, c.well.Module, "sick")
	now := time.Now()
	for i, bad := range []struct {
		label  string
		issued *anaplantest.IssueOptions // nil: no certificate
	}{
		{"bare", nil},
		{"expired", &anaplantest.IssueOptions{NotBefore: now.AddDate(-2, 0, 0), NotAfter: now.AddDate(-1, 0, 0)}},
		{"ending", &anaplantest.IssueOptions{NotAfter: now.AddDate(0, 0, 5)}},
		{"anonymous", &anaplantest.IssueOptions{NoEmail: true}},
		{"web", &anaplantest.IssueOptions{ServerOnly: true}},
		{"stranger", &anaplantest.IssueOptions{Email: "stranger@example.com"}},
		{"twins", &anaplantest.IssueOptions{}},
		{"twins", &anaplantest.IssueOptions{}},
	} {
		c.put(t, hsmtest.Named(bad.label, byte(10+i)), bad.issued)
	}
	c.put(t, hsmtest.Named("namesake", 10), nil) // the id of bare
	short := hsmtest.ShortRSAKey(t)
	c.sick.Put(t, hsmtest.Named("short", 30).Private(short), hsmtest.Named("short", 30).Public(&short.PublicKey))
	for range 2 {
		hsmtest.InitToken(t, c.well.Module, "pair")
	}
}

// addShy makes keys that log in, and of which a token shows little, or other things, before a login.
func (c *clinic) addShy(t *testing.T) {
	c.shy = hsmtest.InitToken(t, c.well.Module, "shy")
	private := func(o hsmtest.Object) hsmtest.Object { return o.With(pkcs11.CKA_PRIVATE, true) }
	put := func(label string, id byte, objects func(name hsmtest.Name, key *rsa.PrivateKey, cert *x509.Certificate) []hsmtest.Object) {
		key := hsmtest.RSAKey(t, label)
		name := hsmtest.Named("shy "+label, id)
		c.shy.Put(t, append(objects(name, key, c.server.Enroll(key.Public(), nil)), name.Private(key))...)
	}
	put("a", 1, func(name hsmtest.Name, key *rsa.PrivateKey, cert *x509.Certificate) []hsmtest.Object {
		public := hsmtest.Named("public half", 1) // as OpenSC names those of PIV cards
		return []hsmtest.Object{public.Public(&key.PublicKey), hsmtest.Named("Certificate for PIV", 1).Certificate(cert)}
	})
	put("b", 2, func(name hsmtest.Name, key *rsa.PrivateKey, cert *x509.Certificate) []hsmtest.Object {
		return []hsmtest.Object{name.Public(&key.PublicKey), private(name.Certificate(cert))}
	})
	put("c", 3, func(name hsmtest.Name, key *rsa.PrivateKey, cert *x509.Certificate) []hsmtest.Object {
		left := hsmtest.Named(name.Label, 4)
		deleted, err := rsa.GenerateKey(rand.Reader, 2048)
		if err != nil {
			t.Fatal(err)
		}
		return []hsmtest.Object{
			name.Public(&key.PublicKey), name.Certificate(cert),
			left.Public(&deleted.PublicKey), left.Certificate(c.server.Enroll(deleted.Public(), nil)),
		}
	})
}

// put puts a new key on the sick token, and a certificate if it shall have one.
func (c *clinic) put(t *testing.T, name hsmtest.Name, issued *anaplantest.IssueOptions) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	c.sick.Put(t, name.Private(key), name.Public(&key.PublicKey))
	if issued == nil {
		return
	}
	cert, err := c.server.CA.IssueForKey(key.Public(), issued)
	if err != nil {
		t.Fatal(err)
	}
	c.sick.Put(t, name.Certificate(cert))
}

// machine is one set-up: a home with a configuration file in it. It is well until something
// is done to it.
type machine struct {
	*clinic
	t       *testing.T
	home    string
	profile map[string]string // its settings
	agent   map[string]string // those of [agent]
	more    string            // of the configuration file, behind them
	env     map[string]string
	args    []string
}

// newMachine returns one that is well.
func (c *clinic) newMachine(t *testing.T) *machine {
	t.Helper()
	m := &machine{clinic: c, t: t, home: t.TempDir(), agent: map[string]string{}}
	m.env = map[string]string{
		"HOME": m.home, "XDG_CONFIG_HOME": "", "XDG_STATE_HOME": "", "XDG_RUNTIME_DIR": filepath.Join(m.home, "run"),
		"STATE_DIRECTORY": "", "CREDENTIALS_DIRECTORY": "", "PCSCLITE_CSOCK_NAME": filepath.Join(m.home, "no-pcscd"),
		"GORACE": "atexit_sleep_ms=0",
	}
	for _, name := range append(slices.Clone(doctor.ProxyVariables), "NO_PROXY", "no_proxy") {
		m.env[name] = ""
	}
	m.profile = map[string]string{
		"key": c.well.Address(t, ";object=login").String(), "pin": "file:" + m.file("pin", c.well.PIN+"\n"),
		"auth_url": c.server.URL, "api_url": c.server.URL, "ca_file": m.file("ca.pem", string(c.server.CA.PEM())), "timeout": "60s",
	}
	return m
}

// file writes a file of the machine's, for it alone, and returns its path.
func (m *machine) file(name, content string) string {
	m.t.Helper()
	path := filepath.Join(m.home, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		m.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		m.t.Fatal(err)
	}
	return path
}

// key has the profile name a key of the sick token.
func (m *machine) key(label string) {
	m.profile["key"] = m.sick.Address(m.t, ";object="+label).String()
}

// behind puts a module in front of the token that misbehaves as told.
func (m *machine) behind(orders ...string) {
	m.profile["key"] = m.well.Behind(m.t, m.shim, orders...).Address(m.t, ";object=login").String()
}

// hangs is behind for a module that hangs in a function. It does so for the whole time of the profile.
func (m *machine) hangs(function string) {
	m.behind(function + "=hang")
	m.profile["timeout"] = "8s"
}

// config returns the path of the configuration file.
func (m *machine) config() string {
	return filepath.Join(m.home, ".config", build.Program, "config.toml")
}

// writeConfig writes the configuration file.
func (m *machine) writeConfig() {
	var text strings.Builder
	for _, table := range []struct {
		name   string
		values map[string]string
	}{{"agent", m.agent}, {"profile.default", m.profile}} {
		fmt.Fprintf(&text, "[%s]\n", table.name)
		for _, name := range slices.Sorted(maps.Keys(table.values)) {
			value := table.values[name]
			if strings.HasPrefix(value, "[") {
				fmt.Fprintf(&text, "%s = %s\n", name, value)
			} else {
				fmt.Fprintf(&text, "%s = %q\n", name, value)
			}
		}
	}
	m.file(".config/"+build.Program+"/config.toml", text.String()+m.more)
}

// environment returns the variables as a command wants them.
func (m *machine) environment() (env []string) {
	for name, value := range m.env {
		env = append(env, name+"="+value)
	}
	return env
}

// examine runs doctor, and returns what it has found.
func (m *machine) examine() (findings []finding.Finding, r result) {
	m.t.Helper()
	r.run(m.t, m.environment(), slices.Concat([]string{"doctor", "--json"}, m.args))
	if strings.Contains(r.stderr.String(), "goroutine ") {
		m.t.Fatalf("it panicked: %s", r.stderr.String())
	}
	if strings.Contains(r.stdout.String()+r.stderr.String(), m.well.PIN) {
		m.t.Errorf("it shows the PIN")
	}
	if err := json.Unmarshal(r.stdout.Bytes(), &findings); err != nil {
		m.t.Fatalf("exit code %d, %v; stdout %s; stderr %s", r.code, err, r.stdout.String(), r.stderr.String())
	}
	want := 0
	if finding.Worst(findings) == finding.Error {
		want = explain.Failed
	}
	if r.code != want {
		m.t.Errorf("exit code %d, want %d", r.code, want)
	}
	return findings, r
}

// wantFinding fails the test unless there is such a finding.
func wantFinding(t *testing.T, findings []finding.Finding, check string, severity finding.Severity, fragment string) {
	t.Helper()
	found := slices.ContainsFunc(findings, func(f finding.Finding) bool {
		return f.Check == check && f.Severity == severity && strings.Contains(f.Do, fragment)
	})
	if !found {
		t.Errorf("no finding %s, %s, with %q to do; there are:\n%s", check, severity, fragment, listed(findings))
	}
}

// listed lists findings for a failed test.
func listed(findings []finding.Finding) string {
	var text strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&text, "%-8s %s: %s\n         -> %s\n", f.Severity, f.Check, f.What, f.Do)
	}
	return text.String()
}

// refusePIN has the token refuse the PIN of the profile.
func (m *machine) refusePIN() {
	m.t.Helper()
	asker := &pin.Asker{
		Source: config.PINSource{Kind: config.PINFile, Arg: strings.TrimPrefix(m.profile["pin"], "file:")},
		Book:   pin.NewBook(filepath.Join(m.home, ".local", "state", build.Program), nil, []string{filepath.Join(m.home, ".cache", build.Program)}),
		Pause:  func() func() { return func() {} },
		Say:    &console.Messenger{Out: io.Discard},
	}
	given, err := asker.ForToken(m.well.Address(m.t))(m.t.Context(), hardware.PINRequest{Device: m.well.Label, Serial: m.well.Serial})
	if err != nil {
		m.t.Fatal(err)
	}
	given.Guard(hardware.DevicePIN, func() error { return &hardware.PINError{Text: "the PIN is wrong"} })
}
