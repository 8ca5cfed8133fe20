package main

import (
	"runtime"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// The program's own faults stay Go's: a nil pointer is a panic that can be
// recovered from, and not a module's crash.
func TestWatchModulesLeavesGoAlone(t *testing.T) {
	device.WatchModules()
	defer func() {
		if _, ok := recover().(runtime.Error); !ok {
			t.Error("the fault was not a panic of the runtime's")
		}
	}()
	var nothing *settings.Settings
	t.Log(nothing.Profile)
}
