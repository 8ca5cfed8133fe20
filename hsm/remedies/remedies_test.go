//go:build cgo

package remedies_test

import (
	"os"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/hsm/remedies"
)

// TestDevicesPageHasTheInitialisation: the page of devices has the command that a hint has.
func TestDevicesPageHasTheInitialisation(t *testing.T) {
	page, err := os.ReadFile("../../docs/devices.md")
	if err != nil {
		t.Fatal(err)
	}
	if command := remedies.Initialisation("libtpm2_pkcs11.so", 0); !strings.Contains(string(page), "`"+command+"`") {
		t.Errorf("the page does not have %s", command)
	}
}
