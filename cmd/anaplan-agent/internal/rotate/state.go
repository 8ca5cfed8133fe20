package rotate

// How far the rotation of a profile's key is, between commands that are days apart.

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/atomicfile"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/enroll"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
	"github.com/gofrs/flock"
)

// errRotation says that a step does not follow from the one before, or must not be taken.
var errRotation = errors.New("rotation")

// rotationStep is how far a rotation is.
type rotationStep string

// The steps; "" is none.
const (
	rotationMaking    rotationStep = "making"    // the second key is being made
	rotationRequested rotationStep = "requested" // the CA has to answer; the first key is in use
	rotationStored    rotationStep = "stored"    // its certificate has to be registered; the first key is in use
	rotationSwitching rotationStep = "switching" // one of the keys is coming into use; both are there
	rotationSwitched  rotationStep = "switched"  // the second key is in use; the first is there
	rotationBack      rotationStep = "back"      // the second key was in use, and the first is again
)

// rotation is one under way, in a file. It holds no secret.
type rotation struct {
	Profile string       `json:"profile"`
	Config  configFile   `json:"config"`
	Step    rotationStep `json:"step"`
	Time    time.Time    `json:"time"` // of the last step

	Old       string `json:"old"`        // address, as the configuration has it
	OldPublic string `json:"old_public"` // SHA-256 of the public key, by which alone it is deleted
	New       string `json:"new"`

	// The files of their certificates, as the configuration has them; "": the device does.
	OldCertificate string `json:"old_certificate,omitempty"`
	NewCertificate string `json:"new_certificate,omitempty"`

	NewPublic string `json:"new_public,omitempty"`
	Email     string `json:"email"`              // for whom the new certificate is
	Request   string `json:"request,omitempty"`  // in PEM, so that it can be printed again
	Taken     bool   `json:"taken,omitempty"`    // the new key was there, and is not this program's to delete
	Deleting  bool   `json:"deleting,omitempty"` // one of the keys, since the last step

	path       string
	configFlag string // by which a command finds it again
}

// entry is one of the keys as a profile has it.
type entry struct {
	key         string // address
	certificate string // file; "": the device does
}

// oldEntry is the first key's, freshEntry the second's.
func (n *rotation) oldEntry() entry   { return entry{n.Old, n.OldCertificate} }
func (n *rotation) freshEntry() entry { return entry{n.New, n.NewCertificate} }

// publicHash names a public key.
func publicHash(public any) string {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return "" // a key that Anaplan does not accept
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:])
}

// StateOf returns the rotation of the profile that is meant, which must be one of the
// configuration file.
func StateOf(s *settings.Settings) (*rotation, error) {
	file := s.ConfigPath()
	if file == "" {
		profile, err := s.Load()
		if err != nil {
			return nil, err
		}
		return nil, settings.NoAddress(profile) // a key of a variable is refused before
	}
	if info, err := os.Stat(file); err == nil && !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%w: %s is not a regular file, and rotate changes the configuration file: name the file itself", settings.ErrSettings, file)
	}
	if file, err := filepath.EvalSymlinks(file); err == nil {
		file, _ = filepath.Abs(file)
		n, err := readRotation(s.ProfileName(), file)
		if err == nil {
			n.configFlag = settings.ConfigFlag(s.Command)
		}
		return n, err
	}
	return nil, fmt.Errorf("%w: configuration file %s cannot be found", settings.ErrSettings, file)
}

// readRotation reads how far a rotation is.
func readRotation(profile, file string) (*rotation, error) {
	dir := paths.State()
	if dir == "" {
		return nil, fmt.Errorf("%w: there is no home directory to keep its state in", errRotation)
	}
	sum := sha256.Sum256([]byte(profile + "\x00" + file))
	n := &rotation{path: filepath.Join(dir, "rotation-"+hex.EncodeToString(sum[:8])+".json")}
	data, err := os.ReadFile(n.path)
	if err == nil {
		err = n.parse(data)
	} else if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s cannot be read: %w; see which keys there are (%s keys), and remove it to begin anew", errRotation, n.path, err, build.Program)
	}
	n.Profile, n.Config = profile, configFile(file)
	return n, nil
}

// parse reads what save wrote. It refuses a damaged file, or another version's, rather than guess
// the step: a rotation ends with deleting a key.
func (n *rotation) parse(data []byte) error {
	if err := json.Unmarshal(data, n); err != nil {
		return err
	}
	if !slices.Contains([]rotationStep{rotationMaking, rotationRequested, rotationStored, rotationSwitching, rotationSwitched, rotationBack}, n.Step) {
		return fmt.Errorf("this version does not know the step %q", n.Step)
	}
	for name, address := range map[string]string{"old": n.Old, "new": n.New} {
		if _, err := config.ParseAddress(address); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// lock keeps other commands away from the rotation.
func (n *rotation) lock() (unlock func(), err error) {
	if err := atomicfile.MkdirAll(filepath.Dir(n.path), 0o700); err != nil {
		return nil, fmt.Errorf("%w: its state cannot be written: %w", errRotation, err)
	}
	lock := flock.New(n.path + ".lock")
	locked, err := lock.TryLock()
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", errRotation, err)
	case !locked:
		return nil, fmt.Errorf("%w: another command is working on it", errRotation)
	}
	return func() { lock.Unlock() }, nil
}

// save writes the next step down. An interruption leaves the one before.
func (n *rotation) save(step rotationStep) error {
	n.Deleting = n.Deleting && step == n.Step
	n.Step, n.Time = step, time.Now().Truncate(time.Second)
	data, err := json.MarshalIndent(n, "", "  ")
	if err == nil {
		err = atomicfile.Write(n.path, append(data, '\n'), atomicfile.Options{})
	}
	if err != nil {
		return fmt.Errorf("%w: its state cannot be written: %w", errRotation, err)
	}
	return nil
}

// forget ends it.
func (n *rotation) forget() error { return atomicfile.Remove(n.path) }

// command is how a person calls a step of this rotation.
func (n *rotation) command(step string) string {
	return build.Program + " rotate " + step + n.configFlag + enroll.ProfileFlag(n.Profile)
}

// Text says how far it is, and what comes next.
func (n *rotation) Text() string {
	since := n.Time.Local().Format("2006-01-02 15:04")
	lines := func(state, inUse, other, name, next string) string {
		return fmt.Sprintf("profile %s: %s since %s\n  in use: %s\n  %-7s %s\n  next:   %s", n.Profile, state, since, inUse, name+":", other, next)
	}
	switch n.Step {
	case rotationMaking:
		return lines("the making of the new key was interrupted", n.Old, n.New, "new", n.command("start")+", which goes on, or rotate cancel")
	case rotationRequested:
		return lines("waiting for the CA", n.Old, n.New, "new", n.command("finish --certificate FILE")+" (rotate start prints the request again)")
	case rotationStored:
		return lines("the new certificate is stored, and waits for its registration in Anaplan", n.Old, n.New, "new", n.command("finish"))
	case rotationSwitching:
		return fmt.Sprintf("profile %s: the switch from one key to the other was interrupted, %s\n  old:    %s\n  new:    %s\n  next:   %s, or rotate back", n.Profile, since, n.Old, n.New, n.command("finish"))
	case rotationBack:
		return lines("the old key is in use again", n.Old, n.New, "new", n.command("finish")+", which switches once more, or rotate cancel")
	case rotationSwitched:
		return lines("the new key is in use", n.New, n.Old, "old", n.command("retire")+", or rotate back")
	}
	return fmt.Sprintf("profile %s: no rotation is under way; begin one with: %s", n.Profile, n.command("start"))
}
