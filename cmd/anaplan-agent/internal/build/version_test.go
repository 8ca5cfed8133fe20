package build

import (
	"archive/tar"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestVersionOf: a stamp that nobody has filled in says nothing.
func TestVersionOf(t *testing.T) {
	for stamp, want := range map[string]string{
		"": "",
		"$Format:%(describe:tags=true)|%ct|%H$\n":                    "",
		"|1796053324|e160ef3b08be0f1f0a0c6a0e9d1b6a5b6ad1a0aa\n":     "v0.0.0-20261130154204-e160ef3b08be",
		"|1796053324|e160ef3b08be0f1f0a0c6a0e9d1b6a5b6ad1a0aa+dirty": "v0.0.0-20261130154204-e160ef3b08be+dirty",
		"v1.2.3|1796053324|e160ef3b08be0f1f0a0c6a0e9d1b6a5b6ad1a0aa": "v1.2.3",
		"v1.2.3|yesterday|e160ef3b08be0f1f0a0c6a0e9d1b6a5b6ad1a0aa":  "",
		"v1.2.3|1796053324|": "",
		"v1.2.3-4-ge160ef3|1796053324|e160ef3b08be0f1f0a0c6a0e9d1b6a5b6a": "v1.2.3-4-ge160ef3",
	} {
		if got := versionOf(stamp); got != want {
			t.Errorf("versionOf(%q) = %q, want %q", stamp, got, want)
		}
	}
}

// TestVersionOfAnArchive: an archive of git's, which has no repository in it, names its revision.
func TestVersionOfAnArchive(t *testing.T) {
	git, err := exec.LookPath("git")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(git, append([]string{"-c", "user.name=ana", "-c", "user.email=ana@example.com", "-C", dir}, args...)...)
		cmd.Env = append(os.Environ(), "GIT_COMMITTER_DATE=1796053324 +0000", "GIT_CONFIG_GLOBAL="+os.DevNull)
		output, err := cmd.Output()
		if err != nil {
			t.Fatalf("git %q: %v", args, err)
		}
		return string(output)
	}
	for name, text := range map[string]string{"archive.txt": fromArchive, ".gitattributes": "archive.txt export-subst\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run("init", "-q")
	run("add", ".")
	run("commit", "-q", "-m", "one")
	stamp := func() string {
		t.Helper()
		archive := tar.NewReader(strings.NewReader(run("archive", "--format=tar", "HEAD", "archive.txt")))
		header, err := archive.Next()
		for err == nil && header.Name != "archive.txt" {
			header, err = archive.Next()
		}
		text, readErr := io.ReadAll(archive)
		if err != nil || readErr != nil {
			t.Fatal(err, readErr)
		}
		return versionOf(string(text))
	}
	if got, want := stamp(), "v0.0.0-20261130154204-"+run("rev-parse", "HEAD")[:12]; got != want {
		t.Errorf("without a tag: %q, want %q", got, want)
	}
	run("tag", "v1.4.0")
	if got := stamp(); got != "v1.4.0" {
		t.Errorf("with a tag: %q", got)
	}
}
