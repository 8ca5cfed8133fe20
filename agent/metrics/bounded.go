package metrics

import (
	"maps"
	"sync"
	"sync/atomic"
)

// otherRoute stands for all that is not counted one by one any more.
const otherRoute = "other"

// bounded is a table of what is counted by keys that others choose, so that it has a bound.
// Reading it takes no lock and allocates nothing: the table is never changed but replaced.
type bounded[K comparable, V any] struct {
	most  int        // keys
	other func(K) K  // the key that one beyond them is counted under
	make  func(K) V  // starts to count a key
	mu    sync.Mutex // held while the table is replaced
	table atomic.Pointer[map[K]V]
}

func newBounded[K comparable, V any](most int, other func(K) K, make func(K) V) *bounded[K, V] {
	b := &bounded[K, V]{most: most, other: other, make: make}
	b.table.Store(&map[K]V{})
	return b
}

// of returns what a key is counted in.
func (b *bounded[K, V]) of(key K) V {
	if value, ok := (*b.table.Load())[key]; ok {
		return value
	}
	return b.grow(key)
}

// grow puts a key into the table as long as there is room.
func (b *bounded[K, V]) grow(key K) V {
	b.mu.Lock()
	defer b.mu.Unlock()
	table := *b.table.Load()
	if len(table) >= b.most {
		key = b.other(key)
	}
	if value, ok := table[key]; ok {
		return value
	}
	grown := maps.Clone(table)
	grown[key] = b.make(key)
	b.table.Store(&grown)
	return grown[key]
}
