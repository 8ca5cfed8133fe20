package main

import (
	"os"
	"strings"
	"testing"
)

// TestReadmeLeavesNoVariables: what README has people type must not leave a shell in which no command
// asks the agent, as variables with a profile's settings do.
func TestReadmeLeavesNoVariables(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	left := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		for i, word := range words {
			name, _, isSet := strings.Cut(word, "=")
			switch {
			case !strings.HasPrefix(name, "ANAPLAN_AGENT_"):
			case isSet && words[0] == "export":
				left[name] = true
			case i > 0 && words[0] == "unset":
				delete(left, name)
			}
		}
	}
	if len(left) > 0 {
		t.Errorf("these stay set: %v", left)
	}
}
