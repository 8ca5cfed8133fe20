package audit

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// An anchor is where the chain stood at some time, told in the agent's log, which is in other hands
// than the file: in the system's journal, say. Lines that were there then cannot be cut off any
// more without being missed, nor can the file be rewritten.

// anchorEvery is how long lines wait for an anchor.
const anchorEvery = time.Minute

// anchorMessage is that of an anchor in the agent's log.
const anchorMessage = "the audit log's head"

// anchorSoon has an anchor told before long. The lock is held.
func (l *Log) anchorSoon() {
	if l.timer == nil && l.chain.at.seq != l.anchored {
		l.timer = time.AfterFunc(anchorEvery, l.anchorLater)
	}
}

// anchorLater is what the timer runs.
func (l *Log) anchorLater() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.timer = nil
	if l.chain != nil {
		l.anchor()
	}
}

// anchor tells where the chain stands, if that is news. The lock is held.
func (l *Log) anchor() {
	at := l.chain.at
	if at.seq == l.anchored {
		return
	}
	l.anchored = at.seq
	l.options.Logger.Info(anchorMessage, "file", l.path, "seq", at.seq, "head", at.hash)
}

// Head returns where the chain stands, as anchors are written; "" for an empty one.
func (l *Log) Head() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.chain == nil || l.chain.at.seq == 0 {
		return ""
	}
	return fmt.Sprintf("seq=%d head=%s", l.chain.at.seq, l.chain.at.hash)
}

// Anchors are the hashes of a log's lines by their seq, as its writer has told them elsewhere.
type Anchors map[uint64]string

// anchorFields finds seq and head in slog's text and JSON.
var anchorFields = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\bseq"?[=:] ?(\d+)\b.*\bhead"?[=:] ?"?([0-9a-f]{64})\b`)
})

// ReadAnchors reads those that an agent's log holds, among whatever else is in it. It must be the
// log of one agent, and of the time since its audit log was begun.
func ReadAnchors(r io.Reader) (Anchors, error) {
	anchors := Anchors{}
	for in := bufio.NewReaderSize(r, maxLine); ; {
		text, err := in.ReadSlice('\n')
		if strings.Contains(string(text), anchorMessage) {
			if found := anchorFields().FindSubmatch(text); found != nil {
				seq, err := strconv.ParseUint(string(found[1]), 10, 64)
				if err == nil {
					anchors[seq] = string(found[2])
				}
			}
		}
		if err == io.EOF {
			return anchors, nil
		}
		if err != nil && err != bufio.ErrBufferFull {
			return nil, err
		}
	}
}

// Verify is the function Verify, and checks besides that the lines of which there is an anchor are
// those that were told.
func (a Anchors) Verify(r io.Reader) (Report, error) { return verify(r, a) }

// CheckEnd checks that nothing is missing at the end of a log's last file.
func (a Anchors) CheckEnd(last Report) error {
	if len(a) == 0 {
		return nil
	}
	if most := slices.Max(slices.Collect(maps.Keys(a))); most > last.LastSeq {
		return &BrokenError{last.Lines + 1, fmt.Sprintf("it was cut off, or started over: the agent's log names entry %d, and the last one here is %d", most, last.LastSeq)}
	}
	return nil
}
