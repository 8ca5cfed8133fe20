package server

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// allowances bounds how often each of many does something, so that none uses up another's share:
// clients, users, and the strangers, which are all one.
type allowances struct {
	limit rate.Limit
	burst int

	mu sync.Mutex
	of map[string]*rate.Limiter
}

func newAllowances(limit rate.Limit, burst int) *allowances {
	return &allowances{limit: limit, burst: max(burst, 1), of: map[string]*rate.Limiter{}}
}

// mostAllowances is how many have one at a time. They are as many as there are clients and users.
const mostAllowances = 10_000

// take reports whether somebody may do it once more; if not, when.
func (a *allowances) take(who string, now time.Time) (wait time.Duration, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	limiter := a.of[who]
	if limiter == nil {
		a.sweep(now)
		limiter = rate.NewLimiter(a.limit, a.burst)
		a.of[who] = limiter
	}
	return spend(limiter, 1, now)
}

// spend takes a cost out of a bucket, and reports whether it was there; if not, when it will be.
func spend(bucket *rate.Limiter, cost int, now time.Time) (wait time.Duration, ok bool) {
	if cost == 0 || bucket.AllowN(now, cost) {
		return 0, true
	}
	missing := float64(cost) - bucket.TokensAt(now)
	return max(time.Duration(missing/float64(bucket.Limit())*float64(time.Second)), time.Millisecond), false
}

// sweep makes room by forgetting those whose share is full again.
func (a *allowances) sweep(now time.Time) {
	if len(a.of) < mostAllowances {
		return
	}
	for who, limiter := range a.of {
		if limiter.TokensAt(now) >= float64(a.burst) {
			delete(a.of, who)
		}
	}
}
