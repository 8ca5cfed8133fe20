package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain makes a copy of the test program that is named anaplan-agent.exe the program itself.
func TestMain(m *testing.M) {
	if strings.EqualFold(filepath.Base(os.Args[0]), "anaplan-agent.exe") {
		main()
		os.Exit(0) // main has returned
	}
	os.Exit(m.Run())
}
