package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain makes a copy of the test program that is named anaplan-agent.exe the program itself, and
// one that is started where the variable plantedMark is set, a program that leaves a mark.
func TestMain(m *testing.M) {
	if strings.EqualFold(filepath.Base(os.Args[0]), "anaplan-agent.exe") {
		main()
		os.Exit(0) // main has returned
	}
	if mark := os.Getenv(plantedMark); mark != "" {
		_ = os.WriteFile(mark, nil, 0o600)
		os.Exit(1)
	}
	os.Exit(m.Run())
}
