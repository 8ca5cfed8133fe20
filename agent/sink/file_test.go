package sink_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/sink"
	"github.com/google/go-cmp/cmp"
)

func tokenOf(value string) agent.Token { return agent.Token{Value: agent.NewSecret(value)} }

func at(path string) *sink.File { return &sink.File{Path: path, UID: -1, GID: -1} }

func newFile(t *testing.T) *sink.File {
	t.Helper()
	return at(filepath.Join(t.TempDir(), "token"))
}

func write(t *testing.T, file *sink.File, value string) {
	t.Helper()
	if err := file.Write(tokenOf(value)); err != nil {
		t.Fatal(err)
	}
}

func content(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// names returns what is in the file's directory.
func names(t *testing.T, file *sink.File) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(file.Path))
	if err != nil {
		t.Fatal(err)
	}
	names := []string{}
	for _, entry := range entries {
		names = append(names, entry.Name())
	}
	return names
}

func wantNames(t *testing.T, file *sink.File, want ...string) {
	t.Helper()
	if diff := cmp.Diff(append([]string{}, want...), names(t, file)); diff != "" {
		t.Errorf("files in the directory (-want +got):\n%s", diff)
	}
}

func TestWriteAndRemove(t *testing.T) {
	file := newFile(t)
	if err := file.Remove(); err != nil {
		t.Errorf("nothing there: %v", err)
	}
	for _, value := range []string{"first", "2nd", "the third one"} {
		write(t, file, value)
		if got := content(t, file.Path); got != value+"\n" {
			t.Errorf("got %q", got)
		}
	}
	wantNames(t, file, "token")
	for range 2 {
		if err := file.Remove(); err != nil {
			t.Error(err)
		}
		wantNames(t, file)
	}
}

func TestMode(t *testing.T) {
	if runtime.GOOS == "windows" {
		return // has no such modes
	}
	for mode, want := range map[fs.FileMode]fs.FileMode{0: 0o600, 0o600: 0o600, 0o640: 0o640, 0o666: 0o666, 0o400: 0o400} {
		file := newFile(t)
		file.Mode = mode
		for range 2 {
			write(t, file, "value")
			if info, err := os.Stat(file.Path); err != nil || info.Mode() != want {
				t.Errorf("mode %o: got %v, %v", mode, info.Mode(), err)
			}
		}
	}
}

// TestReadersSeeWholeTokens reads while the file is written again and again.
func TestReadersSeeWholeTokens(t *testing.T) {
	file := newFile(t)
	file.Mode = 0o644
	values := []string{strings.Repeat("a", 700), strings.Repeat("b", 900)}
	write(t, file, values[0])
	done := make(chan struct{})
	var wait sync.WaitGroup
	for range 2 {
		wait.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				text, err := os.ReadFile(file.Path)
				if err != nil {
					t.Error(err)
					return
				}
				if got := string(text); got != values[0]+"\n" && got != values[1]+"\n" {
					t.Errorf("got %q", got)
					return
				}
			}
		})
	}
	for i := range 200 {
		write(t, file, values[i%2])
	}
	close(done)
	wait.Wait()
	wantNames(t, file, "token")
}

func TestWriteRefuses(t *testing.T) {
	directory := t.TempDir()
	t.Chdir(directory)
	path := func(names ...string) string { return filepath.Join(append([]string{directory}, names...)...) }
	os.Mkdir(path("folder"), 0o700)
	os.WriteFile(path("plain"), nil, 0o600)
	strange := at(path("token"))
	strange.Mode = fs.ModeSetuid | 0o700

	for _, test := range []struct {
		file *sink.File
		want string
	}{
		{at("token"), `"token": the path is not absolute`},
		{at(""), "not absolute"},
		{at(path("nowhere", "token")), "no directory " + path("nowhere")},
		{at(path("plain", "token")), "plain"},
		{at(path("folder")), "something else already"},
		{at(os.DevNull), "something else already"},
		{strange, "more than permissions"},
	} {
		err := test.file.Write(tokenOf("hunter2"))
		if err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: got %v, want ...%s...", test.file.Path, err, test.want)
		}
	}
	if err := at(path("token")).Write(agent.Token{}); err == nil {
		t.Error("wrote no token")
	}
	wantNames(t, at(path("token")), "folder", "plain")
}

func TestDirectoryGone(t *testing.T) {
	file := at(filepath.Join(t.TempDir(), "folder", "token"))
	directory := filepath.Dir(file.Path)
	os.Mkdir(directory, 0o700)
	write(t, file, "value")
	os.RemoveAll(directory)
	if err := file.Write(tokenOf("value")); err == nil || !strings.Contains(err.Error(), "no directory "+directory) {
		t.Errorf("got %v", err)
	}
	if err := file.Remove(); err != nil {
		t.Errorf("removing what is gone: %v", err)
	}
	os.Mkdir(directory, 0o700)
	write(t, file, "again")
	wantNames(t, file, "token")
}

// TestOnlyItsOwnIsRemoved puts something else in the file's place.
func TestOnlyItsOwnIsRemoved(t *testing.T) {
	for name, replace := range map[string]func(path string) error{
		"removed and made again": func(path string) error {
			os.Remove(path)
			return os.WriteFile(path, []byte("other"), 0o600)
		},
		"written over": func(path string) error { return os.WriteFile(path, []byte("other"), 0o600) },
		"directory":    func(path string) error { os.Remove(path); return os.Mkdir(path, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			file := newFile(t)
			write(t, file, "value")
			if err := replace(file.Path); err != nil {
				t.Fatal(err)
			}
			if err := file.Remove(); err == nil || !strings.Contains(err.Error(), "stays as it is") {
				t.Errorf("got %v", err)
			}
			wantNames(t, file, "token")
			if err := file.Remove(); err != nil {
				t.Errorf("again: %v", err)
			}
		})
	}
}

// TestAnotherRunsFileStays: what an agent before has left is not known, but replaced.
func TestAnotherRunsFileStays(t *testing.T) {
	file := newFile(t)
	write(t, file, "value")
	next := at(file.Path)
	if err := next.Remove(); err != nil {
		t.Error(err)
	}
	wantNames(t, file, "token")
	write(t, next, "other")
	if err := next.Remove(); err != nil {
		t.Error(err)
	}
	wantNames(t, file)
}

func TestConcurrentUse(t *testing.T) {
	file := newFile(t)
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			for range 20 {
				if err := errors.Join(file.Write(tokenOf("value")), file.Remove()); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	wantNames(t, file)
}
