package authority

import (
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/hsm/owned"
)

// checkPrivate refuses a file that somebody else can change or read.
func checkPrivate(path string) error {
	if err := owned.CheckPrivate(path); err != nil {
		return fmt.Errorf("other users may have read the key of the agent's CA: %w; to make another: anaplan-agent ca renew", err)
	}
	return nil
}
