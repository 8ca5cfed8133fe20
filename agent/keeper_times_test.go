package agent_test

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// gaps returns the times between those.
func gaps(times []time.Time) (gaps []time.Duration) {
	for i := 1; i < len(times); i++ {
		gaps = append(gaps, times[i].Sub(times[i-1]))
	}
	return gaps
}

// wantSpread checks that durations are between two, and that chance has used nearly all of that.
// There must be hundreds of them, so that chance cannot have it otherwise.
func wantSpread(t *testing.T, what string, got []time.Duration, least, most time.Duration) {
	t.Helper()
	shortest, longest, edge := slices.Min(got), slices.Max(got), (most-least)/10
	if len(got) < 200 || shortest < least || shortest > least+edge || longest > most || longest < most-edge {
		t.Errorf("%s: %d times from %v to %v, want %v to %v", what, len(got), shortest, longest, least, most)
	}
}

// signTimes has the world fail to sign, and returns when it was tried.
func (w *world) signTimes(err error) *[]time.Time {
	times := new([]time.Time)
	w.set(func() {
		w.sign = func(context.Context, bool, agent.NotifyFunc) error {
			*times = append(*times, time.Now())
			return err
		}
	})
	return times
}

// How long after a failure a caller causes the next attempt.
func TestDemandGaps(t *testing.T) {
	of := func(code agent.Code) *agent.Problem { return agent.Problemf(code, "it fails") }
	doubled := func(limit time.Duration, quick, n int) (gaps []time.Duration) {
		gaps = slices.Repeat([]time.Duration{time.Second}, quick-1)
		for gap := time.Second; len(gaps) < n; gap = min(2*gap, limit) {
			gaps = append(gaps, gap)
		}
		return gaps
	}
	each := slices.Repeat([]time.Duration{time.Second}, 120)
	for _, test := range []struct {
		problem *agent.Problem
		want    []time.Duration
	}{
		{of(agent.CodeDeviceAbsent), each},
		{of(agent.CodeDeviceFailed), each},
		{pinNeeded, each},
		{touchNeeded, each},
		{of(agent.CodeUnreachable), doubled(time.Minute, 5, 15)},
		{of(agent.CodeInternal), doubled(time.Minute, 5, 15)},
		{of(agent.CodeServerRefused), doubled(5*time.Minute, 2, 12)},
		{of(agent.CodeLoginRefused), doubled(5*time.Minute, 2, 12)},
		{of(agent.CodeKeyUnusable), doubled(5*time.Minute, 2, 12)},
		// A process that crashes may be a device that is ill; after a hundred of them it is not.
		{of(agent.CodeSignerFailed), append(slices.Clone(each[:100]), slices.Repeat([]time.Duration{8 * time.Second}, 12)...)},
	} {
		t.Run(string(test.problem.Code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := startWorld(t, nil)
				times := w.signTimes(test.problem)
				for len(*times) <= len(test.want) {
					if problem := w.wantProblem("each time", test.problem.Code); problem != test.problem {
						t.Fatalf("got %+v", problem)
					}
					time.Sleep(time.Second)
				}
				if got := gaps(*times); !slices.Equal(got, test.want) {
					t.Errorf("tried again after %v, want %v", got, test.want)
				}
			})
		})
	}
}

// How long after a failure the Keeper tries by itself.
func TestBackgroundGaps(t *testing.T) {
	for _, test := range []struct {
		code  agent.Code
		quick int // tries that a device has before it is left alone for minutes
	}{{agent.CodeUnreachable, 0}, {agent.CodeDeviceAbsent, 100}, {agent.CodeDeviceFailed, 100}, {agent.CodeSignerFailed, 100}} {
		t.Run(string(test.code), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, eager)
				times := w.signTimes(agent.Problemf(test.code, "it fails"))
				w.run()
				time.Sleep(4 * 24 * time.Hour)
				synctest.Wait()
				got := gaps(*times)
				step := 5 * time.Second
				for i, gap := range got[:10] {
					if gap < step/2 || gap > step {
						t.Errorf("try %d came after %v, want %v to %v", i+2, gap, step/2, step)
					}
					if step = min(2*step, 5*time.Minute); test.quick > 0 {
						step = min(step, 8*time.Second)
					}
				}
				if test.quick > 0 {
					if slow := slices.IndexFunc(got, func(gap time.Duration) bool { return gap > 8*time.Second }); slow != test.quick {
						t.Errorf("%d quick tries, want %d", slow, test.quick)
					}
				}
				wantSpread(t, "later", got[max(10, test.quick):], 150*time.Second, 5*time.Minute)
			})
		})
	}
}

// The same with a token that lives on.
func TestRefreshGaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, eager)
		w.life, w.refresh = 48*time.Hour, always(unreachable)
		w.run()
		time.Sleep(47 * time.Hour)
		wantSpread(t, "refreshes", gaps(w.renewals())[6:], time.Minute, 2*time.Minute)
	})
}

// A token is renewed after 70 to 80 percent of its life, and otherwise replaced shortly before its
// end: an eighth of its life, or 90 seconds, and up to a quarter more.
func TestRenewalAndReserve(t *testing.T) {
	for life, reserve := range map[time.Duration]time.Duration{
		4 * time.Minute: 30 * time.Second, tokenLife: 90 * time.Second,
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, eager)
			var ends time.Time
			var ages, left []time.Duration
			w.life = life
			w.refresh = func(context.Context) error {
				if age := life - time.Until(ends); len(ages) == len(left) {
					ages = append(ages, age)
				}
				return unreachable
			}
			w.authenticate = func(context.Context) error {
				if !ends.IsZero() {
					left = append(left, time.Until(ends))
				}
				ends = time.Now().Add(life)
				return nil
			}
			w.run()
			time.Sleep(400 * life)
			synctest.Wait()
			wantSpread(t, "ages", ages, life*7/10, life*8/10)
			wantSpread(t, "left", left, reserve, reserve*5/4)
		})
	}
}

// While something is to come the Keeper looks at the clocks, which can jump.
func TestLooksTwiceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWorld(t, eager)
		if got := w.wakes(24*time.Minute + time.Second); got != 48 {
			t.Errorf("woke %d times in 24 minutes, want 48", got)
		}
	})
}

// A caller that finds one token after the other refused is believed ever less often, until the last
// one has been good for ten minutes.
func TestComplaints(t *testing.T) {
	const long = 10 * time.Minute
	for name, test := range map[string]struct {
		waits []time.Duration // before each complaint
		want  []time.Duration // what is left to wait; 0: believed
	}{
		"at once":          {[]time.Duration{0, 0}, []time.Duration{0, time.Second}},
		"twice as long":    {[]time.Duration{0, time.Second, time.Second, time.Second}, []time.Duration{0, 0, time.Second, 0}},
		"just not forgot":  {[]time.Duration{0, time.Second + long, time.Second}, []time.Duration{0, 0, time.Second}},
		"just forgotten":   {[]time.Duration{0, time.Second + long + 1, time.Second}, []time.Duration{0, 0, 0}},
		"a nanosecond off": {[]time.Duration{0, time.Second - 1}, []time.Duration{0, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := startWorld(t, nil)
				lease := w.token()
				for i, wait := range test.waits {
					time.Sleep(wait)
					next, err := w.keeper.Replace(t.Context(), lease.Generation, nil)
					var left time.Duration
					if err != nil {
						left = wantCode(t, "refused", err, agent.CodeServerRefused).Wait
					} else if next.Generation != lease.Generation+1 {
						t.Errorf("generation %d after %d", next.Generation, lease.Generation)
					}
					if left != test.want[i] {
						t.Errorf("complaint %d: %v left to wait, want %v", i+1, left, test.want[i])
					}
					if err == nil {
						lease = next
					}
				}
			})
		})
	}
}
