//go:build cgo

package hsm

import (
	"os"
	"strings"
	"testing"
)

// TestDevicesPageHasTheInitialisation: the page of devices has the command that a hint has.
func TestDevicesPageHasTheInitialisation(t *testing.T) {
	page, err := os.ReadFile("../docs/devices.md")
	if err != nil {
		t.Fatal(err)
	}
	if command := (&module{path: "libtpm2_pkcs11.so"}).initialisation(0); !strings.Contains(string(page), "`"+command+"`") {
		t.Errorf("the page does not have %s", command)
	}
}
