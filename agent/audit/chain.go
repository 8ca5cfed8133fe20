package audit

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"time"
)

// chain is one file of a log, locked, and where its chain stands.
type chain struct {
	file *os.File
	at   link
	text []byte // what the next write begins with; its memory is kept from write to write

	size  int64 // of the file, without what does not count yet
	parts int64 // bytes behind it that a write has left which failed, or is not complete
	log   *slog.Logger
}

// openChain opens a file of a log and writes what has to be said first: that its end is
// broken, and which file it goes on from; seq 0 of before: from none.
func openChain(path string, before link, log *slog.Logger) (*chain, error) {
	file, err := openLocked(path)
	if err != nil {
		return nil, err
	}
	end, err := readEnd(file)
	if err != nil {
		return nil, errors.Join(err, closeLocked(file))
	}
	c := &chain{file: file, at: end.at, size: end.size, log: log}
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
			Detail: fmt.Sprintf("the %d bytes before this line are not a whole entry", len(end.broken)),
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

// errRemoved says that no name leads to the file any more.
var errRemoved = errors.New("it was removed")

// batch is how many bytes are written at once, and a line more: so much is made for nothing where
// nothing can be written, however many lines are owed.
const batch = 8 << 10

// add writes the entries, all or none.
func (c *chain) add(groups ...[]Entry) error {
	if err := c.cut(); err != nil {
		return err
	}
	isEmptied, err := c.look()
	if err != nil {
		return err
	}
	at, now := c.at, time.Now().UTC()
	if isEmptied {
		c.text, at = link{c.at.seq, zeros}.add(c.text, line{Time: now, Action: emptied, Result: "ok", Continues: c.at.hash})
	}
	for _, entries := range groups {
		for i := range entries {
			if len(c.text) >= batch {
				if err := c.write(); err != nil {
					return err
				}
			}
			c.text, at = at.add(c.text, entries[i].line(now))
		}
	}
	return c.put(at)
}

// look sees whether somebody else has changed the file since the last write. One that was emptied,
// as logrotate's copytruncate does it, goes on like a new one. Of whatever else was done the chain
// tells.
func (c *chain) look() (isEmptied bool, err error) {
	info, err := c.file.Stat()
	if err != nil {
		return false, err
	}
	size := info.Size()
	switch {
	case isRemoved(info):
		return false, errRemoved
	case size == c.size:
		return false, nil
	case size == 0:
		c.log.Warn("the audit log was emptied, and goes on from there: lines may be lost between that and a copy; rename it and reload the agent instead", "file", c.file.Name())
	default:
		c.log.Error("the audit log was changed by somebody else", "file", c.file.Name(), "bytes", size, "want", c.size)
	}
	c.size = size
	return size == 0, nil
}

// put writes c.text, the last of what belongs together, with which the chain stands at at.
func (c *chain) put(at link) error {
	if err := c.write(); err != nil {
		return err
	}
	c.at, c.size, c.parts = at, c.size+c.parts, 0
	return nil
}

// write writes c.text. If it fails, that and what was written before and belongs to it is taken back.
func (c *chain) write() error {
	written, err := c.file.Write(c.text)
	c.text = c.text[:0]
	c.parts += int64(written)
	if err != nil {
		c.cut() // or the next write does, if it cannot be done now
	}
	return err
}

// cut takes back what a failed write has left of its lines.
func (c *chain) cut() error {
	if c.parts == 0 {
		return nil
	}
	info, err := c.file.Stat()
	if err == nil && info.Size() > c.size {
		err = c.file.Truncate(c.size)
	}
	if err != nil {
		return fmt.Errorf("taking back a part of a line: %w", err)
	}
	if _, err := c.file.Seek(0, io.SeekEnd); err != nil {
		return err
	}
	c.parts = 0
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
	broken   []byte // what follows it and is not an entry, without its line end
	isBroken bool   // something follows that is not an entry, be it an empty line
	open     bool   // the line end is missing
	size     int64  // of the file
}

// errNotALog refuses a file that something else has written.
var errNotALog = errors.New("there is something else in it than an audit log, or its end is damaged: move the file away")

// readEnd reads how the file ends, and leaves it there for writing.
func readEnd(file *os.File) (found end, err error) {
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
	found, err = parseEnd(tail, from == 0)
	found.size = size
	return found, err
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
