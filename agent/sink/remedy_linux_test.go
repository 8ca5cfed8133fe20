package sink_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestRemedies has the file written on file systems that refuse it, each in a mount
// namespace of its own.
func TestRemedies(t *testing.T) {
	if path := os.Getenv(childVariable); path != "" {
		if err := at(path).Write(tokenOf("value")); err != nil {
			t.Fatal(err)
		}
		return
	}
	if err := exec.Command("unshare", "-m", "mount", "-t", "tmpfs", "none", t.TempDir()).Run(); err != nil {
		t.Skip("this user cannot mount: ", err)
	}
	for name, test := range map[string]struct{ prepare, want string }{
		"read-only": {"mount -t tmpfs -o ro none .", "ReadWritePaths="},
		"full":      {"mount -t tmpfs -o size=4k,nr_inodes=2 none . && cd . && head -c 4k /dev/zero > filled", "make room in "},
	} {
		t.Run(name, func(t *testing.T) {
			directory := t.TempDir()
			child := childOf(t, filepath.Join(directory, "token"))
			command := exec.Command("unshare", append([]string{"-m", "sh", "-ec", "cd " + directory + "; " + test.prepare + `; cd "$PWD"; exec "$0" "$@"`}, child.Args...)...)
			command.Env = child.Env
			output, err := command.CombinedOutput()
			if err == nil || !strings.Contains(string(output), test.want) {
				t.Errorf("%v: %s; want %q", err, output, test.want)
			}
		})
	}
}
