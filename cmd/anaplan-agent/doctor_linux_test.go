//go:build cgo

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/finding"
	"github.com/anaplan-agent/anaplan-agent/agent/signer"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/doctor"
)

// TestDoctor examines set-ups that are broken, each in one way, and one that is not.
func TestDoctor(t *testing.T) {
	c := newClinic(t)
	c.addSick(t)
	t.Run("well", c.testWell)
	t.Run("bundle", c.testBundle)
	t.Run("bundle of mistakes", c.testBundleOfMistakes)
	c.addShy(t)
	for _, label := range []string{"shy a", "shy b", "shy c"} {
		t.Run(label, func(t *testing.T) { c.testShy(t, label) })
	}
	for orders, warning := range oddModules {
		t.Run(orders, func(t *testing.T) { c.testOdd(t, orders, warning) })
	}
	for _, broken := range slices.Concat(brokenSettings, brokenAgents, brokenPINs, brokenDevices, brokenNetworks, brokenLogins) {
		t.Run(broken.name, func(t *testing.T) {
			m := c.newMachine(t)
			if broken.do != nil {
				broken.do(m)
			}
			m.writeConfig()
			if broken.after != nil {
				broken.after(m)
			}
			findings, _ := m.examine()
			wantFinding(t, findings, broken.check, broken.severity, broken.fragment)
		})
	}
}

// testWell: where all is well nothing is said to be wrong, and nothing is left behind.
func (c *clinic) testWell(t *testing.T) {
	m := c.newMachine(t)
	m.writeConfig()
	before := c.server.Counts().Logins
	findings, r := m.examine()
	for _, f := range findings {
		if f.Severity == finding.Warning || f.Severity == finding.Error || f.Severity == finding.Skipped && f.Check != "agent.unit" {
			t.Errorf("%s: %s: %s", f.Severity, f.Check, f.What)
		}
	}
	if r.stderr.Len() > 0 {
		t.Errorf("stderr: %s", r.stderr.String())
	}
	for _, check := range []string{"anaplan.sign", "anaplan.login", "anaplan.user", "anaplan.api", "anaplan.logout", "network.tls", "network.clock", "device.mechanism"} {
		wantFinding(t, findings, check, finding.OK, "")
	}
	if n := c.server.Counts().Logins - before; n != 1 {
		t.Errorf("%d logins, want 1", n)
	}
	if _, err := os.Stat(filepath.Join(m.home, ".local", "state", build.Program, "refused")); err == nil {
		t.Error("something is remembered")
	}
}

// testShy: what a token shows before a login is not held against a key that logs in, and is told as no
// more than that where nobody has looked further.
func (c *clinic) testShy(t *testing.T, label string) {
	m := c.newMachine(t)
	m.profile["key"] = c.shy.Address(t, ";object="+strings.ReplaceAll(label, " ", "%20")).String()
	m.writeConfig()
	findings, _ := m.examine()
	wantNoErrors(t, findings)
	wantFinding(t, findings, "anaplan.sign", finding.OK, "")
	for _, args := range [][]string{{"--login=false"}, {"--pin", "prompt"}} {
		m.args = args
		findings, _ = m.examine()
		wantNoErrors(t, findings)
		if !slices.ContainsFunc(findings, func(f finding.Finding) bool {
			return f.Severity == finding.Skipped && (strings.Contains(f.What, "after one only: ") || strings.Contains(f.What, "hides its keys until")) && strings.Contains(f.Do, "doctor --login looks")
		}) {
			t.Errorf("without a login: %v", findings)
		}
	}
}

// oddModules are those with which a login works all the same, by the shim's orders, and what a warning
// says of the module; "": there is none.
var oddModules = map[string]string{
	"clearflags=0x4":                "",
	"clearflags=0x4;claimsloggedin": "",
	"clearflags=0x40C":              "",
	"claimsloggedin":                "",
	"clearflags=0x400":              "",
	"newslot=1":                     "",
	"lateslots":                     "",
	"nullonly":                      "",
	"nullfunctions":                 "a login does not ask for them",
	"C_GetInfo=crash":               "a login does not ask for them",
	"C_Finalize=crash":              "while closing (signal: segmentation fault); results are delivered first",
	"C_Finalize=hang":               "did not close within 2s and is left alone; its work is done: results are delivered first",
	"unload=crash":                  "while closing (signal: segmentation fault); results are delivered first",
}

// testOdd: nothing is held against a module with which a login works.
func (c *clinic) testOdd(t *testing.T, orders, warning string) {
	m := c.newMachine(t)
	m.behind(orders)
	m.args = []string{"--offline"}
	m.writeConfig()
	findings, _ := m.examine()
	wantNoErrors(t, findings)
	wantFinding(t, findings, "anaplan.sign", finding.OK, "")
	for _, f := range findings {
		if warned := f.Severity == finding.Warning; warned && (warning == "" || !strings.Contains(f.What, warning)) {
			t.Errorf("%s: %s", f.Check, f.What)
		}
	}
	if warning != "" {
		wantFinding(t, findings, "device.module", finding.Warning, "ask the device's vendor for another version of the module")
	}
}

// wantNoErrors fails the test for each error.
func wantNoErrors(t *testing.T, findings []finding.Finding) {
	t.Helper()
	for _, f := range findings {
		if f.Severity == finding.Error {
			t.Errorf("%s: %s", f.Check, f.What)
		}
	}
}

// broken is a set-up with one thing wrong, and what must be said of it.
type broken struct {
	name  string
	do    func(*machine) // before the configuration is written
	after func(*machine)

	check    string
	severity finding.Severity
	fragment string // of what to do
}

var brokenSettings = []broken{
	{name: "setting that there is not", do: func(m *machine) { m.profile["regoin"] = "us1" },
		check: "config.file", severity: finding.Error, fragment: "correct it in the place named"},
	{name: "no TOML", do: func(m *machine) { m.more = "[profile.default\n" },
		check: "config.file", severity: finding.Error, fragment: "correct it"},
	{name: "PIN in the configuration", do: func(m *machine) { m.profile["pin"] = m.well.PIN },
		check: "config.file", severity: finding.Error, fragment: "correct it"},
	{name: "others write the configuration", after: func(m *machine) { os.Chmod(m.config(), 0o666) },
		check: "config.permissions", severity: finding.Error, fragment: "chmod go-w"},
	{name: "others read hashes", do: func(m *machine) {
		m.more = "[client.nightly]\nsecret = \"sha256:" + strings.Repeat("9f", 32) + "\"\npolicy = \"list\"\n"
	}, after: func(m *machine) { os.Chmod(m.config(), 0o644) },
		check: "config.permissions", severity: finding.Warning, fragment: "chmod 600"},
	{name: "profile that there is not", do: func(m *machine) { m.args = []string{"--profile", "prod"} },
		check: "config.profile", severity: finding.Error, fragment: "correct it"},
	{name: "no key", do: func(m *machine) { m.profile["key"] = "" },
		check: "config.key", severity: finding.Error, fragment: "--key"},
	{name: "region that there is not", do: func(m *machine) { m.profile["auth_url"], m.profile["api_url"], m.profile["region"] = "", "", "moon" },
		check: "config.region", severity: finding.Error, fragment: "correct it"},
	{name: "hosts of two regions", do: func(m *machine) {
		m.args = []string{"--offline"}
		m.profile["auth_url"], m.profile["api_url"] = "https://eu3.auth.anaplan.com", "https://api.anaplan.com"
	}, check: "config.region", severity: finding.Error, fragment: "region = "},
	{name: "typo in a variable", do: func(m *machine) { m.env["ANAPLAN_AGENT_TIMEOUTS"] = "5s" },
		check: "config.environment", severity: finding.Warning, fragment: "unset ANAPLAN_AGENT_TIMEOUTS"},
	{name: "no CA file", do: func(m *machine) { m.profile["ca_file"] = filepath.Join(m.home, "none.pem") },
		check: "config.ca_file", severity: finding.Error, fragment: "--ca-file"},
	{name: "no certificate file", do: func(m *machine) { m.profile["certificate"] = filepath.Join(m.home, "none.pem") },
		check: "config.certificate", severity: finding.Error, fragment: "correct the path"},
	{name: "chain in the certificate file", do: func(m *machine) {
		other, err := anaplantest.NewCA()
		if err != nil {
			m.t.Fatal(err)
		}
		m.profile["certificate"] = m.file("chain.pem", string(m.server.CA.PEM())+string(other.PEM()))
	}, check: "config.certificate", severity: finding.Error, fragment: "a file of its own"},
	{name: "no touch command", do: func(m *machine) { m.profile["touch_command"] = "no-such-program --now" },
		check: "config.touch_command", severity: finding.Error, fragment: "full path"},
	{name: "no expiry command", do: func(m *machine) { m.profile["expiry_command"] = "/nowhere/mail" },
		check: "config.expiry_command", severity: finding.Error, fragment: "full path"},
	{name: "format v1", do: func(m *machine) { m.profile["format"] = "v1" },
		check: "config.format", severity: finding.Warning, fragment: "v2"},
}

var brokenAgents = []broken{
	{name: "socket left behind", do: func(m *machine) { closeAbruptly(m.listen("agent.sock")) },
		check: "agent.socket", severity: finding.Warning, fragment: "serve starts an agent"},
	{name: "file in the socket's place", do: func(m *machine) { m.file("run/"+build.Program+"/agent.sock", "") },
		check: "agent.socket", severity: finding.Error, fragment: "remove it"},
	{name: "others write the socket's directory", do: func(m *machine) {
		m.listen("agent.sock")
		os.Chmod(filepath.Join(m.home, "run", build.Program), 0o777)
	}, check: "agent.socket", severity: finding.Error, fragment: "chmod go-w"},
	{name: "something else listens", do: func(m *machine) {
		socket := m.listen("agent.sock")
		go func() {
			for {
				conn, err := socket.Accept()
				if err != nil {
					return
				}
				conn.Close()
			}
		}()
	}, check: "agent.running", severity: finding.Error, fragment: "start it again"},
	{name: "state that is a file", do: func(m *machine) { m.file(".local/state", "") },
		check: "agent.state", severity: finding.Error, fragment: "XDG_STATE_HOME"},
	{name: "no place for the audit", do: func(m *machine) { m.agent["audit_file"] = m.file("plain", "") + "/audit.log" },
		check: "agent.audit", severity: finding.Error, fragment: "audit_file"},
	{name: "no place for the token", do: func(m *machine) { m.profile["token_file"] = m.file("plain", "") + "/token" },
		check: "agent.token_file", severity: finding.Error, fragment: "token_file"},
	{name: "failed unit", do: func(m *machine) { m.installUnit("ActiveState=failed\nResult=exit-code\nNRestarts=5\nLoadState=loaded") },
		check: "agent.unit", severity: finding.Error, fragment: "journalctl --user"},
	{name: "masked unit", do: func(m *machine) { m.installUnit("ActiveState=inactive\nLoadState=masked") },
		check: "agent.unit", severity: finding.Warning, fragment: "unmask"},
	{name: "unit of a program that has gone", do: func(m *machine) {
		m.installUnit("ActiveState=inactive\nLoadState=loaded")
		m.file(".config/systemd/user/"+doctor.UnitName, "[Service]\nExecStart=/nowhere/anaplan-agent serve\n")
	}, check: "agent.unit", severity: finding.Error, fragment: "service install"},
}

var brokenPINs = []broken{
	{name: "variable that is not set", do: func(m *machine) { m.profile["pin"] = "env:DOCTOR_PIN" },
		check: "pin.source", severity: finding.Error, fragment: "set it where this is run"},
	{name: "empty variable", do: func(m *machine) { m.profile["pin"], m.env["DOCTOR_PIN"] = "env:DOCTOR_PIN", "" },
		check: "pin.source", severity: finding.Error, fragment: "an empty one would cost a try"},
	{name: "no PIN file", do: func(m *machine) { m.profile["pin"] = "file:" + filepath.Join(m.home, "none") },
		check: "pin.source", severity: finding.Error, fragment: "umask 077"},
	{name: "others read the PIN", do: func(m *machine) { os.Chmod(m.file("pin", m.well.PIN), 0o644) },
		check: "pin.permissions", severity: finding.Warning, fragment: "chmod 600"},
	{name: "empty PIN file", do: func(m *machine) { m.file("pin", "\n") },
		check: "pin.source", severity: finding.Error, fragment: "an empty one would cost a try"},
	{name: "byte order mark", do: func(m *machine) { m.file("pin", "\xef\xbb\xbf"+m.well.PIN) },
		check: "pin.source", severity: finding.Error, fragment: "plain text"},
	{name: "two lines", do: func(m *machine) { m.file("pin", "# the PIN:\n"+m.well.PIN+"\n") },
		check: "pin.source", severity: finding.Error, fragment: "nothing else"},
	{name: "blank behind the PIN", do: func(m *machine) { m.args = []string{"--login=false"}; m.file("pin", m.well.PIN+" \n") },
		check: "pin.source", severity: finding.Error, fragment: "printf"},
	{name: "no credential", do: func(m *machine) {
		m.profile["pin"], m.env["CREDENTIALS_DIRECTORY"] = "credential:hsm-pin", m.home
	}, check: "pin.source", severity: finding.Error, fragment: "LoadCredential=hsm-pin"},
	{name: "credential of the service", do: func(m *machine) { m.profile["pin"] = "credential:hsm-pin" },
		check: "pin.source", severity: finding.Warning, fragment: "systemctl cat"},
	{name: "no such PIN program", do: func(m *machine) { m.profile["pin"] = "command:no-such-program" },
		check: "pin.source", severity: finding.Error, fragment: "full path"},
	{name: "PIN program wants a terminal", do: func(m *machine) { m.profile["pin"] = "command:sh -c 'read PIN < /dev/tty && echo $PIN'" },
		check: "pin.source", severity: finding.Error, fragment: "setsid"},
	{name: "no pinentry", do: func(m *machine) { m.profile["pin"] = "pinentry:/nowhere/pinentry" },
		check: "pin.source", severity: finding.Error, fragment: "pinentry:PATH"},
	{name: "prompt for a token file", do: func(m *machine) {
		m.profile["pin"], m.profile["token_file"] = "prompt", filepath.Join(m.home, "token")
	}, check: "pin.unattended", severity: finding.Warning, fragment: "file:PATH"},
	{name: "refused before", do: func(m *machine) {
		m.refusePIN()
	}, check: "pin.refused", severity: finding.Error, fragment: "--pin-changed"},
}

var brokenDevices = []broken{
	{name: "no module", do: func(m *machine) { m.profile["key"] = "pkcs11:token=test?module-path=/nowhere/module.so" },
		check: "device.module", severity: finding.Error, fragment: "module-path"},
	{name: "no library", do: func(m *machine) { m.profile["key"] = "pkcs11:token=test?module-path=" + m.file("module.so", "no ELF") },
		check: "device.module", severity: finding.Error, fragment: "module-path"},
	{name: "module that does not start", do: func(m *machine) { m.behind("C_Initialize=0x5") },
		check: "device.module", severity: finding.Error, fragment: "does it serve other programs? pkcs11-tool --module /"},
	{name: "module that crashes", do: func(m *machine) { m.behind("C_GetSlotList=crash") },
		check: "device.module", severity: finding.Error, fragment: "another version of the module"},
	{name: "module that hangs", do: func(m *machine) { m.hangs("C_GetSlotList") },
		check: "device.module", severity: finding.Error, fragment: ""},
	{name: "module that hangs later", do: func(m *machine) { m.hangs("C_OpenSession") },
		check: "device.module", severity: finding.Error, fragment: ""},
	{name: "module that hangs at what no login asks", do: func(m *machine) { m.hangs("C_GetInfo") },
		check: "device.mechanism", severity: finding.Skipped, fragment: ""},
	{name: "no token", do: func(m *machine) { m.profile["key"] = strings.Replace(m.profile["key"], "token=test", "token=other", 1) },
		check: "device.token", severity: finding.Error, fragment: "keys --pin none"},
	{name: "two tokens of a name", do: func(m *machine) { m.profile["key"] = strings.Replace(m.profile["key"], "token=test", "token=pair", 1) },
		check: "device.token", severity: finding.Error, fragment: "serial="},
	{name: "token that does not answer", do: func(m *machine) { m.behind("C_OpenSession=0xE1") },
		check: "device.token", severity: finding.Error, fragment: ""},
	{name: "locked PIN", do: func(m *machine) { m.behind(flagLocked) },
		check: "device.pin", severity: finding.Error, fragment: "--login-type so --init-pin"},
	{name: "last try", do: func(m *machine) { m.behind(flagFinalTry) },
		check: "device.pin", severity: finding.Error, fragment: "--pin prompt"},
	{name: "wrong PIN before", do: func(m *machine) { m.behind("setflags=0x10000") },
		check: "device.pin", severity: finding.Warning, fragment: "look the PIN up"},
	{name: "PIN of the set-up", do: func(m *machine) { m.behind("setflags=0x80000") },
		check: "device.factory_pin", severity: finding.Warning, fragment: "--change-pin"},
	{name: "no such key", do: func(m *machine) { m.profile["key"] = m.well.Address(m.t, ";object=other").String() },
		check: "anaplan.sign", severity: finding.Error, fragment: "lists the keys that are there"},
	{name: "two keys with certificates", do: func(m *machine) { m.key("twins") },
		check: "device.key", severity: finding.Error, fragment: " or pkcs11:"},
	{name: "two keys of a label", do: func(m *machine) { m.key("web") },
		check: "device.duplicates", severity: finding.Warning, fragment: "another label"},
	{name: "two keys of an id", do: func(m *machine) { m.key("web") },
		check: "device.duplicates", severity: finding.Warning, fragment: "unless the device gives ids itself"},
	{name: "short key", do: func(m *machine) { m.key("short") },
		check: "device.key", severity: finding.Error, fragment: "enroll"},
	{name: "device in use", do: func(m *machine) {
		address, err := config.ParseAddress(m.profile["key"])
		if err != nil {
			m.t.Fatal(err)
		}
		unlock, err := signer.LockDevice(context.Background(), filepath.Join(m.home, ".local", "state", build.Program, "locks"), device.LockName(address), nil)
		if err != nil {
			m.t.Fatal(err)
		}
		m.t.Cleanup(unlock)
	}, check: "device.busy", severity: finding.Error, fragment: "status"},
	{name: "first of two devices away", do: func(m *machine) {
		m.profile["key"] = fmt.Sprintf("[%q, %q]", "pkcs11:token=away?module-path="+m.well.Module, m.profile["key"])
	}, check: "device.token", severity: finding.Warning, fragment: "keys --pin none"},
	{name: "no pcscd", do: func(m *machine) { m.profile["key"] = "piv:" },
		check: "device.service", severity: finding.Error, fragment: "systemctl start pcscd.socket"},
	{name: "no certificate", do: func(m *machine) { m.key("bare") },
		check: "certificate.present", severity: finding.Error, fragment: "enroll --key ADDRESS --certificate FILE"},
	{name: "certificate of another key", do: func(m *machine) {
		m.profile["certificate"] = m.file("ca-as-own.pem", string(m.server.CA.PEM()))
	}, check: "certificate.present", severity: finding.Error, fragment: "which certificate belongs to which key"},
	{name: "certificate that has ended", do: func(m *machine) { m.key("expired") },
		check: "certificate.validity", severity: finding.Error, fragment: ""},
	{name: "certificate that ends", do: func(m *machine) { m.key("ending") },
		check: "certificate.validity", severity: finding.Warning, fragment: ""},
	{name: "certificate of nobody", do: func(m *machine) { m.key("anonymous") },
		check: "certificate.email", severity: finding.Error, fragment: ""},
	{name: "certificate for servers", do: func(m *machine) { m.key("web") },
		check: "certificate.eku", severity: finding.Error, fragment: ""},
}

var brokenNetworks = []broken{
	{name: "name that there is not", do: func(m *machine) { m.profile["auth_url"] = "https://auth.anaplan.invalid" },
		check: "network.dns", severity: finding.Error, fragment: "DNS"},
	{name: "nobody listens", do: func(m *machine) { m.profile["auth_url"] = "https://127.0.0.1:1" }, // a port that nobody is given meanwhile
		check: "network.reach", severity: finding.Error, fragment: "HTTPS_PROXY"},
	{name: "malformed proxy", do: func(m *machine) { m.env["HTTPS_PROXY"] = "http://user:100%sure@proxy:8080" },
		check: "network.proxy", severity: finding.Error, fragment: "http://HOST:PORT"},
	{name: "password that cuts the proxy", do: func(m *machine) { m.env["HTTPS_PROXY"] = "http://user:secret#word@proxy:8080" },
		check: "network.proxy", severity: finding.Error, fragment: "%23 for #"},
	{name: "proxy without its colon", do: func(m *machine) { m.env["https_proxy"] = "http//proxy:8080" },
		check: "network.proxy", severity: finding.Error, fragment: "http://HOST:PORT"},
	{name: "proxy for everything but this", do: func(m *machine) { m.env["ALL_PROXY"] = "http://proxy:8080" },
		check: "network.proxy", severity: finding.Warning, fragment: "set HTTPS_PROXY"},
	{name: "proxy that wants a password", do: func(m *machine) {
		m.profile["auth_url"], m.env["HTTPS_PROXY"] = "https://auth.anaplan.com", "http://"+newProxy(m.t, "", 407)
	}, check: "network.proxy", severity: finding.Error, fragment: "http://USER:PASSWORD@"},
	{name: "server of an unknown CA", do: func(m *machine) { m.profile["ca_file"] = "" },
		check: "network.tls", severity: finding.Error, fragment: "--ca-file"},
	{name: "inspection that is not trusted", do: func(m *machine) { m.inspected(false) },
		check: "network.interception", severity: finding.Error, fragment: "excepted from inspection"},
	{name: "inspection that is trusted", do: func(m *machine) { m.inspected(true) },
		check: "network.interception", severity: finding.Warning, fragment: "can read logins and tokens"},
	{name: "old TLS", do: func(m *machine) { m.profile["auth_url"] = m.oldServer() },
		check: "network.tls", severity: finding.Error, fragment: "TLS 1.2"},
	{name: "firewall", do: func(m *machine) { m.server.Fault("/token/validate", 1, anaplantest.Blocked()) },
		check: "network.firewall", severity: finding.Error, fragment: "allowed"},
	{name: "portal of a network", do: func(m *machine) { m.server.Fault("/token/validate", 1, anaplantest.NotJSON()) },
		check: "network.firewall", severity: finding.Error, fragment: "sign in to the network"},
	{name: "maintenance", do: func(m *machine) { m.server.Fault("/token/validate", 1, anaplantest.Unavailable()) },
		check: "network.reach", severity: finding.Error, fragment: "status.anaplan.com"},
	{name: "wrong clock", do: func(m *machine) {
		m.server.SetClockSkew(-10 * time.Minute)
		m.t.Cleanup(func() { m.server.SetClockSkew(0) })
	}, check: "network.clock", severity: finding.Error, fragment: "timedatectl"},
}

var brokenLogins = []broken{
	{name: "signatures that do not verify", do: func(m *machine) { m.behind("badsign") },
		check: "anaplan.sign", severity: finding.Error, fragment: ""},
	{name: "certificate that is not registered", do: func(m *machine) { m.key("stranger") },
		check: "anaplan.login", severity: finding.Error, fragment: "registered and enabled"},
	{name: "user that was renamed", do: func(m *machine) {
		m.server.Fault("/token/validate", 2, withoutCredential(200, `{"tokenInfo":{},"userInfo":{"userId":"renamed@example.com"}}`))
	}, check: "anaplan.user", severity: finding.Warning, fragment: "Administration > Security > Certificates"},
	{name: "API of another region", do: func(m *machine) { m.server.Fault("/2/0/users/me", 1, withoutCredential(401, `{}`)) },
		check: "anaplan.api", severity: finding.Error, fragment: "one region"},
	{name: "token that cannot be ended", do: func(m *machine) { m.server.Fault("/token/logout", 4, anaplantest.Blocked()) },
		check: "anaplan.logout", severity: finding.Warning, fragment: "ends by itself"},
	// The last, for the token remembers it.
	{name: "wrong PIN", do: func(m *machine) { m.key("web"); m.file("pin", "12345678") },
		check: "anaplan.sign", severity: finding.Error, fragment: "the failed command once with --pin-changed"},
}
