package locked

import (
	"math/bits"
	"os"
	"slices"
	"sync"
)

// maxShare is the most blocks that share a page: the bits of page.free.
const maxShare = 64

// Memory hands out locked memory. The zero Memory is ready for use, by several goroutines
// at once; it must not be copied.
type Memory struct {
	mu    sync.Mutex
	pages map[int][]*page // with room for more, by how many blocks share one
}

// page is memory that blocks of about the same size share.
type page struct {
	bytes []byte
	share int    // how many
	free  uint64 // a bit for each that there is room for
}

// Block is a piece of locked memory.
type Block struct {
	memory *Memory
	page   *page
	place  int    // on the page
	bytes  []byte // what it holds; nil: it was freed
}

// Keep returns a Block that holds a copy of value.
func (m *Memory) Keep(value []byte) *Block {
	m.mu.Lock()
	defer m.mu.Unlock()
	page := m.pageFor(len(value))
	b := &Block{memory: m, page: page, place: bits.TrailingZeros64(page.free)}
	m.occupy(page, b.place)
	from := b.place * (len(page.bytes) / page.share)
	b.bytes = page.bytes[from : from+len(value) : from+len(value)]
	copy(b.bytes, value)
	return b
}

// pageFor returns a page with room for that many bytes.
func (m *Memory) pageFor(size int) *page {
	if m.pages == nil {
		m.pages = map[int][]*page{}
	}
	share := min(os.Getpagesize()/max(size, 1), maxShare)
	if share == 0 { // more than a page
		return &page{bytes: newPage(size), share: 1, free: allFree(1)}
	}
	if len(m.pages[share]) == 0 {
		m.pages[share] = []*page{{bytes: newPage(os.Getpagesize()), share: share, free: allFree(share)}}
	}
	return m.pages[share][0]
}

// allFree returns the bits of a page that nobody uses.
func allFree(share int) uint64 { return ^uint64(0) >> (maxShare - share) }

func (m *Memory) occupy(p *page, place int) {
	if p.free &^= 1 << place; p.free == 0 {
		m.forget(p)
	}
}

// vacate makes room for another, or drops the page if it was the last block there.
func (m *Memory) vacate(p *page, place int) {
	wasFull := p.free == 0
	p.free |= 1 << place
	switch {
	case p.free == allFree(p.share):
		m.forget(p)
		dropPage(p.bytes)
	case wasFull:
		m.pages[p.share] = append(m.pages[p.share], p)
	}
}

// forget takes a page out of those with room.
func (m *Memory) forget(p *page) {
	m.pages[p.share] = slices.DeleteFunc(m.pages[p.share], func(other *page) bool { return other == p })
}

// Bytes returns what the block holds: the block's own memory, which is another's after
// Free. It is nil then.
func (b *Block) Bytes() []byte { return b.bytes }

// Free overwrites what the block holds and gives its memory back. It can be called more
// than once.
func (b *Block) Free() {
	b.memory.mu.Lock()
	defer b.memory.mu.Unlock()
	if b.bytes == nil {
		return
	}
	clear(b.bytes)
	b.bytes = nil
	b.memory.vacate(b.page, b.place)
}
