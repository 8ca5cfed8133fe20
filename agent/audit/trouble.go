package audit

import (
	"fmt"
	"log/slog"
	"time"
)

// maxOwed bounds the lines that are kept in memory because they cannot be written. There are hardly
// more than calls under way when writing first fails, for afterwards none begins.
const maxOwed = 20_000

// trouble is what has come of the last write, if it failed.
type trouble struct {
	since   time.Time // the zero time: it did not
	refused int       // entries that could not be written, and whose callers were told
	owed    []Entry   // entries of what has been done
	lost    int       // entries of that kind that are too many to be kept
}

// entry returns what a write has to begin with, before what is owed: that there was trouble. It is
// written also where nothing is owed, so that a reader sees that something may be missing, and when.
func (t *trouble) entry() Entry {
	text := fmt.Sprintf("nothing could be written since %s", t.since.UTC().Format(time.RFC3339))
	if t.refused > 0 {
		text += fmt.Sprintf("; %d entries are missing, of what was refused for that", t.refused)
	}
	if len(t.owed) > 0 {
		text += fmt.Sprintf("; the next %d are of what was done meanwhile", len(t.owed))
	}
	if t.lost > 0 {
		text += fmt.Sprintf("; %d more of that kind are lost", t.lost)
	}
	return Entry{Action: resumed, Detail: text}
}

// Owe writes down what has been done already, as Append does. If that fails the entry is kept in
// memory, with the present time, and is written before anything else once that can be.
func (l *Log) Owe(e Entry) error {
	err := l.Append(e)
	if err == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.begin()
	l.trouble.refused = max(l.trouble.refused-1, 0)
	if len(l.trouble.owed) >= maxOwed {
		l.trouble.lost++
		return err
	}
	e.at = time.Now()
	l.trouble.owed = append(l.trouble.owed, e)
	return err
}

// Ready returns nil if what is done now can be written down, as far as anybody knows: if the last
// write did not fail. Otherwise it writes what is owed, and returns why that cannot be. So nothing
// need be done that cannot be written down afterwards, and all goes on by itself once writing works
// again.
func (l *Log) Ready() error {
	if !l.failing.Load() {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.writeLocked(nil) // nothing, if somebody else has just written what is owed
}

// Owed returns how many lines are kept in memory because they cannot be written.
func (l *Log) Owed() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.trouble.owed)
}

// begin notes that there is trouble. The lock is held.
func (l *Log) begin() {
	if l.trouble.since.IsZero() {
		l.trouble.since = time.Now()
	}
	l.failing.Store(true)
}

// failed notes that entries could not be written.
func (l *Log) failed(entries int, err error) {
	if !l.failing.Load() {
		l.options.Logger.Error("the audit log cannot be written, and nothing is done that it should record until it can be", "file", l.path, "error", err)
	}
	l.begin()
	l.trouble.refused += entries
}

// recovered notes that all of it is written.
func (l *Log) recovered() {
	l.options.Logger.Warn("the audit log can be written again", "file", l.path, slog.Time("since", l.trouble.since), "missing", l.trouble.refused, "late", len(l.trouble.owed))
	l.trouble = trouble{}
	l.failing.Store(false)
}
