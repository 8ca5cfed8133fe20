package audit

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"
)

// Report is what Verify found.
type Report struct {
	Lines             int
	First, Last       time.Time // of the first and the last entry
	FirstSeq, LastSeq uint64
	Head              string // the hash of the last line, in hexadecimal digits
	Continues         string // the Head of the file that this one goes on from; "": from none

	// Emptied: the one before is a copy of this same file, which was emptied then (logrotate's
	// copytruncate).
	Emptied bool

	// Truncated are the lines that note that what stands before them is not a whole entry:
	// the machine or the agent stopped while it was written.
	Truncated []int
}

// BrokenError says where a log is not as it was written.
type BrokenError struct {
	Line   int // from 1
	Reason string
}

func (e *BrokenError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Reason) }

// Verify reads a log to its end and checks each line and the chain. The error is a
// *BrokenError at the first line that is not right, or that of reading; the report is of
// the lines before. A log that is being written may seem to end in the middle of a line.
func Verify(r io.Reader) (Report, error) { return verify(r, nil) }

func verify(r io.Reader, anchors Anchors) (Report, error) {
	v := &verifier{at: link{0, zeros}, anchors: anchors}
	in := bufio.NewReaderSize(r, maxLine+1)
	for {
		text, err := in.ReadSlice('\n')
		switch {
		case err == nil:
			err = v.line(text[:len(text)-1])
		case errors.Is(err, io.EOF):
			return v.report, v.end(text)
		case errors.Is(err, bufio.ErrBufferFull):
			err = v.first(v.broken(v.number+1, "it is longer than %d bytes, so it is not an entry", maxLine))
		}
		if err != nil {
			return v.report, err
		}
	}
}

// Follows checks that the log of report r goes on where that of before ends.
func (r Report) Follows(before Report) error {
	switch {
	case r.Continues == "":
		return &BrokenError{1, "a chain of its own begins here, which goes on from no other file"}
	case r.Continues == before.Head && r.FirstSeq == before.LastSeq+1:
		return nil
	case r.Emptied && r.FirstSeq > before.LastSeq+1:
		return &BrokenError{1, fmt.Sprintf("the file was emptied while it was open (logrotate's copytruncate?), and the last %d entries before are not in the copy: rotate by renaming and reload", r.FirstSeq-before.LastSeq-1)}
	}
	return &BrokenError{1, "it goes on from another file, or lines are missing at the end of the one before"}
}

// verifier checks a log line by line.
type verifier struct {
	report  Report
	anchors Anchors
	number  int  // of the line
	at      link // the last entry that was right

	suspect *BrokenError // the first line since then that is not an entry; nil: none
	text    hash.Hash    // of all lines since then
}

// line checks a line. One that is not an entry is not wrong until it is known that the next ones do
// not explain it.
func (v *verifier) line(text []byte) error {
	v.number++
	n, err := decode(text)
	switch {
	case err != nil:
		v.doubt(text, err)
		return nil
	case n.Action == truncated:
		err = v.explain(n)
	default:
		err = v.first(v.follow(n))
	}
	if err != nil {
		return err
	}
	v.accept(n, text)
	if told, ok := v.anchors[n.Seq]; ok && told != v.at.hash {
		return v.broken(v.number, "the log was rewritten: the agent's log names another entry %d", n.Seq)
	}
	return nil
}

// doubt keeps the line that is not an entry, for err.
func (v *verifier) doubt(text []byte, err error) {
	if v.suspect == nil {
		v.suspect = &BrokenError{v.number, fmt.Sprintf("it was changed or put in: it is not an entry (%v)", err)}
		v.text = sha256.New()
	} else {
		v.text.Write([]byte("\n"))
	}
	v.text.Write(text)
}

// first returns the error of the line in doubt, if there is one, else err.
func (v *verifier) first(err error) error {
	if v.suspect != nil {
		return v.suspect
	}
	return err
}

// explain checks an entry that says why the lines before it are not entries.
func (v *verifier) explain(n line) error {
	switch {
	case v.suspect == nil:
		return v.broken(v.number, "it was changed or put in, or a line before it removed: it notes a broken line, and there is none")
	case n.Previous != hex.EncodeToString(v.text.Sum(nil)):
		return v.broken(v.suspect.Line, "it was changed after its break was noted in line %d", v.number)
	case n.Continues != v.at.hash || n.Seq != v.at.seq+1:
		return v.broken(v.suspect.Line, "lines before it were changed or removed, or line %d was", v.number)
	}
	v.suspect = nil
	v.report.Truncated = append(v.report.Truncated, v.number)
	return nil
}

// follow checks that an entry comes after the one before.
func (v *verifier) follow(n line) error {
	if v.number == 1 && (n.Action == continued || n.Action == emptied) && n.Seq > 0 {
		v.at.seq = n.Seq - 1 // it counts on from the file before
		v.report.Continues, v.report.Emptied = n.Continues, n.Action == emptied
	}
	isNext, isLinked := n.Seq == v.at.seq+1, n.Previous == v.at.hash
	switch {
	case isNext && isLinked:
		return nil
	case isLinked:
		return v.broken(v.number, "it was changed: it is entry %d, and says that it is %d", v.at.seq+1, n.Seq)
	case isNext && v.number == 1:
		return v.broken(1, "it was changed, or lines before it removed: it is not a first line")
	case isNext:
		return v.broken(v.number-1, "it was changed, or the hash of it in line %d", v.number)
	case n.Seq > v.at.seq:
		return v.broken(v.number, "entries before it were removed: it is entry %d, where %d should be", n.Seq, v.at.seq+1)
	}
	return v.broken(v.number, "it was moved or put in: it is entry %d, where %d should be", n.Seq, v.at.seq+1)
}

func (v *verifier) broken(number int, format string, args ...any) error {
	return &BrokenError{number, fmt.Sprintf(format, args...)}
}

// accept takes a line as right.
func (v *verifier) accept(n line, text []byte) {
	v.at = link{n.Seq, hashOf(text)}
	if v.report.First.IsZero() {
		v.report.First, v.report.FirstSeq = n.Time, n.Seq
	}
	v.report.Lines, v.report.Last, v.report.LastSeq, v.report.Head = v.number, n.Time, n.Seq, v.at.hash
}

// end checks what stands after the last line end.
func (v *verifier) end(rest []byte) error {
	if len(rest) == 0 {
		return v.first(nil)
	}
	return v.first(v.broken(v.number+1, "it ends in the middle: its end was cut off, or the agent was stopped or is just writing it"))
}
