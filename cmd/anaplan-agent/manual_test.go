package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/internal/manual"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

const packaging = "../../packaging/"

// manualPages returns all pages of the manual.
func manualPages(t *testing.T) []manual.Page {
	t.Helper()
	pages := manual.Commands(newRootCommand(&console.Messenger{}, nil), "**anaplan-agent-config**(5)", "**anaplan-agent-addresses**(7)")
	settings, err := manual.Configuration(readText(t, "../../docs/configuration.md"), readText(t, packaging+"config.toml"))
	if err != nil {
		t.Fatal(err)
	}
	addresses := manual.Page{Name: "anaplan-agent-addresses", Section: 7, Text: readText(t, packaging+"addresses.md")}
	emulator := manual.Program("anaplan-emulator", "a stand-in for Anaplan on this machine", emulatorHelp(t, "anaplan-emulator"))
	card := manual.Program("piv-emulator", "a virtual YubiKey in a virtual reader", emulatorHelp(t, "piv-emulator"))
	return append(pages, settings, addresses, emulator, card)
}

// emulatorHelp returns the help of an emulator, without its flags: --help has them.
func emulatorHelp(t *testing.T, name string) string {
	return strings.ReplaceAll(readText(t, "../"+name+"/help.txt"), "{{flags}}", "  "+name+" --help lists them")
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// TestManualPages has mandoc and man read the pages. With ANAPLAN_AGENT_MAN they are written there, with
// the date of SOURCE_DATE_EPOCH.
func TestManualPages(t *testing.T) {
	dir := os.Getenv("ANAPLAN_AGENT_MAN")
	seconds, err := strconv.ParseInt(os.Getenv("SOURCE_DATE_EPOCH"), 10, 64)
	if dir != "" && err != nil {
		t.Fatalf("SOURCE_DATE_EPOCH: %v", err)
	}
	written := dir != ""
	if !written {
		dir = t.TempDir()
	}
	if err := manual.Write(dir, time.Unix(seconds, 0), manualPages(t)); err != nil || written {
		t.Logf("%s: %v", dir, err)
		return
	}
	pages, err := filepath.Glob(filepath.Join(dir, "*.[157]"))
	if err != nil || len(pages) < len(commands) {
		t.Fatalf("%d pages (%v) for %d commands", len(pages), err, len(commands))
	}
	lint := exec.Command(hsmtest.Tool(t, "man", "mandoc"), append([]string{"-Tlint", "-Wwarning"}, pages...)...)
	if output, err := lint.CombinedOutput(); err != nil {
		t.Errorf("mandoc: %v\n%s", err, output)
	}
}

// TestManualOfConfiguration: the page has each setting, with the line of the example, and the tables of
// docs/configuration.md have no setting that the program does not know.
func TestManualOfConfiguration(t *testing.T) {
	example := readText(t, packaging+"config.toml")
	if _, err := config.Parse("config.toml", []byte(example)); err != nil {
		t.Errorf("the example as it comes: %v", err)
	}
	open := regexp.MustCompile(`(?m)^#(\[|\w+ *=)`).ReplaceAllString(example, "$1")
	file, err := config.Parse("config.toml", []byte(open))
	if err != nil {
		t.Fatalf("the example with everything in it: %v", err)
	}
	if _, err := file.Agent(nil); err != nil {
		t.Error(err)
	}
	page, err := manual.Configuration(readText(t, "../../docs/configuration.md"), example)
	if err != nil {
		t.Fatal(err)
	}
	for _, setting := range append(config.Settings(), config.AgentSettings()...) {
		if !strings.Contains(page.Text, "**"+setting.Name+"**") || !strings.Contains(page.Text, "example: `"+setting.Name+" = ") {
			t.Errorf("anaplan-agent-config(5) has no setting %s with an example", setting.Name)
		}
	}
}

// TestManualOfAddresses: what the page shows are addresses.
func TestManualOfAddresses(t *testing.T) {
	found := regexp.MustCompile(`(?m)^    ((pkcs11|piv):.*)$`).FindAllStringSubmatch(readText(t, packaging+"addresses.md"), -1)
	if len(found) < 7 {
		t.Errorf("%d addresses", len(found))
	}
	for _, match := range found {
		if _, err := config.ParseAddress(match[1]); err != nil {
			t.Errorf("%s: %v", match[1], err)
		}
	}
}
