package daemon

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
)

// logDirectory is a new directory, which must be empty for os.Remove to take it away again.
func logDirectory(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "log")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		os.Remove(filepath.Join(dir, "agent.log"))
		os.Remove(filepath.Join(dir, "agent.log.old"))
		if err := os.Remove(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// TestLogFile: a log goes on where it ended, is put aside when it is long, and is made anew when
// somebody has moved it.
func TestLogFile(t *testing.T) {
	dir := logDirectory(t)
	path := filepath.Join(dir, "agent.log")
	check := func(when, path, want string) {
		t.Helper()
		if text, err := os.ReadFile(path); err != nil || string(text) != want {
			t.Errorf("%s: %q, %v; want %q", when, text, err, want)
		}
	}
	write := func(l *LogFile, line string) {
		t.Helper()
		if _, err := l.Write([]byte(line)); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		l, err := OpenLogFile(path)
		if err != nil {
			t.Fatal(err)
		}
		write(l, "one\n")
		l.Close()
	}
	check("opened twice", path, "one\none\n")
	l, err := OpenLogFile(path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	l.most = 10
	write(l, "three\n")
	check("put aside", path+".old", "one\none\n")
	check("after that", path, "three\n")
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	if err := l.Reopen(); err != nil {
		t.Fatal(err)
	}
	write(l, "a line that is longer\n")
	check("moved", path, "a line that is longer\n")
	slog.New(l.alsoTo(slog.DiscardHandler, &config.Agent{LogLevel: slog.LevelWarn})).Info("not this")
	slog.New(l.alsoTo(slog.DiscardHandler, &config.Agent{LogLevel: slog.LevelWarn})).Warn("slow")
	if text, err := os.ReadFile(path); err != nil || !strings.Contains(string(text), "level=WARN msg=slow") || strings.Contains(string(text), "not this") {
		t.Errorf("logged %q, %v", text, err)
	}
	if handler := (*LogFile)(nil).alsoTo(slog.DiscardHandler, &config.Agent{}); handler != slog.DiscardHandler {
		t.Error("without a file it is another")
	}
}

func TestLogFileNowhere(t *testing.T) {
	dir := logDirectory(t)
	for path, want := range map[string]string{
		dir:                                   "log_file " + dir + ": it is a directory; add a file name",
		filepath.Join(dir, "no", "agent.log"): "there is no directory",
	} {
		if l, err := OpenLogFile(path); l != nil || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", path, err)
		}
	}
}
