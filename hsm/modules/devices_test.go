package modules

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// TestDevicesPage: the addresses of the page of devices can be used as they are, and it has each module
// that is looked for.
func TestDevicesPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/devices.md")
	if err != nil {
		t.Fatal(err)
	}
	known := slices.Concat(wellKnown, neverKnown)
	var named []string
	addresses := regexp.MustCompile("(pkcs11|piv):[^`' ]+").FindAllString(string(page), -1)
	for _, address := range addresses {
		name := checkAddress(t, address)
		if name != "" && !slices.Contains(known, name) {
			t.Errorf("%s: a module %q is not looked for", address, name)
		}
		named = append(named, name)
	}
	if len(addresses) < 20 {
		t.Errorf("it has %d addresses", len(addresses))
	}
	for _, name := range wellKnown {
		if !slices.Contains(named, name) {
			t.Errorf("it has no address with the module %s", name)
		}
	}
}

// checkAddress parses an address, and returns its module's name. An address in a command stands in
// quotes.
func checkAddress(t *testing.T, address string) string {
	t.Helper()
	if strings.HasPrefix(address, "piv:") {
		if _, err := pivuri.Parse(address); err != nil {
			t.Error(err)
		}
		return ""
	}
	if !strings.Contains(address, "x-init-reserved=") {
		address = strings.TrimSuffix(address, "'")
	}
	u, err := uri.Parse(address)
	if err != nil {
		t.Error(err)
	}
	name, _ := u.Get("module-name")
	return name
}
