package settings

import (
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/hsm/owned"
)

// checkState refuses a state directory that somebody else can change. A variable may say where it
// is, and what is noted there of a PIN decides whether it is sent.
func checkState() error {
	dir := paths.State()
	if dir == "" {
		return nil
	}
	if err := owned.Check(dir); err != nil {
		return fmt.Errorf("%w: state directory: %w", ErrSettings, err)
	}
	return nil
}
