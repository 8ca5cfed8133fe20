package processgroup_test

import (
	"testing"
	"time"
)

// TestBind: what a program has started ends with it when that is killed, and stays when it has let go.
func TestBind(t *testing.T) {
	for _, test := range []struct {
		bind   string
		within time.Duration
		want   bool
	}{{"bind", 20 * time.Second, true}, {"bind-and-release", 2 * time.Second, false}} {
		cmd := program(test.bind, "start", "wait")
		lines := output(t, cmd, cmd.Start)
		cmd.Process.Kill()
		cmd.Wait()
		if got := hasEnded(lines, test.within); got != test.want {
			t.Errorf("%s: the helper has ended: %v", test.bind, got)
		}
	}
}
