package mutualtls

import (
	"maps"
	"slices"
	"sync"
	"time"
)

// lateTime is for how long Callers remember one, mostCallers how many they do.
const (
	lateTime    = time.Hour
	mostCallers = 1000
)

// Caller is somebody on another machine who has asked for something.
type Caller struct {
	Names   []string // as of NamesOf
	Address string   // without its port
	At      time.Time
}

// Callers are those of late. The zero Callers are none; all methods may be called at the same time.
type Callers struct {
	mu  sync.Mutex
	all map[callerKey]Caller
}

type callerKey struct{ name, address string }

func (c Caller) key() callerKey {
	if len(c.Names) == 0 {
		return callerKey{"", c.Address}
	}
	return callerKey{c.Names[0], c.Address}
}

// Note notes one.
func (c *Callers) Note(caller Caller) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all == nil {
		c.all = map[callerKey]Caller{}
	}
	if _, known := c.all[caller.key()]; !known && len(c.all) >= mostCallers {
		first := c.sortedLocked()[len(c.all)-1]
		delete(c.all, first.key())
	}
	c.all[caller.key()] = caller
}

// Late returns those of the last hour, the latest first.
func (c *Callers) Late(now time.Time) []Caller {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.DeleteFunc(c.sortedLocked(), func(one Caller) bool { return now.Sub(one.At) > lateTime })
}

func (c *Callers) sortedLocked() []Caller {
	return slices.SortedFunc(maps.Values(c.all), func(a, b Caller) int { return b.At.Compare(a.At) })
}
