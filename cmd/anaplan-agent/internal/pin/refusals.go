package pin

// The memory of refused PINs. It is what makes a wrong PIN in a nightly job harmless:
// without it three nights lock the token, and a locked HSM needs its security officer.

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
)

// Refusals remembers across runs from which source a PIN was refused, so that a
// job that runs again does not send it again, and lock the device. It knows where
// the PIN came from and nothing of the PIN.
type Refusals struct {
	// Dir holds a file for each refusal; "": nothing is remembered between runs.
	Dir string
	// run holds those of this run by the name of their file. They count even where
	// nothing can be written, and whatever the user says has changed.
	run map[string]refusal
}

// refusal is one file.
type refusal struct {
	Token  string    `json:"token"`           // label, or a card's name, for who looks into the file
	Card   bool      `json:"card,omitempty"`  // it is a card's name
	Source string    `json:"source"`          // as the setting pin has it: where, never what
	Stamp  string    `json:"stamp,omitempty"` // of the file that held the PIN
	Time   time.Time `json:"time"`
}

// RefusedError says that a PIN is not sent, because it was refused before. The time
// is for the person, who knows what was changed since.
type RefusedError struct{ refusal }

// Error implements error.
func (e *RefusedError) Error() string {
	device := Device{Label: e.Token, Card: e.Card}
	return fmt.Sprintf("%s refused the PIN from %s on %s; it is not sent again", device, e.Source, e.Time.Local().Format(time.DateTime))
}

// Check returns a RefusedError if the PIN of that source was refused and there is
// no sign that it has changed since: another stamp, or changed, by which the user
// says so of what earlier runs were refused.
func (r *Refusals) Check(device Device, source, stamp string, changed bool) error {
	name := refusalName(device, source)
	found, ok := r.run[name]
	if !ok && !changed {
		found, ok = r.read(name)
	}
	if !ok || found.Stamp != stamp {
		return nil
	}
	return &RefusedError{found}
}

// read returns what an earlier run has written down. A note that cannot be read
// is none: it must not lock out a good PIN for ever.
func (r *Refusals) read(name string) (found refusal, ok bool) {
	if r.Dir == "" {
		return refusal{}, false
	}
	data, err := os.ReadFile(filepath.Join(r.Dir, name))
	if err != nil {
		return refusal{}, false
	}
	return found, json.Unmarshal(data, &found) == nil
}

// Remember writes down that a PIN was refused, readable by the user only: it tells
// where PINs are kept. An error means that the next run will not know.
func (r *Refusals) Remember(device Device, source, stamp string) error {
	name := refusalName(device, source)
	// To the second: it is for a person to read.
	note := refusal{device.Label, device.Card, source, stamp, time.Now().Truncate(time.Second)}
	if r.run == nil {
		r.run = map[string]refusal{}
	}
	r.run[name] = note
	if r.Dir == "" {
		return nil
	}
	data, err := json.Marshal(note)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.Dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.Dir, name), data, 0o600)
}

// Forget undoes remember. It looks first: a read-only file system refuses to
// remove even what is not there, and most logins have nothing to forget.
func (r *Refusals) Forget(device Device, source string) error {
	name := refusalName(device, source)
	delete(r.run, name)
	if _, ok := r.read(name); !ok {
		return nil
	}
	return os.Remove(filepath.Join(r.Dir, name))
}

// refusalName names the file of a device and a source. It is a hash because both
// may hold any character.
func refusalName(device Device, source string) string {
	text := device.Label + "\x00" + device.Serial + "\x00" + source
	if device.Card {
		text = "\x00" + text // no label of a token begins so
	}
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:8]) + ".json"
}

// CanRemember reports whether what is to be remembered can be written down.
func CanRemember() bool {
	dir := paths.State()
	if dir == "" {
		return false
	}
	file, err := os.CreateTemp(dir, ".probe")
	if err != nil {
		return false
	}
	file.Close()
	return os.Remove(file.Name()) == nil
}
