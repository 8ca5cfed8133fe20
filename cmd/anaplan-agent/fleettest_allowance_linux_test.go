//go:build cgo

package main

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// askForAll has programs ask for all the calls that they can get of 600 a minute, while leaders are killed,
// and returns what Anaplan has seen.
func askForAll(t *testing.T, l *faultLab) (told string) {
	t.Run("allowance", func(t *testing.T) {
		f := newFleetLab(t, l, true, 600)
		for _, m := range slices.Concat(f.members, f.edges) {
			m.start()
		}
		f.leader(f.members...)
		var all []*fleetCallers
		for range 8 {
			all = append(all, callFrom(0, f.edges...))
		}
		const kills = 3
		for range kills {
			time.Sleep(40 * time.Second)
			leader := f.leader(f.members...)
			leader.kill()
			f.succeeds(leader)
			leader.start()
		}
		time.Sleep(40 * time.Second)
		made, failed := 0, 0
		for _, callers := range all {
			callers.stop()
			made, failed = made+callers.calls, failed+len(callers.failed)
			for _, words := range callers.failed {
				t.Error(words)
			}
		}
		counts, busiest := f.server.Counts(), f.anaplan.busiest()
		if busiest > 600 || counts.Throttled > 0 || counts.Logins > kills+1 {
			t.Errorf("%d calls in a minute, %d with 429, %d logins", busiest, counts.Throttled, counts.Logins)
		}
		told = fmt.Sprintf("16 programs that ask for all they can get of 600 calls a minute, the leader killed %d times: %d calls, %d failed,\n"+
			"at most %d in any minute, %d answered 429, %d logins.\n", kills, made, failed, busiest, counts.Throttled, counts.Logins)
		if t.Failed() {
			f.tell()
		}
	})
	return told
}
