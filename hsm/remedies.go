//go:build cgo

package hsm

import (
	"fmt"
	"path/filepath"
	"strings"
)

// remedies say what to do about modules that do not start before something else
// does, by a part of the module's name.
var remedies = []struct{ module, remedy string }{
	{"opencryptoki", "is its daemon running (systemctl start pkcsslotd), and may this user talk to it (group pkcs11)?"},
	{"p11-kit-client", "is the server running, and does P11_KIT_SERVER_ADDRESS name its socket?"},
	{"softokn", "NSS wants its database named: put &x-init-reserved=configdir='sql:/path/to/db' at the end of the address"},
	{"softhsm", "is its configuration there and readable (SOFTHSM2_CONF, /etc/softhsm/softhsm2.conf; group softhsm)?"},
}

func (m *module) hint(err error) error {
	name := strings.ToLower(filepath.Base(m.path))
	for _, r := range remedies {
		if err != nil && strings.Contains(name, r.module) {
			return fmt.Errorf("%w; %s", err, r.remedy)
		}
	}
	return err
}
