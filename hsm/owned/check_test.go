//go:build unix

package owned

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

const (
	mine  = 12345 // the user that is asked about
	other = 54321
)

// root makes a directory that is root's, in which files can be anybody's.
func root(t *testing.T) string {
	t.Helper()
	if os.Geteuid() != 0 {
		if slices.Contains(strings.Split(os.Getenv("ANAPLAN_AGENT_REQUIRE"), ","), "root") {
			t.Fatal("ANAPLAN_AGENT_REQUIRE has root, and these tests do not run as root")
		}
		t.Skip("giving files away takes root")
	}
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		os.Chmod(d, 0o755)
	}
	return dir
}

// made is a file, a directory (its name ends with a slash) or a link ("name -> target").
type made struct {
	path     string
	uid, gid int
	mode     fs.FileMode
}

func (m made) in(t *testing.T, dir string) {
	t.Helper()
	name, target, isLink := strings.Cut(m.path, " -> ")
	path := filepath.Join(dir, name)
	var err error
	switch {
	case isLink:
		err = os.Symlink(strings.ReplaceAll(target, "DIR", dir), path)
	case strings.HasSuffix(name, "/"):
		err = os.Mkdir(path, 0o755)
	case m.mode&fs.ModeNamedPipe != 0:
		err = syscall.Mkfifo(path, 0o600)
	default:
		err = os.WriteFile(path, nil, 0o600)
	}
	if err == nil {
		err = os.Lchown(path, m.uid, m.gid)
	}
	if err == nil && !isLink {
		err = os.Chmod(path, m.mode&^fs.ModeNamedPipe)
	}
	if err != nil {
		t.Fatal(err)
	}
}

const sticky = fs.ModeSticky

func TestCheck(t *testing.T) {
	for _, test := range []struct {
		name string
		made []made
		path string
		want string // the end of the remedy, with DIR for the directory; "" for none
	}{
		{"mine", []made{{"f", mine, mine, 0o600}}, "f", ""},
		{"root's", []made{{"f", 0, 0, 0o644}}, "f", ""},
		{"root's group may write", []made{{"f", 0, 0, 0o664}}, "f", ""},
		{"not there", nil, "f", ""},
		{"another's", []made{{"f", other, other, 0o600}}, "f", "sudo chown 12345 DIR/f"},
		{"another's, readable by all", []made{{"f", other, other, 0o444}}, "f", "sudo chown 12345 DIR/f"},
		{"all may write", []made{{"f", mine, mine, 0o666}}, "f", "chmod go-w DIR/f"},
		{"all may write to root's", []made{{"f", 0, 0, 0o602}}, "f", "sudo chmod o-w DIR/f"},
		{"a group may write", []made{{"f", mine, other, 0o660}}, "f", "chmod g-w DIR/f"},
		{"a group and all", []made{{"f", mine, other, 0o666}}, "f", "chmod go-w DIR/f"},
		{"odd name", []made{{"a b'c", mine, mine, 0o666}}, "a b'c", `chmod go-w 'DIR/a b'\''c'`},

		{"in another's directory", []made{{"d/", other, other, 0o755}, {"d/f", mine, mine, 0o600}}, "d/f", "sudo chown root DIR/d"},
		{"in a directory for all", []made{{"d/", 0, 0, 0o777}, {"d/f", mine, mine, 0o600}}, "d/f", "sudo chmod go-w DIR/d"},
		{"above is a directory for all", []made{{"d/", 0, 0, 0o777}, {"d/e/", mine, mine, 0o700}, {"d/e/f", mine, mine, 0o600}}, "d/e/f", "sudo chmod go-w DIR/d"},
		{"in a group's directory", []made{{"d/", mine, other, 0o775}, {"d/f", mine, mine, 0o600}}, "d/f", "chmod g-w DIR/d"},
		{"sticky", []made{{"d/", 0, 0, sticky | 0o777}, {"d/f", mine, mine, 0o600}}, "d/f", ""},
		{"sticky for a group", []made{{"d/", 0, other, sticky | 0o775}, {"d/f", 0, 0, 0o444}}, "d/f", ""}, // as /nix/store
		{"another's in a sticky one", []made{{"d/", 0, 0, sticky | 0o777}, {"d/f", other, other, 0o644}}, "d/f", "sudo chown 12345 DIR/d/f"},
		{"another's sticky one", []made{{"d/", other, other, sticky | 0o777}, {"d/f", mine, mine, 0o644}}, "d/f", "sudo chown root DIR/d"},
		{"another's directory in a sticky one", []made{{"d/", 0, 0, sticky | 0o777}, {"d/e/", other, other, 0o755}, {"d/e/f", mine, mine, 0o644}}, "d/e/f", "sudo chown root DIR/d/e"},

		{"link", []made{{"f", mine, mine, 0o600}, {"l -> f", mine, mine, 0}}, "l", ""},
		{"link to another's", []made{{"f", other, other, 0o644}, {"l -> f", mine, mine, 0}}, "l", "sudo chown 12345 DIR/f"},
		{"another's link in a sticky directory", []made{{"f", mine, mine, 0o600}, {"d/", 0, 0, sticky | 0o777}, {"d/l -> DIR/f", other, other, 0}}, "d/l", "sudo chown -h root DIR/d/l"},
		{"link into a directory for all", []made{{"d/", 0, 0, 0o777}, {"d/f", mine, mine, 0o600}, {"l -> d/f", mine, mine, 0}}, "l", "sudo chmod go-w DIR/d"},
		{"link to a directory", []made{{"d/", other, other, 0o755}, {"d/f", mine, mine, 0o600}, {"l -> d", mine, mine, 0}}, "l/f", "sudo chown root DIR/d"},
		{"link through a directory for all", []made{{"d/", 0, 0, 0o777}, {"d/l -> DIR/f", mine, mine, 0}, {"f", mine, mine, 0o600}, {"m -> d/l", mine, mine, 0}}, "m", "sudo chmod go-w DIR/d"},
		{"dots behind a link", []made{{"d/", other, other, 0o755}, {"d/e/", mine, mine, 0o755}, {"d/f", mine, mine, 0o600}, {"l -> d/e", mine, mine, 0}, {"f", mine, mine, 0o600}}, "l/../f", "sudo chown root DIR/d"},
		{"links in a circle", []made{{"l -> m", mine, mine, 0}, {"m -> l", mine, mine, 0}}, "l", ""},
		{"link to nothing", []made{{"l -> m", mine, mine, 0}}, "l", ""},

		// As the kubelet lays down a secret: the volume is sticky, and each version a directory.
		{"Kubernetes", []made{
			{"v/", 0, 2000, sticky | fs.ModeSetgid | 0o777}, {"v/..1/", 0, 2000, fs.ModeSetgid | 0o755}, {"v/..1/f", 0, 2000, 0o440},
			{"v/..data -> ..1", 0, 0, 0}, {"v/f -> ..data/f", 0, 0, 0},
		}, "v/f", ""},
		{"NixOS", []made{
			{"store/", 0, 30000, sticky | 0o775}, {"store/x/", 0, 0, 0o555}, {"store/x/f", 0, 0, 0o444}, {"etc/", 0, 0, 0o755},
			{"etc/static -> DIR/store/x", 0, 0, 0}, {"etc/f -> static/f", 0, 0, 0},
		}, "etc/f", ""},

		{"a pipe of mine", []made{{"p", mine, mine, fs.ModeNamedPipe | 0o600}}, "p", ""},
		{"a pipe for all", []made{{"p", mine, mine, fs.ModeNamedPipe | 0o666}}, "p", "chmod go-w DIR/p"},
		{"another's pipe", []made{{"p", other, other, fs.ModeNamedPipe | 0o600}}, "p", "sudo chown root DIR/p"},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := root(t)
			for _, m := range test.made {
				m.in(t, dir)
			}
			err := checkFor(dir+"/"+test.path, mine)
			refused, ok := errors.AsType[*Error](err)
			if test.want == "" {
				if err != nil {
					t.Errorf("got %v", err)
				}
				return
			}
			if !ok {
				t.Fatalf("got %v, want %s", err, test.want)
			}
			if want := strings.ReplaceAll(test.want, "DIR", dir); refused.Remedy != want {
				t.Errorf("got  %s\nwant %s", refused.Remedy, want)
			}
			if text := err.Error(); !strings.Contains(text, refused.Path) || !strings.Contains(text, "mode "+octal(refused.Mode)) || !strings.Contains(text, refused.Owner) {
				t.Errorf("it says %s", text)
			}
		})
	}
}

// TestCheckPlace: another user may own what root or this user has given, and nothing that anybody
// could have taken first.
func TestCheckPlace(t *testing.T) {
	const third = 33333
	for _, test := range []struct {
		name string
		made []made
		path string
		want string // the end of the remedy; "": it is fine
	}{
		{"the other's in root's", []made{{"d/", other, other, 0o755}}, "d", ""},
		{"the other's in the other's", []made{{"d/", other, other, 0o755}, {"d/e/", other, other, 0o700}}, "d/e", ""},
		{"mine in the other's", []made{{"d/", other, other, 0o755}, {"d/e/", mine, mine, 0o755}}, "d/e", ""},
		{"the other's in mine", []made{{"d/", mine, mine, 0o755}, {"d/e/", other, other, 0o755}}, "d/e", ""},
		{"a third's", []made{{"d/", third, third, 0o755}}, "d", "sudo chown root DIR/d"},
		{"the other's in a third's", []made{{"d/", third, third, 0o755}, {"d/e/", other, other, 0o755}}, "d/e", "sudo chown root DIR/d"},
		{"a third can write", []made{{"d/", other, third, 0o775}}, "d", "sudo chmod g-w DIR/d"},
		{"for all", []made{{"d/", 0, 0, 0o777}, {"d/e/", other, other, 0o755}}, "d/e", "sudo chmod go-w DIR/d"},
		{"an emptyDir", []made{{"d/", 0, third, fs.ModeSetgid | 0o777}, {"d/e/", other, third, fs.ModeSetgid | 0o755}}, "d/e", "sudo chmod go-w DIR/d"},
		{"the first in a sticky one", []made{{"d/", 0, 0, sticky | 0o777}, {"d/e/", other, other, 0o755}}, "d/e", "sudo chown root DIR/d/e"},
		{"deeper in a sticky one", []made{{"d/", 0, 0, sticky | 0o777}, {"d/e/", other, other, 0o755}, {"d/e/f/", other, other, 0o755}}, "d/e/f", "sudo chown root DIR/d/e"},
		{"mine in a sticky one", []made{{"d/", 0, 0, sticky | 0o777}, {"d/e/", mine, mine, 0o755}, {"d/e/f/", other, other, 0o755}}, "d/e/f", ""},
		{"a sticky one itself", []made{{"d/", 0, 0, sticky | 0o777}}, "d", "sudo chmod go-w DIR/d"},
		{"the other's sticky one", []made{{"d/", other, other, sticky | 0o777}}, "d", "sudo chmod go-w DIR/d"},
		{"a third's link in a sticky one", []made{{"e/", other, other, 0o755}, {"d/", 0, 0, sticky | 0o777}, {"d/l -> DIR/e", third, third, 0}}, "d/l", "sudo chown -h root DIR/d/l"},
		{"the other's link in a sticky one", []made{{"e/", other, other, 0o755}, {"d/", 0, 0, sticky | 0o777}, {"d/l -> DIR/e", other, other, 0}}, "d/l", "sudo chown -h root DIR/d/l"},
		{"root's link", []made{{"e/", other, other, 0o755}, {"l -> e", 0, 0, 0}}, "l", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := root(t)
			for _, m := range test.made {
				m.in(t, dir)
			}
			err := checkPlaceFor(filepath.Join(dir, test.path), mine, other)
			refused, ok := errors.AsType[*Error](err)
			if ok != (test.want != "") || !ok && err != nil {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			if want := strings.ReplaceAll(test.want, "DIR", dir); ok && refused.Remedy != want {
				t.Errorf("got  %s\nwant %s", refused.Remedy, want)
			}
		})
	}
	if err := checkPlaceFor(filepath.Join(root(t), "none"), mine, other); err == nil {
		t.Error("what cannot be looked at is fine")
	}
}

// What the remedy says, done, is a remedy.
func TestRemedyHelps(t *testing.T) {
	dir := root(t)
	for _, m := range []made{{"d/", other, other, 0o777}, {"d/f", other, other, 0o666}} {
		m.in(t, dir)
	}
	path := filepath.Join(dir, "d/f")
	for _, do := range []func() error{
		func() error { return os.Chown(filepath.Dir(path), 0, 0) }, func() error { return os.Chmod(filepath.Dir(path), 0o775) },
		func() error { return os.Chown(path, mine, -1) }, func() error { return os.Chmod(path, 0o664) }, func() error { return os.Chmod(path, 0o644) },
	} {
		if checkFor(path, mine) == nil {
			t.Fatal("it is accepted too early")
		}
		if err := do(); err != nil {
			t.Fatal(err)
		}
	}
	if err := checkFor(path, mine); err != nil {
		t.Error(err)
	}
}

func TestCheckRelative(t *testing.T) {
	dir := root(t)
	made{"d/", 0, 0, 0o777}.in(t, dir)
	made{"d/f", 0, 0, 0o600}.in(t, dir)
	t.Chdir(filepath.Join(dir, "d"))
	if err := Check("f"); err == nil || !strings.HasPrefix(err.Error(), "f is not used, because other users can change it: the directory "+dir+"/d belongs to root (user 0) and has mode 0777; to put it right: chmod go-w ") {
		t.Errorf("got %v", err)
	}
}

func TestOpenFilesAreJudgedThemselves(t *testing.T) {
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	defer writer.Close()
	for _, path := range []string{"/dev/null", "/dev/stdin", "/proc/self/fd/0"} {
		if err := Check(path); err != nil {
			t.Error(err)
		}
	}
}

func TestPrivateGroups(t *testing.T) {
	etc := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(etc, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("passwd", "root:x:0:0::/root:/bin/sh\noperator:x:11:0::/:/nologin\nana:x:12345:12345::/home/ana:/bin/sh\nbob:x:54321:100::/home/bob:/bin/sh\n")
	write("group", "root:x:0:\nana:x:12345:\nstaff:x:50:\nusers:x:100:\nteam:x:200:ana,bob\nours:x:201:ana,root\nbad\nwheel:x:202:bob\n")
	for gid, want := range map[int]bool{0: true, 12345: true, 50: true, 100: false, 200: false, 201: true, 202: false, 999: false} {
		if got := isPrivate(etc, gid, mine); got != want {
			t.Errorf("group %d: %v", gid, got)
		}
	}
	write("nsswitch.conf", "# all\npasswd: files systemd\ngroup: files [SUCCESS=merge] sss\n")
	for gid, want := range map[int]bool{0: true, 12345: true, 50: false, 201: false} { // of these a directory may have more
		if got := isPrivate(etc, gid, mine); got != want {
			t.Errorf("with a directory, group %d: %v", gid, got)
		}
	}
	write("group", "root:x:0:bob\n")
	if isPrivate(etc, 0, mine) {
		t.Error("bob is in root's group")
	}
}
