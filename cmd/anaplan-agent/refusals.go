package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// refusals remembers across runs from which source a PIN was refused, so that a
// job that runs again does not send it again, and lock the token. It knows where
// the PIN came from and nothing of the PIN.
type refusals struct {
	// dir holds a file for each refusal; "": nothing is remembered.
	dir string
}

// refusal is one file.
type refusal struct {
	Token  string    `json:"token"`
	Source string    `json:"source"`
	Stamp  string    `json:"stamp,omitempty"` // of the file that held the PIN
	Time   time.Time `json:"time"`
}

// refusedError says that a PIN is not sent, because it was refused before.
type refusedError struct{ refusal }

// Error implements error.
func (e *refusedError) Error() string {
	return fmt.Sprintf("token %q refused the PIN from %s on %s; it is not sent again", e.Token, e.Source, e.Time.Local().Format(time.DateTime))
}

// check returns a refusedError if the PIN of that source was refused and there is
// no sign that it has changed since.
func (r refusals) check(token tokenName, source, stamp string) error {
	data, err := os.ReadFile(r.path(token, source))
	if err != nil {
		return nil // nothing remembered, or nothing readable
	}
	var found refusal
	if json.Unmarshal(data, &found) != nil || found.Stamp != stamp {
		return nil
	}
	return &refusedError{found}
}

// remember writes down that a PIN was refused.
func (r refusals) remember(token tokenName, source, stamp string) error {
	if r.dir == "" {
		return nil
	}
	data, err := json.Marshal(refusal{token.label, source, stamp, time.Now().Truncate(time.Second)})
	if err != nil {
		return err
	}
	if err := os.MkdirAll(r.dir, 0o700); err != nil {
		return err
	}
	return os.WriteFile(r.path(token, source), data, 0o600)
}

// forget undoes remember.
func (r refusals) forget(token tokenName, source string) error {
	err := os.Remove(r.path(token, source))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// path names the file of a token and a source.
func (r refusals) path(token tokenName, source string) string {
	sum := sha256.Sum256([]byte(token.label + "\x00" + token.serial + "\x00" + source))
	return filepath.Join(r.dir, hex.EncodeToString(sum[:8])+".json")
}

// tokenName is what tells tokens apart.
type tokenName struct{ label, serial string }

// fileStamp changes whenever the file does; "" for a file that is not there.
func fileStamp(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%d %d", info.ModTime().UnixNano(), info.Size())
}
