package proxy

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestStallTimer(t *testing.T) {
	const limit = time.Minute
	for _, test := range []struct {
		name string
		do   func(*stallTimer)
		want time.Duration // until late is called; 0: it is not
	}{
		{"a wait that does not end", func(w *stallTimer) { w.begin() }, limit},
		{"one that begins later", func(w *stallTimer) { time.Sleep(limit / 4); w.begin() }, limit/4 + limit},
		{"many that end", func(w *stallTimer) {
			for range 10 {
				w.begin()
				time.Sleep(limit - time.Second)
				w.end()
			}
		}, 0},
		{"the last of many", func(w *stallTimer) {
			for range 10 {
				w.begin()
				time.Sleep(limit / 3)
				w.end()
			}
			w.begin()
		}, 10*(limit/3) + limit},
		{"time between waits", func(w *stallTimer) { w.begin(); w.end(); time.Sleep(10 * limit) }, 0},
		{"a stop in the midst", func(w *stallTimer) { w.begin(); time.Sleep(limit / 2); w.stop() }, 0},
		{"a wait after the stop", func(w *stallTimer) { w.stop(); w.begin() }, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var late []time.Duration
				w := newStallTimer(limit, func() { late = append(late, time.Since(began)) })
				test.do(w)
				time.Sleep(5 * limit)
				w.stop()
				if test.want == 0 && late != nil || test.want != 0 && (len(late) != 1 || late[0] != test.want) {
					t.Errorf("late was called at %v, want %v", late, test.want)
				}
			})
		})
	}
}
