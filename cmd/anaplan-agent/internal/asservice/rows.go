package asservice

import (
	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
)

// Rows are what to do where a command cannot be run as the service is. The services are systemd's.
func Rows(system remedy.System) explain.Table {
	rows := explain.Plain(ErrNoUnit, ErrNotRoot, ErrAsking)
	if system.Manager() == "systemd" {
		rows[0].Hints = explain.Hints("sudo " + build.Program + " service install makes it; --unit names another")
		rows[1].Hints = explain.Hints("the same command with sudo")
		rows[2].Hints = explain.Hints("it says so on D-Bus: systemctl status dbus.socket; the package is dbus")
	}
	return rows
}
