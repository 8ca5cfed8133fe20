package audit

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// ErrInUse is returned for a log that another agent writes.
var ErrInUse = errors.New("another process writes it")

// Options say how a Log is kept.
type Options struct {
	// Logger is told when writing begins to fail and when it works again, when somebody else has
	// changed the file, and at most once a minute where the chain stands, see Anchors. nil
	// discards.
	Logger *slog.Logger
}

// Log is an audit log that is open for writing. Its methods may be called from any
// goroutine. The system writes to the disk when it likes, and a power cut may cost the last seconds;
// Close and Reopen wait for the disk.
type Log struct {
	path    string
	options Options

	mu      sync.Mutex
	chain   *chain // nil: closed
	trouble trouble
	failing atomic.Bool // there is some

	timer    *time.Timer // until the next anchor; nil: none is due
	anchored uint64      // the seq of the last one
}

// Open opens the log at path, whose directory must exist, and makes the file if there is
// none (mode 0600). It goes on where the file ends; if that is in the middle of a line,
// it ends this line and notes it. ErrInUse if another agent has it open.
func Open(path string, options Options) (*Log, error) {
	options.Logger = cmp.Or(options.Logger, slog.New(slog.DiscardHandler))
	chain, err := openChain(path, link{}, options.Logger)
	if err != nil {
		return nil, fmt.Errorf("audit log %s: %w", path, err)
	}
	l := &Log{path: path, options: options, chain: chain}
	l.anchor()
	return l, nil
}

// Append writes the entry, with the time of writing. If it fails, no part of the entry is in the
// log, and it goes on once writing works again, with a line that says so.
func (l *Log) Append(e Entry) error {
	if err := e.check(); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.writeLocked([]Entry{e})
}

// writeLocked writes the entries, all or none.
func (l *Log) writeLocked(entries []Entry) error {
	if l.chain == nil {
		return fmt.Errorf("audit log %s: %w", l.path, os.ErrClosed)
	}
	err := l.putLocked(entries)
	if err != nil {
		l.failed(len(entries), err)
		return fmt.Errorf("audit log %s: %w (make room there, or see why it cannot be written; it goes on by itself once it can)", l.path, err)
	}
	return nil
}

// putLocked writes the entries, after what is owed.
func (l *Log) putLocked(entries []Entry) error {
	failing := l.failing.Load()
	all := [][]Entry{entries}
	if failing {
		all = [][]Entry{{l.trouble.entry()}, l.trouble.owed, entries}
	}
	err := l.chain.add(all...)
	if err == errRemoved {
		if err = l.replace(); err == nil {
			err = l.chain.add(all...)
		}
	}
	if err != nil {
		return err
	}
	if failing {
		l.recovered()
	}
	l.anchorSoon()
	return nil
}

// replace makes a new file in place of one that was removed, so that somebody can read what is
// written. It goes on where that one ended.
func (l *Log) replace() error {
	if !l.failing.Load() {
		l.options.Logger.Error("the audit log was removed; a new one is begun", "file", l.path)
	}
	next, err := openChain(l.path, l.chain.at, l.options.Logger)
	if err != nil {
		return err
	}
	l.chain.close()
	l.chain = next
	return nil
}

// Reopen goes on in a new file if the present one has been renamed: the new one begins
// with the hash at which the old one ends. If that fails, the old one stays in use.
func (l *Log) Reopen() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.chain == nil {
		return fmt.Errorf("audit log %s: %w", l.path, os.ErrClosed)
	}
	if l.chain.isAt(l.path) {
		return nil
	}
	next, err := openChain(l.path, l.chain.at, l.options.Logger)
	if err != nil {
		return fmt.Errorf("audit log %s: %w; the file in use before stays in use", l.path, err)
	}
	l.anchor() // of the file before, of which no line comes after this one
	err = l.chain.close()
	l.chain = next
	l.anchorSoon()
	if err != nil {
		return fmt.Errorf("audit log %s, the file before: %w", l.path, err)
	}
	return nil
}

// Close writes what is owed, waits until the log is on the disk, and lets go of the file. What is
// appended later fails. Closing again does nothing.
func (l *Log) Close() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.chain == nil {
		return nil
	}
	var owed error
	if l.failing.Load() {
		owed = l.writeLocked(nil)
	}
	l.anchor()
	if l.timer != nil {
		l.timer.Stop()
	}
	err := l.chain.close()
	l.chain = nil
	if err != nil {
		err = fmt.Errorf("audit log %s: %w", l.path, err)
	}
	return errors.Join(owed, err)
}
