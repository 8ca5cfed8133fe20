package agent_test

import (
	"os"
	"runtime/debug"
	"sync/atomic"
	"testing"
	"time"
)

// activity is of all worlds: how many there are, and how often one has read its clock.
type activity struct{ worlds, looks atomic.Int64 }

// worlds is what TestMain watches.
var worlds activity

// TestMain ends tests that would go on until their time is up: a lock that nobody releases is not
// a deadlock to synctest.
func TestMain(m *testing.M) {
	go worlds.watch()
	os.Exit(m.Run())
}

func (a *activity) watch() {
	const patience = 120 // seconds
	last := a.looks.Load()
	for still := 0; still < patience; still++ {
		time.Sleep(time.Second)
		looks := a.looks.Load()
		if looks != last || a.worlds.Load() == 0 {
			last, still = looks, 0
		}
	}
	debug.SetTraceback("all")
	panic("no Keeper has looked at its clock for 2 minutes")
}
