//go:build cgo

package piv

import (
	"debug/elf"
	"os"
	"slices"
	"strings"
	"testing"
)

// A program that has this package in it must start where libpcsclite is not
// installed: this test is one.
func TestLibraryIsNotLinked(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	program, err := elf.Open(self)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	libraries, err := program.ImportedLibraries()
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(libraries, func(name string) bool { return strings.Contains(name, "pcsc") }) {
		t.Errorf("the program needs %v to start", libraries)
	}
}
