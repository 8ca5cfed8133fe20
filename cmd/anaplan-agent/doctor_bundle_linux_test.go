//go:build cgo

package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// testBundle: whatever secret there is around, the archive does not hold it.
func (c *clinic) testBundle(t *testing.T) {
	m := c.newMachine(t)
	hash := strings.Repeat("9f", 32)
	m.more = "[client.nightly]\nsecret = \"sha256:" + hash + "\"\npolicy = 'run process \"Secret project\" in model \"Plan\"'\n"
	m.profile["pin"] = "command:sh -c 'echo $DOCTOR_PIN; : argument-of-the-program'"
	m.profile["touch_command"] = "true argument-of-the-touch-command"
	m.profile["expiry_command"] = "true argument-of-the-expiry-command"
	m.env["DOCTOR_PIN"] = c.well.PIN
	m.env["SOME_VARIABLE"] = "value-of-a-variable"
	m.env["HTTPS_PROXY"] = "http://who:proxy-password@proxy.example.com:8080" // this machine is reached without
	var tokens []string
	c.server.Fault("/token/authenticate", 1, overheard(&tokens))
	path := filepath.Join(t.TempDir(), "report.tar.gz")
	m.args = []string{"--bundle", path}
	m.writeConfig()
	findings, r := m.examine()
	if r.code != 0 || len(tokens) == 0 {
		t.Fatalf("exit code %d, %d secrets of a login; %s", r.code, len(tokens), listed(findings))
	}
	files := unpack(t, path)
	for _, secret := range append(tokens, c.well.PIN, hash, "Secret project", "argument-of-", "value-of-a-variable", "proxy-password", "who:") {
		for name, text := range files {
			if strings.Contains(text, secret) {
				t.Errorf("%s holds %q", name, secret)
			}
		}
		if strings.Contains(r.stdout.String()+r.stderr.String(), secret) {
			t.Errorf("the output holds %q", secret)
		}
	}
	for name, wanted := range map[string]string{
		"findings.json": "anaplan.login", "platform.json": "SOME_VARIABLE", "modules.json": "[",
		"configuration.json": "object=login", "configuration.json ": "command:sh", "configuration.json  ": "http://proxy.example.com:8080",
	} {
		if text := files["anaplan-agent-report/"+strings.TrimSpace(name)]; !strings.Contains(text, wanted) {
			t.Errorf("%s lacks %q: %s", name, wanted, text)
		}
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the archive: %v, %v", info.Mode(), err)
	}
	var again result
	again.run(t, m.environment(), []string{"doctor", "--bundle", path})
	if again.code != 1 || !strings.Contains(again.stderr.String(), "exists; it is not replaced") {
		t.Errorf("over an archive that is there: exit code %d, %s", again.code, again.stderr.String())
	}
}

// testBundleOfMistakes: a rule that is wrong is told here, and not to support.
func (c *clinic) testBundleOfMistakes(t *testing.T) {
	m := c.newMachine(t)
	m.more = "[client.nightly]\nsecret = \"sha256:" + strings.Repeat("9f", 32) + "\"\npolicy = ['list', 'run process \"Secret project\"   in modle \"Plan\"']\n"
	path := filepath.Join(t.TempDir(), "report.tar.gz")
	m.args = []string{"--bundle", path}
	m.writeConfig()
	findings, r := m.examine()
	if r.code != 1 || !strings.Contains(listed(findings), "Secret project") {
		t.Errorf("exit code %d, %s", r.code, listed(findings))
	}
	for name, text := range unpack(t, path) {
		if strings.Contains(text, "Secret project") || strings.Contains(text, "modle") {
			t.Errorf("%s holds the rule: %s", name, text)
		}
		if strings.HasSuffix(name, "findings.json") && !strings.Contains(text, "(a rule, left out)") {
			t.Errorf("%s does not have the finding: %s", name, text)
		}
	}
}

// unpack returns the files of an archive.
func unpack(t *testing.T, path string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	zip, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	tape := tar.NewReader(zip)
	for {
		header, err := tape.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(tape)
		if err != nil {
			t.Fatal(err)
		}
		files[header.Name] = string(text)
	}
}
