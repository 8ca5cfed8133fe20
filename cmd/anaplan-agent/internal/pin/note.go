package pin

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
)

// state is what is known of the PIN that was sent last.
type state string

const (
	stateSending state = "sending" // it has left, and no clear answer has come
	stateRefused state = "refused" // the device did not take it
	stateTaken   state = "taken"   // the device took it
)

// note is what is known of the PINs from one place on one device. It is written before a PIN
// leaves, so it is right whatever becomes of this process.
type note struct {
	State   state     `json:"state"`
	Seq     uint64    `json:"seq,omitempty"` // grows with each change: clocks are set back
	Time    time.Time `json:"time"`          // of the last change
	PIN     mark      `json:"pin,omitempty"`
	Worked  mark      `json:"worked,omitempty"`  // of the PIN that the device took last
	Unclear int       `json:"unclear,omitempty"` // how often PIN was sent in a row without a clear answer
	Row     int       `json:"row,omitempty"`     // how many PINs in a row were refused

	// The counter before PIN left: of a card the tries, of a token its state.
	Tries int `json:"tries,omitempty"`
	Low   int `json:"low,omitempty"`

	about about
}

// now is the time as notes have it.
func now() time.Time { return time.Now().Truncate(time.Millisecond) }

// isNewer reports whether the note was written after another.
func (n note) isNewer(other note) bool {
	if n.Seq != other.Seq {
		return n.Seq > other.Seq
	}
	return n.Time.After(other.Time)
}

// mustLast reports whether the note must be on the disk before anything follows from it. One that the
// PIN was accepted may be lost if the PIN has worked before, for then it is sent again.
func (n note) mustLast(onDisk *note) bool {
	return n.State != stateTaken || onDisk == nil || onDisk.Worked != n.Worked
}

// isLike reports whether nobody has written the note since it was the other one.
func (n note) isLike(other note) bool {
	return n.State == other.State && n.Seq == other.Seq && n.PIN == other.PIN && n.Unclear == other.Unclear && n.Time.Equal(other.Time)
}

// about is what of a note changes seldom.
type about struct {
	Device  string `json:"token"`          // label, or a card's name, for readers of the file
	Card    bool   `json:"card,omitempty"` // it is a card's name
	Source  string `json:"source"`         // as the setting pin has it: where, never what
	Serial  string `json:"serial,omitempty"`
	Kind    string `json:"kind,omitempty"`
	Counts  bool   `json:"counts,omitempty"`  // the token has been seen to tell of the first wrong PIN in its flags
	Refused []mark `json:"refused,omitempty"` // earlier ones, the newest last
}

// device returns the device that the note is about.
func (a about) device() Device {
	return Device{Label: a.Device, Serial: a.Serial, Kind: a.Kind, Card: a.Card}
}

// of returns it for another device.
func (a about) of(device Device) about {
	a.Device, a.Serial, a.Kind, a.Card = device.Label, device.Serial, device.Kind, device.Card
	return a
}

func (a about) equal(b about) bool {
	return a.device() == b.device() && a.Source == b.Source && a.Counts == b.Counts && slices.Equal(a.Refused, b.Refused)
}

// maxRefused is how many refused PINs are remembered of a place.
const maxRefused = 16

// noteName names the note of a device and a place. It is a hash because both may hold any
// character.
func noteName(device Device, source string) string {
	if device.Kind != "" {
		return hashName("\x00\x00" + device.Kind + "\x00" + device.Serial + "\x00" + source)
	}
	return labelledName(device, source)
}

// labelledName names it by the device's label.
func labelledName(device Device, source string) string {
	text := device.Label + "\x00" + device.Serial + "\x00" + source
	if device.Card {
		text = "\x00" + text // no label of a token begins so
	}
	return hashName(text)
}

func hashName(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8]) + noteExtension
}

// noteExtension is how the names of notes end.
const noteExtension = ".json"

// mostRetries is how often a PIN that has worked is sent again after an unclear answer, and
// retryGaps how long after the last time. A device that fails for no longer than their sum gets the
// PIN within ten seconds after it recovers. So a power cut during a login does not stop a server
// for good, and a PIN that is wrong by now does not lock a device.
const mostRetries = 2

var retryGaps = [mostRetries]time.Duration{4 * time.Second, 9500 * time.Millisecond}

// maxCommandRow is how many different PINs of one program may be refused in a row. That a program
// prints another PIN does not show that anybody has corrected it.
const maxCommandRow = 2

// moved is what two readings of a counter say about the PIN between them.
type moved int

const (
	notKnown moved = iota
	counted        // it was counted as a wrong one
	uncounted
)

// since compares a counter with the one before. A token's flags say that nothing was counted
// only where it has been seen to set one at the first wrong PIN.
func since(before, now hardware.PINCounter, tells bool) moved {
	switch {
	case !now.Told || !before.Told:
		return notKnown
	case now.Exact && now.Tries < before.Tries, !now.Exact && now.State > before.State:
		return counted
	case now.Exact, tells && now.State == hardware.PINFresh && before.State == hardware.PINFresh:
		return uncounted
	}
	return notKnown
}

// judgement is whether a PIN may be sent.
type judgement int

const (
	mayBeSent judgement = iota
	isRefused           // the device refused it, or counted it
	isUnclear           // it was sent, and no clear answer came
	mustWait            // it may be sent again, later
	isCounted           // no clear answer came, and the counter says that it was a wrong one
	isManyth            // other PINs of the program were refused before it
)

// judge says whether the PIN with that mark may be sent, given what the counter says now;
// for mustWait, also how long to wait.
func (n note) judge(pin mark, now hardware.PINCounter, at time.Time) (judgement, time.Duration) {
	if slices.ContainsFunc(n.about.Refused, func(old mark) bool { return old.compare(pin) == same }) {
		return isRefused, 0
	}
	switch {
	case n.State == stateTaken:
		return mayBeSent, 0
	case n.PIN.compare(pin) == different:
		return n.judgeAnother()
	case n.State == stateRefused:
		return isRefused, 0
	}
	return n.judgeUnclear(pin, now, at)
}

// judgeAnother judges a PIN that was not sent before.
func (n note) judgeAnother() (judgement, time.Duration) {
	row := n.Row
	if n.State == stateSending {
		row++
	}
	source, err := config.ParsePINSource(n.about.Source)
	if err == nil && source.Kind == config.PINCommand && row >= maxCommandRow {
		return isManyth, 0
	}
	return mayBeSent, 0
}

// judgeUnclear judges a PIN that was sent, and perhaps counted.
func (n note) judgeUnclear(pin mark, now hardware.PINCounter, at time.Time) (judgement, time.Duration) {
	told := since(n.counter(), now, n.about.Counts)
	switch {
	case told == counted:
		return isCounted, 0
	case told == uncounted && now.Exact: // it is on this machine: the sender of the PIN is done with it
		return mayBeSent, 0
	case n.Unclear < 1 || n.Unclear > mostRetries:
		return isUnclear, 0
	case told == uncounted || n.Worked.compare(pin) == same:
		return n.waitFor(retryGaps[n.Unclear-1], at)
	}
	return isUnclear, 0
}

// counter is the counter before PIN left.
func (n note) counter() hardware.PINCounter {
	if n.about.Card {
		return hardware.TryCounter(n.Tries)
	}
	return hardware.FlagCounter(hardware.PINState(n.Low))
}

// waitFor lets a PIN be sent again after the gap. It does not wait for a clock that was set back
// since.
func (n note) waitFor(gap time.Duration, at time.Time) (judgement, time.Duration) {
	left := n.Time.Add(gap).Sub(at)
	if left <= 0 || at.Before(n.Time) {
		return mayBeSent, 0
	}
	return mustWait, left
}

// sending returns the note of a PIN that is about to leave. An earlier one whose outcome is not
// known counts as refused.
func (n note) sending(u use, at time.Time) note {
	isAgain := n.State == stateSending && n.PIN.compare(u.mark) == same
	switch {
	case isAgain:
		n.Unclear++
	case n.State == stateSending && n.Worked.compare(n.PIN) != same:
		n = n.refused(at)
		n.Unclear = 1
	default:
		n.Unclear = 1
	}
	n.Seq++
	n.State, n.PIN, n.Time, n.Tries, n.Low = stateSending, u.mark, at, u.counter.Tries, int(u.counter.State)
	if u.device.Card {
		n.Low = 0
		if !u.counter.Told {
			n.Tries = -1
		}
	}
	n.about = n.about.of(u.device)
	n.about.Source = u.source
	return n
}

// taken returns the note of a PIN that the device took.
func (n note) taken(at time.Time) note {
	n.Seq++
	n.State, n.Worked, n.Unclear, n.Row, n.Time = stateTaken, n.PIN, 0, 0, at
	n.about.Refused = slices.DeleteFunc(slices.Clone(n.about.Refused), func(old mark) bool { return old.compare(n.PIN) == same })
	return n
}

// refused returns the note of a PIN that the device did not take. If it worked before, it
// has been changed on the device.
func (n note) refused(at time.Time) note {
	if n.Worked.compare(n.PIN) != different {
		n.Worked = ""
	}
	n.Seq++
	n.State, n.Unclear, n.Time = stateRefused, 0, at
	n.Row++
	if n.PIN != "" && !slices.Contains(n.about.Refused, n.PIN) {
		all := append(slices.Clone(n.about.Refused), n.PIN)
		n.about.Refused = all[max(0, len(all)-maxRefused):]
	}
	return n
}

// RefusedError says that a PIN is not sent, because it was refused before, or may have been.
// The time is for the person, who knows what was changed since.
type RefusedError struct {
	Source  string
	Time    time.Time
	Unclear bool // no clear answer came
	Many    bool // other PINs of this program were refused
	Unknown bool // nobody can tell whether it is the PIN that was

	Prompt *agent.PINPrompt // what to ask a person who would rather type one
}

// Error does not name the device, which stands before it.
func (e *RefusedError) Error() string {
	when := e.Time.Local().Format(time.DateTime)
	switch {
	case e.Many:
		return fmt.Sprintf("it refused the last %d PINs that %s gave, the last on %s; another one is not sent", maxCommandRow, e.Source, when)
	case e.Unknown:
		return fmt.Sprintf("it refused a PIN from %s on %s, and whether the one there now is another cannot be told, because the key that tells PINs apart (%s) is not the one of then; it is not sent", e.Source, when, keyFile)
	case e.Unclear:
		return fmt.Sprintf("it was sent the PIN from %s on %s and gave no clear answer, which may have cost a try; it is not sent again", e.Source, when)
	}
	return fmt.Sprintf("it refused the PIN from %s on %s; it is not sent again", e.Source, when)
}

// WaitError says that a PIN is sent again later: its last answer was not clear, and it has
// worked before, or the device says that it has not counted it.
type WaitError struct {
	Source string
	Wait   time.Duration
	Worked bool
	Err    error // the answer; nil: it came to another process, or did not come
}

func (e *WaitError) Error() string {
	why, reason := "it gave no clear answer to the PIN from "+e.Source, "the token has not counted it as a wrong one"
	if e.Err != nil {
		why = e.Err.Error()
	}
	if e.Worked {
		reason = "the PIN has worked before"
	}
	return fmt.Sprintf("%s; %s, and it is sent again in %v", why, reason, e.Wait.Round(100*time.Millisecond))
}

func (e *WaitError) Unwrap() error { return e.Err }
