//go:build unix

package service

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/google/go-cmp/cmp"
)

// newTestService returns the service of a system, and what it says.
func newTestService(t *testing.T, goos string, flags Flags) (*Service, *bytes.Buffer) {
	t.Helper()
	said := &bytes.Buffer{}
	s := &Service{Flags: flags, Say: &console.Messenger{Out: said}}
	if err := s.makeFiles(goos); err != nil {
		t.Fatal(err)
	}
	return s, said
}

func TestServiceFiles(t *testing.T) {
	t.Setenv("HOME", "/home/a & b")
	t.Setenv("XDG_CONFIG_HOME", "")
	// os.UserConfigDir is that of the system the test runs on.
	config, err := os.UserConfigDir()
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		goos   string
		system bool
		want   []string
	}{
		{"linux", false, []string{config + "/systemd/user/anaplan-agent.service", config + "/systemd/user/anaplan-agent.socket"}},
		{"linux", true, []string{
			"/etc/sysusers.d/anaplan-agent.conf", "/etc/systemd/system/anaplan-agent.service", "/etc/systemd/system/anaplan-agent.socket",
		}},
		{"darwin", false, []string{"/home/a & b/Library/LaunchAgents/com.github.anaplan-agent.plist"}},
		{"darwin", true, []string{"/Library/LaunchDaemons/com.github.anaplan-agent.plist"}},
	}
	for _, test := range tests {
		s, _ := newTestService(t, test.goos, Flags{System: test.system, Program: "/opt/a & b/agent"})
		var got []string
		for _, file := range s.Files {
			got = append(got, file.path)
			if !IsSealed(file.text) {
				t.Errorf("%s is not sealed", file.path)
			}
			for _, name := range []string{"PROGRAM", "SOCKET", "LOG", "CHECKSUM"} {
				if strings.Contains(file.text, "@"+name+"@") {
					t.Errorf("%s: @%s@ was not filled in", file.path, name)
				}
			}
			if test.goos == "darwin" {
				checkPlist(t, file.text)
			}
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s, system %v (-want +got):\n%s", test.goos, test.system, diff)
		}
	}
}

// checkPlist fails unless the text is XML, with the program in it as it is.
func checkPlist(t *testing.T, text string) {
	t.Helper()
	decoder := xml.NewDecoder(strings.NewReader(text))
	found := false
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		data, ok := token.(xml.CharData)
		found = found || ok && string(data) == "/opt/a & b/agent"
	}
	if !found {
		t.Errorf("the program is not in\n%s", text)
	}
}

func TestServiceElsewhere(t *testing.T) {
	tests := []struct{ goos, program, want string }{
		{"plan9", "/bin/anaplan-agent", "have yours start: /bin/anaplan-agent serve"},
	}
	for _, test := range tests {
		s := &Service{Flags: Flags{Program: test.program}}
		if err := s.makeFiles(test.goos); err == nil || !strings.HasSuffix(err.Error(), test.want) {
			t.Errorf("got  %v\nwant ...%s", err, test.want)
		}
	}
}

func TestSeal(t *testing.T) {
	text := seal("# checksum: @CHECKSUM@\n[Service]\n")
	tests := []struct {
		name, text string
		want       bool
	}{
		{"untouched", text, true},
		{"added to", text + "\n", false},
		{"another checksum", strings.Replace(text, "checksum: ", "checksum: 0", 1), false},
		{"no checksum", "[Service]\n", false},
		{"short", "checksum: 12", false},
		{"not filled in", "# checksum: @CHECKSUM@\n", false},
		{"empty", "", false},
	}
	for _, test := range tests {
		if got := IsSealed(test.text); got != test.want {
			t.Errorf("%s: got %v", test.name, got)
		}
	}
}

func TestThisProgram(t *testing.T) {
	running, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	link := filepath.Join(dir, "agent")
	if err := os.Symlink(running, link); err != nil {
		t.Fatal(err)
	}
	other := filepath.Join(dir, "other")
	if err := os.WriteFile(other, []byte("#!/bin/sh\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", dir)
	defer func(args []string) { os.Args = args }(os.Args)
	for _, test := range []struct{ called, want string }{
		{link, link},                            // by a link that leads here
		{"agent", link},                         // by its name, in PATH
		{other, running},                        // by a name that is another program's
		{filepath.Join(dir, "nobody"), running}, // by one that is nobody's, as exec(3) allows
	} {
		os.Args = []string{test.called}
		if got, err := ThisProgram(); got != test.want || err != nil {
			t.Errorf("called as %s: got %q, %v, want %q", test.called, got, err, test.want)
		}
	}
}

// TestHiddenProgram: directories that ProtectHome= and PrivateTmp= hide from the system's unit are
// told from those that are only spelt alike.
func TestHiddenProgram(t *testing.T) {
	link := filepath.Join(t.TempDir(), "link")
	for path, want := range map[string]bool{
		"/usr/bin/anaplan-agent": false, "/opt/home/anaplan-agent": false, "/homes/a": false,
		"/home/ana/anaplan-agent": true, "/root/a": true, "/tmp/a": true,
	} {
		if got := isHidden(path); got != want {
			t.Errorf("%s: got %v", path, got)
		}
	}
	if err := os.Symlink("/usr", link); err != nil {
		t.Fatal(err)
	}
	if strings.HasPrefix(link, "/tmp/") && !isHidden(link) {
		t.Error("a link in a hidden directory is visible")
	}
}

// TestServiceManager has the files written and removed beside a systemctl that only
// writes down what it is called with.
func TestServiceManager(t *testing.T) {
	dir := t.TempDir()
	calls := filepath.Join(dir, "calls")
	script := "#!/bin/sh\necho \"$0 $*\" | sed 's,.*/,,' >> '" + calls + "'\ntest ! -e '" + dir + "/broken' || { echo no bus >&2; exit 1; }\n"
	for _, name := range []string{"systemctl", "systemd-sysusers"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	t.Setenv("PATH", dir+":/usr/bin:/bin")
	t.Setenv("HOME", dir)
	t.Setenv("XDG_CONFIG_HOME", filepath.Join(dir, "config"))
	t.Setenv("XDG_RUNTIME_DIR", dir)

	absent, said := newTestService(t, "linux", Flags{Program: "/bin/sh"})
	if err := absent.install(); err != nil {
		t.Fatal(err)
	}
	if want := "note: systemd does not run here; once it does: systemctl --user daemon-reload"; !strings.Contains(said.String(), want) {
		t.Errorf("without systemd it said\n%s", said)
	}

	if err := os.MkdirAll(filepath.Join(dir, "systemd", "private"), 0o700); err != nil {
		t.Fatal(err)
	}
	s, _ := newTestService(t, "linux", Flags{Program: "/bin/sh"})
	if err := errors.Join(s.install(), s.uninstall()); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(calls)
	if err != nil {
		t.Fatal(err)
	}
	want := "systemctl --user daemon-reload\n" +
		"systemctl --user disable --now anaplan-agent.socket anaplan-agent.service\nsystemctl --user daemon-reload\n"
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}

	if err := os.WriteFile(filepath.Join(dir, "broken"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.install(); err == nil || err.Error() != "systemctl --user daemon-reload: exit status 1: no bus" {
		t.Errorf("got %v", err)
	}
}

func TestServiceWithoutRights(t *testing.T) {
	// Root may write everywhere, but make no directory where a file is.
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "etc"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ := newTestService(t, "linux", Flags{System: true, root: dir, Program: "/bin/sh"})
	if err := s.install(); err == nil || !strings.Contains(err.Error(), "not a directory") {
		t.Errorf("got %v", err)
	}
	err := s.each("", "", s.Files, func(serviceFile) error { return os.ErrPermission })
	if err == nil || !strings.Contains(err.Error(), "run this as root (sudo), or leave out --system") {
		t.Errorf("got %v", err)
	}
}
