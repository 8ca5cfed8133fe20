package postgres_test

import (
	"os"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/lease/postgres"
)

// TestTableOfThePage: what docs/fleet.md has people run is what the program would.
func TestTableOfThePage(t *testing.T) {
	page, err := os.ReadFile("../../../docs/fleet.md")
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(page), postgres.Table+";\n") {
		t.Errorf("docs/fleet.md does not have this statement:\n%s", postgres.Table)
	}
}
