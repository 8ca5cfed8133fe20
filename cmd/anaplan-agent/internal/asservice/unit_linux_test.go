package asservice

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// write makes a file with the directories above it.
func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Drop-ins come after the unit, by their names; of one name the first directory's counts.
func TestDropIns(t *testing.T) {
	etc, lib := t.TempDir(), t.TempDir()
	write(t, lib+"/x.service.d/10-a.conf", "")
	write(t, lib+"/x.service.d/20-b.conf", "")
	write(t, etc+"/x.service.d/20-b.conf", "")
	write(t, etc+"/x.service.d/05-c.conf", "")
	write(t, etc+"/x.service.d/readme", "")
	want := []string{etc + "/x.service.d/05-c.conf", lib + "/x.service.d/10-a.conf", etc + "/x.service.d/20-b.conf"}
	if got := dropIns("x.service", []string{etc, lib}); !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// What the service has is read as systemd reads it: an empty setting takes those before it back.
func TestUnit(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/variables", "# a comment\nHTTPS_PROXY=\"http://user:pass word@host:3128\"\nPLAIN=a=b\n\nno variable\n")
	write(t, dir+"/x.service", "[Service]\nUser=ana\nEnvironment=A=b 'C=d e'\nEnvironmentFile="+dir+"/variables\nEnvironmentFile=-"+dir+"/missing\nLoadCredential=old:/old\nStateDirectory=x other\nStateDirectoryMode=0700\n")
	write(t, dir+"/x.service.d/own.conf", "[Service]\nUser=bob\nLoadCredential=\nLoadCredential=pin:/etc/pin\nLoadCredential=inherited\n")
	unit, err := FindUnit(dir + "/x.service")
	if err != nil {
		t.Fatal(err)
	}
	if got := unit.User(); got != "bob" {
		t.Errorf("the user is %q", got)
	}
	env, err := unit.environment()
	if want := []string{"A=b", "C=d e", "HTTPS_PROXY=http://user:pass word@host:3128", "PLAIN=a=b"}; err != nil || !slices.Equal(env, want) {
		t.Errorf("got %q, %v, want %q", env, err, want)
	}
	if got, want := unit.credentials(), []credential{{"pin", "/etc/pin", false}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got, want := unit.directories(), []directory{{"STATE_DIRECTORY", "/var/lib/x", "0700"}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	write(t, dir+"/y.service", "[Service]\nEnvironmentFile="+dir+"/missing\n")
	if unit, err = FindUnit(dir + "/y.service"); err != nil {
		t.Fatal(err)
	}
	if _, err := unit.environment(); err == nil {
		t.Error("a file of variables that is not there is no error")
	}
}

// Commands in what is told are as the person typed this one.
func TestReworded(t *testing.T) {
	t.Setenv(Variable, "")
	if Reworded() != nil {
		t.Error("words change where nothing is run as the service")
	}
	t.Setenv(Variable, "yes")
	const text = "then: anaplan-agent enroll --check; anaplan-agent serve; /usr/bin/anaplan-agent-x"
	const want = "then: sudo anaplan-agent as-service enroll --check; anaplan-agent serve; /usr/bin/anaplan-agent-x"
	if got := Reworded()(text); got != want {
		t.Errorf("got %q", got)
	}
}
