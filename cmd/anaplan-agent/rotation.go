package main

// How far the rotation of a profile's key is, between commands that are days apart.

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// errRotation says that a step does not follow from the one before.
var errRotation = errors.New("rotation")

// The steps of a rotation that has begun.
const (
	rotationRequested = "requested" // there is a second key; the first is in use
	rotationSwitched  = "switched"  // the second is in use; the first is there
)

// rotation is one under way, in a file; without New, none is. It holds no secret.
type rotation struct {
	Profile string    `json:"profile"`
	Config  string    `json:"config"`
	Old     string    `json:"old"`
	New     string    `json:"new"`
	Step    string    `json:"step"`
	Time    time.Time `json:"time"` // of the last step

	path string
}

// rotationOf returns the rotation of the profile that is meant.
func rotationOf(settings *settings) (*rotation, error) {
	file, err := filepath.Abs(settings.configPath())
	if err != nil {
		return nil, err
	}
	if settings.configPath() == "" {
		return nil, fmt.Errorf("%w: there is no configuration file, and a rotation changes the key of a profile in one: there is none at %s", errSettings, strings.Join(defaultConfigs(), " or "))
	}
	dir := stateDir()
	if dir == "" {
		return nil, fmt.Errorf("%w: there is no home directory to remember in how far it is", errRotation)
	}
	known := &rotation{Profile: settings.profileName(), Config: file}
	sum := sha256.Sum256([]byte(known.Profile + "\x00" + file))
	known.path = filepath.Join(dir, "rotation-"+hex.EncodeToString(sum[:8])+".json")
	data, err := os.ReadFile(known.path)
	if errors.Is(err, os.ErrNotExist) {
		return known, nil
	}
	if err == nil {
		err = json.Unmarshal(data, known)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s cannot be read: %w; see which keys there are (%s keys), and remove it to begin anew", errRotation, known.path, err, program)
	}
	return known, nil
}

// save writes the rotation down.
func (n *rotation) save() error {
	n.Time = time.Now().Truncate(time.Second)
	data, err := json.MarshalIndent(n, "", "  ")
	if err == nil {
		err = os.MkdirAll(filepath.Dir(n.path), 0o700)
	}
	if err == nil {
		err = os.WriteFile(n.path, append(data, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("%w: how far it is cannot be written down: %w", errRotation, err)
	}
	return nil
}

// forget ends it.
func (n *rotation) forget() error { return os.Remove(n.path) }

// text says how far it is.
func (n *rotation) text() string {
	since := n.Time.Local().Format("2006-01-02 15:04")
	switch n.Step {
	case rotationRequested:
		return fmt.Sprintf("profile %s: waiting for the new certificate since %s\n  in use: %s\n  new:    %s\n  next:   %s rotate finish --certificate FILE\n", n.Profile, since, n.Old, n.New, program)
	case rotationSwitched:
		return fmt.Sprintf("profile %s: switched on %s\n  in use: %s\n  old:    %s\n  next:   %s rotate retire, or rotate back\n", n.Profile, since, n.New, n.Old, program)
	}
	return fmt.Sprintf("profile %s: no rotation is under way; begin one with: %s rotate start\n", n.Profile, program)
}

// nextName returns a name for the key that comes after one: "login" is followed by "login-2".
func nextName(name string) string {
	if name == "" {
		return "anaplan-2"
	}
	if dash := strings.LastIndexByte(name, '-'); dash > 0 {
		if number, err := strconv.ParseUint(name[dash+1:], 10, 20); err == nil {
			return fmt.Sprintf("%s-%d", name[:dash], number+1)
		}
	}
	return name + "-2"
}
