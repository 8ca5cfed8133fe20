package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMakeSaysWhichGo: where there is an older Go or none, the first line is about that.
func TestMakeSaysWhichGo(t *testing.T) {
	for version, want := range map[string]string{
		"go1.19.8": "or newer is needed, and this is 1.19.8, of ",
		"":         "or newer is needed, and there is no go on PATH",
		"go1.99.1": "",
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "go"), []byte("#!/bin/sh\necho "+version+"\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("make", "--no-print-directory", "-C", "../..", "go-is-new")
		cmd.Env = append(os.Environ(), "PATH="+dir+":/usr/bin:/bin")
		output, err := cmd.CombinedOutput()
		if isOld := err != nil; isOld != (want != "") || !strings.Contains(string(output), want) {
			t.Errorf("go %q: %v\n%s", version, err, output)
		}
	}
}
