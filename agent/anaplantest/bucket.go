package anaplantest

import (
	"math"
	"sync"
	"time"
)

// bucket is the tenant's allowance of integration requests (contract section 6).
// Its zero value is full.
type bucket struct {
	mu    sync.Mutex
	spent float64
	last  time.Time
}

// take uses up one request at now. Where none is left it returns after how many
// seconds there is one, and uses none.
func (b *bucket) take(now time.Time, burst, refill int) (waitSeconds int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	// A clock that was set back refills nothing.
	if passed := now.Sub(b.last); passed > 0 {
		b.spent = max(0, b.spent-passed.Seconds()*float64(refill))
	}
	b.last = now
	if over := b.spent + 1 - float64(burst); over > 0 {
		return int(math.Ceil(over / float64(refill)))
	}
	b.spent++
	return 0
}
