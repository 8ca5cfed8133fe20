//go:build unix

package authority

import (
	"fmt"
	"os"

	"github.com/anaplan-agent/anaplan-agent/hsm/owned"
)

// checkPrivate refuses a file that somebody else can change or read.
func checkPrivate(path string) error {
	if err := owned.Check(path); err != nil {
		return err
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("%s has mode %04o, so other users may have read the key of the agent's CA; to make another: anaplan-agent ca renew", path, mode)
	}
	return nil
}
