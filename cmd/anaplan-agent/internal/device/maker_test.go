package device

import (
	"os"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/hsm"
)

// TestDevicesPageHasTheTools: the page of devices has the commands that hints have, to the letter.
func TestDevicesPageHasTheTools(t *testing.T) {
	page, err := os.ReadFile("../../../../docs/devices.md")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, tool := range makersTools {
		refused := &hsm.RefusalError{
			Module: "MODULE", Manufacturer: tool.maker, Token: "prod", Bits: 2048,
			Key: parseAddress(t, "pkcs11:token=prod;object=login"),
		}
		for _, hint := range append(tool.makes(refused), tool.takes(refused)...) {
			command, isCommand := commandOf(hint)
			if !isCommand {
				continue
			}
			count++
			if !strings.Contains(string(page), "\n    "+command+"\n") {
				t.Errorf("the page has no line: %s", command)
			}
		}
	}
	if count < 12 {
		t.Errorf("%d commands", count)
	}
}

// commandOf returns the command of a maker's tool in a hint; some hints are of this program's.
func commandOf(hint string) (command string, ok bool) {
	command = hint[strings.LastIndex(hint, ": ")+1:]
	command, _, _ = strings.Cut(strings.TrimSpace(command), ", or ")
	tool, _, _ := strings.Cut(command, " ")
	return command, strings.Contains(tool, "-") && tool != "anaplan-agent" || tool == "gcloud"
}
