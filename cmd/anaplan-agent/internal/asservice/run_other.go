//go:build !linux

package asservice

import (
	"errors"
	"runtime"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

// Run is for services of systemd.
func Run(string, []string, *console.Messenger) error {
	return errors.New("as-service is for services of systemd, on Linux; this is " + runtime.GOOS)
}
