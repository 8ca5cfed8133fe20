package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Action is what was done.
type Action string

// Actions of an agent.
const (
	Signature Action = "signature"
	Login     Action = "login"
	Refresh   Action = "refresh"
	Logout    Action = "logout"
	Unlock    Action = "unlock"
	Lock      Action = "lock"
	Reload    Action = "reload"
	Stop      Action = "stop"
	RenewCA   Action = "renew-ca"
	Token     Action = "token"   // a token was handed out
	Phantom   Action = "phantom" // a token of the agent's own was handed out, renewed or ended
	CallMade  Action = "call"    // a call of a caller's was forwarded
	Tunnel    Action = "tunnel"  // a caller was connected to a host that is not Anaplan's
	Denial    Action = "denial"  // a caller got nothing
)

// Actions of the log itself, which Append refuses.
const (
	continued Action = "continued" // the file goes on where another, now renamed, ends
	emptied   Action = "emptied"   // the same, but the file was emptied while it was open
	resumed   Action = "resumed"   // writing had failed, and works again
	truncated Action = "truncated" // what stands before is not a whole line: the power was cut
)

// Entry is what a line says. No secret may stand in its texts.
type Entry struct {
	Action  Action
	Profile string // "": it concerns the whole agent

	// Result is "ok", or the code of a problem. "": ok.
	Result string

	Caller     *Caller // nil: the agent did it by itself
	Client     string  // that the caller acts for; "": it does not matter
	Call       *Call   // what was called; nil: nothing
	Generation uint64  // of the token; 0: no token is concerned
	Detail     string  // what else is worth knowing, as the certificate's fingerprint

	at time.Time // of what was done; zero: now
}

// Caller is the process that asked for it, by the kernel's word.
type Caller struct {
	UID        int    `json:"uid"` // -1: not known, as over TCP, or on Windows
	SID        string `json:"sid"` // on Windows the user; "" elsewhere
	PID        int    `json:"pid"`
	Executable string `json:"executable"`

	// Of a caller on another machine: the name in its certificate, and its address. "" for others.
	Certificate string `json:"certificate"`
	Address     string `json:"address"`

	// Original is who has called the member of the fleet that has called: "certificate:NAME",
	// "user:NAME", or "tcp" for a program on its machine of which no more is known. "": no member has.
	Original string `json:"original"`
}

// Call is a call of somebody else's API.
type Call struct {
	Method   string `json:"method"`
	Path     string `json:"path"`
	Status   int    `json:"status"`   // of the answer; 0: there was none
	Sent     int64  `json:"sent"`     // bytes of the request's body
	Received int64  `json:"received"` // bytes of the answer's
	Millis   int64  `json:"ms"`       // that it took
	Trace    string `json:"trace"`    // that the client says it belongs to; "": none
}

// Bounds of texts in bytes. Paths may be longer, but are useless then.
const (
	maxWord = 128
	maxText = 1024
)

// maxLine bounds a line when reading, in bytes: far more than the texts can make.
const maxLine = 64 << 10

// zeros stand where the hash of a line before would, in the first of a file.
const zeros = "0000000000000000000000000000000000000000000000000000000000000000"

// line is an Entry as it stands in the file. The tags are for reading; see encode.
type line struct {
	Time       time.Time `json:"time"`
	Seq        uint64    `json:"seq"`
	Action     Action    `json:"action"`
	Profile    string    `json:"profile"`
	Result     string    `json:"result"`
	Caller     *Caller   `json:"caller"`
	Client     string    `json:"client"`
	Call       *Call     `json:"call"`
	Generation uint64    `json:"generation"`
	Detail     string    `json:"detail"`
	Continues  string    `json:"continues"`
	Previous   string    `json:"previous"`
}

// check refuses what would not be an entry.
func (e *Entry) check() error {
	switch e.Action {
	case "", continued, emptied, resumed, truncated:
		return fmt.Errorf("an audit entry cannot have the action %q", e.Action)
	}
	return nil
}

// line returns the line of an entry, with texts of bounded length.
func (e *Entry) line(now time.Time) line {
	if !e.at.IsZero() {
		now = e.at.UTC()
	}
	n := line{
		Time:       now,
		Action:     Action(bounded(string(e.Action), maxWord)),
		Profile:    bounded(e.Profile, maxWord),
		Client:     bounded(e.Client, maxWord),
		Result:     bounded(e.Result, maxWord),
		Generation: e.Generation,
		Detail:     bounded(e.Detail, maxText),
	}
	if n.Result == "" {
		n.Result = "ok"
	}
	if e.Caller != nil {
		n.Caller = &Caller{
			UID: e.Caller.UID, SID: bounded(e.Caller.SID, maxWord), PID: e.Caller.PID, Executable: bounded(e.Caller.Executable, maxText),
			Certificate: bounded(e.Caller.Certificate, maxText), Address: bounded(e.Caller.Address, maxWord), Original: bounded(e.Caller.Original, maxText),
		}
	}
	if e.Call != nil {
		call := *e.Call
		call.Method, call.Path, call.Trace = bounded(call.Method, maxWord), bounded(call.Path, maxText), bounded(call.Trace, maxWord)
		n.Call = &call
	}
	return n
}

// bounded returns text with at most limit bytes, in UTF-8 and without characters that do not
// print: a caller chooses the name of its executable and the path of its request, and logs are
// read on terminals.
func bounded(text string, limit int) string {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, isUnprintable) {
		text = strings.Map(func(r rune) rune { // bytes that are not a character come as utf8.RuneError
			if isUnprintable(r) {
				return utf8.RuneError
			}
			return r
		}, text[:min(len(text), limit+1)])
	}
	if len(text) > limit {
		cut := limit - len("…")
		for cut > 0 && !utf8.RuneStart(text[cut]) {
			cut--
		}
		text = text[:cut] + "…"
	}
	return text
}

func isUnprintable(r rune) bool { return !unicode.IsPrint(r) }

// encode adds a line and its end to text, in JSON and in this order. A field that is added
// later must be left out where it is empty, so that older lines are still read as they
// were written. By hand, because each token handed out waits for it, and encoding/json
// takes several times as long.
func (n *line) encode(text []byte) []byte {
	text = append(text, `{"time":"`...)
	text = n.Time.AppendFormat(text, time.RFC3339Nano)
	text = append(text, `","seq":`...)
	text = strconv.AppendUint(text, n.Seq, 10)
	text = appendText(text, `,"action":`, string(n.Action))
	text = appendTextIf(text, `,"profile":`, n.Profile)
	text = appendText(text, `,"result":`, n.Result)
	if n.Caller != nil {
		text = n.Caller.encode(text)
	}
	text = appendTextIf(text, `,"client":`, n.Client)
	if n.Call != nil {
		text = n.Call.encode(text)
	}
	if n.Generation > 0 {
		text = append(text, `,"generation":`...)
		text = strconv.AppendUint(text, n.Generation, 10)
	}
	text = appendTextIf(text, `,"detail":`, n.Detail)
	text = appendTextIf(text, `,"continues":`, n.Continues)
	text = appendText(text, `,"previous":`, n.Previous)
	return append(text, "}\n"...)
}

// encode adds the caller's field to text.
func (c *Caller) encode(text []byte) []byte {
	text = append(text, `,"caller":{"uid":`...)
	text = strconv.AppendInt(text, int64(c.UID), 10)
	text = appendTextIf(text, `,"sid":`, c.SID)
	text = append(text, `,"pid":`...)
	text = strconv.AppendInt(text, int64(c.PID), 10)
	text = appendTextIf(text, `,"executable":`, c.Executable)
	text = appendTextIf(text, `,"certificate":`, c.Certificate)
	text = appendTextIf(text, `,"address":`, c.Address)
	text = appendTextIf(text, `,"original":`, c.Original)
	return append(text, '}')
}

// encode adds the call's field to text.
func (c *Call) encode(text []byte) []byte {
	text = appendText(append(text, `,"call":{`...), `"method":`, c.Method)
	text = appendText(text, `,"path":`, c.Path)
	for _, field := range []struct {
		name  string
		value int64
	}{{`,"status":`, int64(c.Status)}, {`,"sent":`, c.Sent}, {`,"received":`, c.Received}, {`,"ms":`, c.Millis}} {
		text = strconv.AppendInt(append(text, field.name...), field.value, 10)
	}
	text = appendTextIf(text, `,"trace":`, c.Trace)
	return append(text, '}')
}

// appendTextIf adds a field that is left out where it is empty.
func appendTextIf(text []byte, name, value string) []byte {
	if value == "" {
		return text
	}
	return appendText(text, name, value)
}

// appendText adds a field of text, of which bounded has left nothing to escape (RFC 8259
// section 7) but quotation marks and backslashes.
func appendText(text []byte, name, value string) []byte {
	text = append(append(text, name...), '"')
	for {
		i := strings.IndexAny(value, `"\`)
		if i < 0 {
			return append(append(text, value...), '"')
		}
		text = append(append(text, value[:i]...), '\\', value[i])
		value = value[i+1:]
	}
}

// errNotAsWritten is said of JSON that means an entry and was not written by a Log.
var errNotAsWritten = errors.New("it is not written as the agent writes")

// decode reads a line without its end. What encode would not have written, to the byte, is refused:
// a name twice, blanks, a number in another form.
func decode(text []byte) (line, error) {
	var n line
	if err := json.Unmarshal(text, &n); err != nil {
		return line{}, err
	}
	if again := n.encode(make([]byte, 0, len(text)+1)); !bytes.Equal(again[:len(again)-1], text) {
		return line{}, errNotAsWritten
	}
	return n, nil
}

// link is where a chain stands: the number and the hash of its last line.
type link struct {
	seq  uint64
	hash string
}

// add adds n to text as the next line, and returns where the chain stands then.
func (at link) add(text []byte, n line) ([]byte, link) {
	n.Seq, n.Previous = at.seq+1, at.hash
	from := len(text)
	text = n.encode(text)
	return text, link{n.Seq, hashOf(text[from : len(text)-1])}
}

func hashOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
