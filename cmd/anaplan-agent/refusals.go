package main

// The memory of refused PINs. It is what makes a wrong PIN in a nightly job harmless:
// without it three nights lock the token, and a locked HSM needs its security officer.

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// refusals remembers across runs from which source a PIN was refused, so that a
// job that runs again does not send it again, and lock the token. It knows where
// the PIN came from and nothing of the PIN.
type refusals struct {
	// dir holds a file for each refusal; "": nothing is remembered between runs.
	dir string
	// run holds those of this run by the name of their file. They count even where
	// nothing can be written, and whatever the user says has changed.
	run map[string]refusal
}

// refusal is one file.
type refusal struct {
	Token  string    `json:"token"`           // label, for who looks into the file
	Source string    `json:"source"`          // as the setting pin has it: where, never what
	Stamp  string    `json:"stamp,omitempty"` // of the file that held the PIN
	Time   time.Time `json:"time"`
}

// refusedError says that a PIN is not sent, because it was refused before. The time
// is for the person, who knows what was changed since.
type refusedError struct{ refusal }

// Error implements error.
func (e *refusedError) Error() string {
	return fmt.Sprintf("token %q refused the PIN from %s on %s; it is not sent again", e.Token, e.Source, e.Time.Local().Format(time.DateTime))
}

// check returns a refusedError if the PIN of that source was refused and there is
// no sign that it has changed since: another stamp, or changed, by which the user
// says so of what earlier runs were refused.
func (r *refusals) check(token tokenName, source, stamp string, changed bool) error {
	name := refusalName(token, source)
	found, ok := r.run[name]
	if !ok && !changed {
		found, ok = r.read(name)
	}
	if !ok || found.Stamp != stamp {
		return nil
	}
	return &refusedError{found}
}

// read returns what an earlier run has written down. A note that cannot be read
// is none: it must not lock out a good PIN for ever.
func (r *refusals) read(name string) (found refusal, ok bool) {
	if r.dir == "" {
		return refusal{}, false
	}
	data, err := os.ReadFile(filepath.Join(r.dir, name))
	if err != nil {
		return refusal{}, false
	}
	return found, json.Unmarshal(data, &found) == nil
}

// remember writes down that a PIN was refused, readable by the user only: it tells
// where PINs are kept. An error means that the next run will not know.
func (r *refusals) remember(token tokenName, source, stamp string) error {
	name := refusalName(token, source)
	// To the second: it is for a person to read.
	note := refusal{token.label, source, stamp, time.Now().Truncate(time.Second)}
	if r.run == nil {
		r.run = map[string]refusal{}
	}
	r.run[name] = note
	if r.dir == "" {
		return nil
	}
	data, err := json.Marshal(note)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.dir, name), data, 0o600)
}

// forget undoes remember. It looks first: a read-only file system refuses to
// remove even what is not there, and most logins have nothing to forget.
func (r *refusals) forget(token tokenName, source string) error {
	name := refusalName(token, source)
	delete(r.run, name)
	if _, ok := r.read(name); !ok {
		return nil
	}
	return os.Remove(filepath.Join(r.dir, name))
}

// refusalName names the file of a token and a source. It is a hash because both
// may hold any character.
func refusalName(token tokenName, source string) string {
	sum := sha256.Sum256([]byte(token.label + "\x00" + token.serial + "\x00" + source))
	return hex.EncodeToString(sum[:8]) + ".json"
}

// tokenName is what tells tokens apart. The label alone does not: of a pair of HSMs
// both often have the same, and a PIN of its own each.
type tokenName struct{ label, serial string }

// fileStamp changes whenever the file does, by time and size; "" for a file that is
// not there. Nothing of the content goes into it, for a short PIN could be guessed
// from a hash.
func fileStamp(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%d %d", info.ModTime().UnixNano(), info.Size())
}

// stateDir is where the program keeps what it must remember between runs: the
// service's state directory (systemd.exec(5), StateDirectory=), whose home may be
// out of reach, else that of the XDG base directory specification, which says to
// ignore relative paths. "" if there is neither: then nothing is remembered.
func stateDir() string {
	// Of several, which a colon separates, the first is the unit's main one.
	if dir, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), ":"); filepath.IsAbs(dir) {
		return dir
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, program)
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".local", "state", program)
}
