//go:build !windows

package daemon

import (
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// ServeService reports that the agent is not a service of Windows.
func ServeService(*settings.Settings, *console.Messenger) (isService bool, err error) {
	return false, nil
}
