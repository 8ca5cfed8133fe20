package asservice

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
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

// Whose a service is, is read as systemd reads it, and where that is not known it is nobody's: never root's
// by mistake.
func TestUserOfUnit(t *testing.T) {
	for name, test := range map[string]struct{ text, dropIn, want string }{
		"blanks":               {"[Service]\n User = nobody \n", "", "nobody"},
		"a line that goes on":  {"[Service]\nUser=nobody\nExecStart=/bin/sh -c \\\n  foo; \\\n# between\nUser=root\n", "", "nobody"},
		"a comment's end":      {"[Service]\n# a path, C:\\\nUser=nobody\n", "", "nobody"},
		"another section":      {"[Service]\nUser=nobody\n[X-Other]\nUser=root\n", "", "nobody"},
		"a file's end":         {"[Service]\nUser=nobody\nExecStart=a \\", "[Service]\nUser=daemon\n", "daemon"},
		"a drop-in's section":  {"[Service]\nUser=nobody\n", "User=root\n", "nobody"},
		"root":                 {"[Service]\nUser=root\n", "", "root"},
		"no user":              {"[Service]\nExecStart=a\n", "", ""},
		"a user of its own":    {"[Service]\nUser=nobody\nDynamicUser=yes\n", "", ""},
		"masked, so empty":     {"", "", ""},
		"taken back":           {"[Service]\nUser=nobody\n", "[Service]\nUser=\n", ""},
		"user of another unit": {"[Unit]\nUser=nobody\n", "", ""},
	} {
		who, err := NewUnit("x.service", test.text, test.dropIn).identity()
		if test.want == "" {
			if err == nil || !strings.Contains(err.Error(), "names no user") {
				t.Errorf("%s: %+v, %v", name, who, err)
			}
			continue
		}
		if err != nil || who.name != test.want {
			t.Errorf("%s: %+v, %v, want %s", name, who, err, test.want)
		}
	}
}

// Of a variable that is set twice the last value counts, as in a drop-in.
func TestVariablesSetTwice(t *testing.T) {
	unit := NewUnit("x.service", "[Service]\nEnvironment=A=1 ANAPLAN_AGENT_CONFIG=/a\n", "[Service]\nEnvironment=ANAPLAN_AGENT_CONFIG=/b\n")
	if got, err := unit.environment(); err != nil || !slices.Equal(got, []string{"A=1", "ANAPLAN_AGENT_CONFIG=/b"}) {
		t.Errorf("got %q, %v", got, err)
	}
	if got := unit.ConfigFile(); got != "/b" {
		t.Errorf("it reads %s", got)
	}
}

// What is not a file is not waited for.
func TestCredentialIsAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := NewUnit("x.service", "[Service]\nLoadCredential=pin:"+path+"\n").readCredentials(); err == nil {
		t.Error("a FIFO is read")
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
