package proxy

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestWatch(t *testing.T) {
	const limit = time.Minute
	for _, test := range []struct {
		name string
		do   func(*watch)
		want time.Duration // until late is called; 0: it is not
	}{
		{"a wait that does not end", func(w *watch) { w.begin() }, limit},
		{"one that begins later", func(w *watch) { time.Sleep(limit / 4); w.begin() }, limit/4 + limit},
		{"many that end", func(w *watch) {
			for range 10 {
				w.begin()
				time.Sleep(limit - time.Second)
				w.end()
			}
		}, 0},
		{"the last of many", func(w *watch) {
			for range 10 {
				w.begin()
				time.Sleep(limit / 3)
				w.end()
			}
			w.begin()
		}, 10*(limit/3) + limit},
		{"time between waits", func(w *watch) { w.begin(); w.end(); time.Sleep(10 * limit) }, 0},
		{"a stop in the midst", func(w *watch) { w.begin(); time.Sleep(limit / 2); w.stop() }, 0},
		{"a wait after the stop", func(w *watch) { w.stop(); w.begin() }, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				var late []time.Duration
				w := newWatch(limit, func() { late = append(late, time.Since(began)) })
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
