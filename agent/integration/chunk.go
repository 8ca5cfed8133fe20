package integration

import (
	"bytes"
	"compress/gzip"
	"sync"
)

// chunk is a piece of a file on its way up.
type chunk struct {
	number int
	last   bool
	buffer []byte
	plain  []byte // of buffer
	packed []byte // nil: not packed yet
	onWay  int64  // about how much of plain has gone

	space  bytes.Buffer // of packed
	packer *gzip.Writer // nil: not used yet
}

// pack returns the chunk as a gzip file. One that is packed stays so.
func (c *chunk) pack() []byte {
	if c.packed != nil {
		return c.packed
	}
	c.space.Reset()
	if c.packer == nil {
		c.packer, _ = gzip.NewWriterLevel(&c.space, packLevel) // the level is a good one
	} else {
		c.packer.Reset(&c.space)
	}
	c.packer.Write(c.plain) // a Buffer takes everything
	c.packer.Close()
	c.packed = c.space.Bytes()
	return c.packed
}

// packLevel: of sorted CSV the fastest level leaves a seventh, at 200 MB/s; the default one an eighth, at
// 30 MB/s, which is below the rate of a good line.
const packLevel = gzip.BestSpeed

// underWay is what of an upload is under way, and how far it is. Any number of goroutines may use it.
type underWay struct {
	progress func(Transfer) // nil: nobody

	mu    sync.Mutex
	sent  Transfer // Bytes is of chunks that have arrived
	onWay int64    // bytes of those that have not
	free  []*chunk
}

// take returns a chunk to fill. Buffers are used again.
func (u *underWay) take(size int64) *chunk {
	u.mu.Lock()
	defer u.mu.Unlock()
	if last := len(u.free) - 1; last >= 0 {
		one := u.free[last]
		u.free = u.free[:last]
		one.packed, one.onWay = nil, 0
		return one
	}
	return &chunk{buffer: make([]byte, size)}
}

func (u *underWay) give(one *chunk) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.onWay -= one.onWay
	one.onWay = 0
	u.free = append(u.free, one)
}

// moved notes how much of a chunk has gone, of its bytes on the line.
func (u *underWay) moved(one *chunk, gone, of int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := int64(len(one.plain))
	if of > 0 {
		now = now * gone / of
	}
	u.onWay += now - one.onWay
	one.onWay = now
	u.tell()
}

// arrived notes that a chunk is there.
func (u *underWay) arrived(one *chunk, sent int64) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.onWay -= one.onWay
	one.onWay = 0
	u.sent.Chunks++
	u.sent.Bytes += int64(len(one.plain))
	u.sent.Sent += sent
	u.tell()
}

// tell is with mu, so that what is told only grows.
func (u *underWay) tell() {
	if u.progress != nil {
		now := u.sent
		now.Bytes += u.onWay
		u.progress(now)
	}
}

// countedBody tells how much of a chunk has gone.
type countedBody struct {
	from  *bytes.Reader
	chunk *chunk
	under *underWay
}

// Read implements io.Reader.
func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	if n > 0 {
		b.under.moved(b.chunk, b.from.Size()-int64(b.from.Len()), b.from.Size())
	}
	return n, err
}

// Seek implements io.Seeker: another attempt begins again.
func (b *countedBody) Seek(offset int64, whence int) (int64, error) {
	at, err := b.from.Seek(offset, whence)
	b.under.moved(b.chunk, at, b.from.Size())
	return at, err
}
