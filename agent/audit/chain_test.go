package audit

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
)

// TestPartsThatCouldNotBeTakenBack has a failed write leave a part of a line, as where the disk
// takes nothing at all any more: the next write, or the end, takes it back first.
func TestPartsThatCouldNotBeTakenBack(t *testing.T) {
	for name, next := range map[string]func(*chain) error{
		"a write": func(c *chain) error { return c.add([]Entry{{Action: Login}}) },
		"the end": (*chain).close,
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "audit.log")
			c, err := openChain(path, link{}, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer c.file.Close()
			if err := c.add([]Entry{{Action: Login}}); err != nil {
				t.Fatal(err)
			}
			if _, err := c.file.WriteString(`{"time":"half a li`); err != nil {
				t.Fatal(err)
			}
			c.parts = true
			if err := next(c); err != nil {
				t.Fatal(err)
			}
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Verify(bytes.NewReader(text)); err != nil || bytes.Contains(text, []byte("half")) {
				t.Errorf("%v in\n%s", err, text)
			}
		})
	}
}
