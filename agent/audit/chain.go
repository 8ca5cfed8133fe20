package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"
)

// maxKept bounds the memory that is kept from one write to the next, in bytes.
const maxKept = 256 << 10

// chain is one file of a log, locked, and where its chain stands.
type chain struct {
	file *os.File
	at   link
	text []byte // what the next write begins with; its memory is kept from write to write

	// whole is how long the file is without what a failed write has left there.
	// -1: nothing is left.
	whole int64
}

// openChain opens a file of a log and writes what has to be said first: that its end is
// broken, and which file it goes on from; seq 0 of before: from none.
func openChain(path string, before link) (*chain, error) {
	file, err := openLocked(path)
	if err != nil {
		return nil, err
	}
	end, err := readEnd(file)
	if err != nil {
		return nil, errors.Join(err, closeLocked(file))
	}
	c := &chain{file: file, at: end.at, whole: -1}
	if err := c.begin(end, before); err != nil {
		return nil, errors.Join(err, closeLocked(file))
	}
	return c, nil
}

// begin writes what comes before the first entry. Nothing that stands there is removed.
func (c *chain) begin(end end, before link) error {
	if end.open {
		c.text = append(c.text, '\n')
	}
	at, now := c.at, time.Now().UTC()
	if end.isBroken {
		c.text, at = link{at.seq, hashOf(end.broken)}.add(c.text, line{
			Time: now, Action: truncated, Result: "ok", Continues: at.hash,
			Detail: fmt.Sprintf("the %d bytes before this line are no whole entry", len(end.broken)),
		})
	}
	if before.seq > 0 {
		if at.seq == 0 {
			at.seq = before.seq
		}
		c.text, at = at.add(c.text, line{Time: now, Action: continued, Result: "ok", Continues: before.hash})
	}
	return c.put(at)
}

// add writes the entries, all or none.
func (c *chain) add(entries []Entry) error {
	if err := c.cut(); err != nil {
		return err
	}
	at, now := c.at, time.Now().UTC()
	for i := range entries {
		c.text, at = at.add(c.text, entries[i].line(now))
	}
	return c.put(at)
}

// put writes c.text, with which the chain stands at at.
func (c *chain) put(at link) error {
	written, err := c.file.Write(c.text)
	c.text = c.text[:0]
	if cap(c.text) > maxKept {
		c.text = nil
	}
	if err != nil {
		c.fail(written)
		return err
	}
	c.at = at
	return nil
}

// fail takes back what a failed write has written. If that fails too, the next write
// tries it again before it writes.
func (c *chain) fail(written int) {
	if info, err := c.file.Stat(); err == nil && written > 0 {
		c.whole = info.Size() - int64(written)
		c.cut()
	}
}

// cut removes the part of a line that a failed write has left.
func (c *chain) cut() error {
	if c.whole < 0 {
		return nil
	}
	if err := c.file.Truncate(c.whole); err != nil {
		return fmt.Errorf("taking back a part of a line: %w", err)
	}
	if _, err := c.file.Seek(c.whole, io.SeekStart); err != nil {
		return err
	}
	c.whole = -1
	return nil
}

// isAt reports whether path still names the file.
func (c *chain) isAt(path string) bool {
	there, err := os.Stat(path)
	if err != nil {
		return false
	}
	here, err := c.file.Stat()
	return err == nil && os.SameFile(here, there)
}

// close waits for the disk and lets go of the file.
func (c *chain) close() error {
	return errors.Join(c.cut(), c.file.Sync(), closeLocked(c.file))
}

// end is how a file ends.
type end struct {
	at       link   // the last whole entry
	broken   []byte // what follows it and is none, without its line end
	isBroken bool   // there is something that is none, be it an empty line
	open     bool   // the line end is missing
}

// errNotALog refuses a file that something else has written.
var errNotALog = errors.New("there is something else in it than an audit log, or its end is damaged: move the file away")

// readEnd reads how the file ends, and leaves it there for writing.
func readEnd(file *os.File) (end, error) {
	size, err := file.Seek(0, io.SeekEnd)
	if err != nil {
		return end{}, err
	}
	from := max(0, size-2*maxLine)
	tail := make([]byte, size-from)
	if _, err := file.ReadAt(tail, from); err != nil {
		return end{}, err
	}
	if from > 0 { // in the middle of a line, most probably
		_, tail, _ = bytes.Cut(tail, []byte("\n"))
	}
	return parseEnd(tail, from == 0)
}

// parseEnd looks for the last whole entry in the end of a file, which begins with a line.
// whole: it is all of the file.
func parseEnd(tail []byte, whole bool) (end, error) {
	if len(tail) == 0 && whole {
		return end{at: link{0, zeros}}, nil
	}
	e := end{open: !bytes.HasSuffix(tail, []byte("\n"))}
	lines := bytes.Split(bytes.TrimSuffix(tail, []byte("\n")), []byte("\n"))
	for i, text := range slices.Backward(lines) {
		if n, err := decode(text); err == nil {
			e.at = link{n.Seq, hashOf(text)}
			e.broken, e.isBroken = bytes.Join(lines[i+1:], []byte("\n")), i+1 < len(lines)
			return e, e.check()
		}
	}
	// No entry at all: the power may have been cut in the first one.
	if !whole || len(lines) > 1 || !bytes.HasPrefix(tail, []byte(`{"time":"`)) {
		return end{}, errNotALog
	}
	e.at, e.broken, e.isBroken = link{0, zeros}, lines[0], true
	return e, e.check()
}

// check refuses an end that Verify could not read over.
func (e *end) check() error {
	if len(e.broken) > maxLine {
		return errNotALog
	}
	return nil
}
