package enroll

// Where enrolments have stopped. Days pass between a request, the CA's answer and the registration:
// 'enroll' remembers for the person.

import (
	"cmp"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/atomicfile"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
)

// enrolStep is how far an enrolment is.
type enrolStep string

// The steps.
const (
	StepMaking  enrolStep = "making"  // the key is being made
	StepKey     enrolStep = "key"     // the key is made; its request is not
	StepRequest enrolStep = "request" // the CA has to answer
	StepStored  enrolStep = "stored"  // the certificate is stored; an administrator has to register it
	stepDone    enrolStep = "done"    // the first login was made; kept for Asked
)

// Pending is an enrolment under way, in a file. All of it is public, or says where something is;
// nothing in it is secret.
type Pending struct {
	Key     string    `json:"key"`             // the address
	Asked   string    `json:"asked,omitempty"` // the address that was asked for, where the device has chosen another
	Email   string    `json:"email"`
	Name    string    `json:"name,omitempty"`
	Subject string    `json:"subject,omitempty"` // as --subject
	Step    enrolStep `json:"step"`
	Time    time.Time `json:"time"` // of the last step

	Request       string `json:"request,omitempty"`        // in PEM, so that it can be printed again
	RequestFile   string `json:"request_file,omitempty"`   // "": it went to standard output
	Certificate   string `json:"certificate,omitempty"`    // the file that holds it; "": the device does
	Upload        string `json:"upload,omitempty"`         // the file for the administrator
	ManagementKey string `json:"management_key,omitempty"` // where it comes from, as --management-key

	// How the key is to be made, as the flags have it.
	Bits        int    `json:"bits,omitempty"`
	PINPolicy   string `json:"pin_policy,omitempty"`
	TouchPolicy string `json:"touch_policy,omitempty"`

	OfRotation bool `json:"-"` // which remembers it by itself
}

// Address returns the key's address; nil for a file that holds none, which is not read as
// an enrolment.
func (p *Pending) Address() config.Address {
	address, err := config.ParseAddress(p.Key)
	if err != nil {
		return nil
	}
	return address
}

// CSR returns the request; nil where there is none.
func (p *Pending) CSR() *x509.CertificateRequest {
	block, _ := pem.Decode([]byte(p.Request))
	if block == nil {
		return nil
	}
	request, err := x509.ParseCertificateRequest(block.Bytes)
	if err != nil {
		return nil
	}
	return request
}

// Public returns the key of the request; nil where there is none.
func (p *Pending) Public() crypto.PublicKey {
	request := p.CSR()
	if request == nil {
		return nil
	}
	return request.PublicKey
}

// isOf reports whether the enrolment is of one key, for sure: that its request is of the same
// public key, or the address is the same in full. That an address may mean two keys (mayMean) is
// enough to find an enrolment, and too little to end one. public may be nil.
func (p *Pending) isOf(address config.Address, public crypto.PublicKey) bool {
	if own, ok := p.Public().(interface{ Equal(crypto.PublicKey) bool }); ok && public != nil && own.Equal(public) {
		return true
	}
	return isSame(address, p.Address())
}

// Waits says what the enrolment waits for, and since when.
func (p *Pending) Waits() string {
	what := map[enrolStep]string{
		StepMaking:  "the making of its key was interrupted",
		StepKey:     "its request (CSR) is not made yet",
		StepRequest: "waiting for the CA",
		StepStored:  "waiting for an administrator to register the certificate",
	}[p.Step]
	return fmt.Sprintf("%s, since %s", what, p.Time.Local().Format("2006-01-02 15:04"))
}

// Store remembers the enrolments that are under way.
type Store struct{ dir string }

// NewStore returns this user's store, beside the notes of PINs. Without a state directory it
// remembers nothing.
func NewStore() Store {
	state := paths.State()
	if state == "" {
		return Store{}
	}
	return Store{filepath.Join(state, "enrollments")}
}

// errNotRemembered says that a later run will not know of an enrolment.
var errNotRemembered = errors.New("this enrolment cannot be remembered")

// save writes an enrolment down, in place of an older one of the same key. An
// interruption leaves the old one or the new.
func (e Store) save(p *Pending) error {
	if e.dir == "" {
		return fmt.Errorf("%w: there is no home directory", errNotRemembered)
	}
	p.Time = time.Now()
	if err := e.write(p); err != nil {
		return fmt.Errorf("%w: %w", errNotRemembered, err)
	}
	for _, old := range e.read() {
		if old.Key != p.Key && (old.isOf(p.Address(), p.Public()) || p.isMadeFrom(old)) {
			e.Forget(old)
		}
	}
	return nil
}

// write is save's file.
func (e Store) write(p *Pending) error {
	data, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		return err
	}
	if err := atomicfile.MkdirAll(e.dir, 0o700); err != nil {
		return err
	}
	return atomicfile.Write(e.path(p), append(data, '\n'), atomicfile.Options{})
}

// path names the file of an enrolment: a hash, since addresses hold any character.
func (e Store) path(p *Pending) string {
	sum := sha256.Sum256([]byte(p.Key))
	return filepath.Join(e.dir, hex.EncodeToString(sum[:8])+".json")
}

// Forget removes one that is done or given up.
func (e Store) Forget(p *Pending) error { return atomicfile.Remove(e.path(p)) }

// isMadeFrom reports whether another enrolment is this one, at the time when its key was being
// made. Its address was another then, without the key's id.
func (p *Pending) isMadeFrom(other *Pending) bool {
	return other.Step == StepMaking && p.Step != StepMaking && !p.Time.Before(other.Time) &&
		strings.EqualFold(p.Email, other.Email) && p.isMadeFor(other.Address())
}

// isMadeFor reports whether the key was made for an address: for the one that was asked for, where the
// device has named the key itself. Its own may then fit keys of any label.
func (p *Pending) isMadeFor(address config.Address) bool {
	if p.Asked != "" {
		return p.wasAsked(address)
	}
	return MayMean(p.Address(), address)
}

// wasAsked reports whether the device has made the key when it was asked for another address.
func (p *Pending) wasAsked(address config.Address) bool {
	asked, err := config.ParseAddress(p.Asked)
	return err == nil && isSame(address, asked)
}

// finish ends an enrolment that is done. If the device has named the key itself it stays in mind by
// which address that was asked for: nothing else tells that there is one.
func (e Store) finish(p *Pending) error {
	if p.Asked == "" {
		return e.Forget(p)
	}
	return e.write(&Pending{Key: p.Key, Asked: p.Asked, Email: p.Email, Step: stepDone, Time: p.Time})
}

// made returns the enrolment, also one that is done, whose key the device has made for an address, and
// named otherwise; nil for none.
func (e Store) made(address config.Address) *Pending {
	for _, p := range e.read() {
		if p.wasAsked(address) {
			return p
		}
	}
	return nil
}

// All returns those under way, the newest first.
func (e Store) All() []*Pending {
	found := e.read()
	return slices.DeleteFunc(slices.Clone(found), func(other *Pending) bool { // an interruption has left it
		return other.Step == stepDone || slices.ContainsFunc(found, func(p *Pending) bool { return p.isMadeFrom(other) })
	})
}

// read returns what is written down. It skips files that it cannot read: they must not prevent an
// enrolment.
func (e Store) read() []*Pending {
	if e.dir == "" {
		return nil
	}
	dir := os.DirFS(e.dir) // in which no character of the directory's own name has a meaning
	files, _ := fs.Glob(dir, "*.json")
	var found []*Pending
	for _, file := range files {
		data, err := fs.ReadFile(dir, file)
		if err != nil {
			continue
		}
		if p := parsePending(data); p != nil {
			found = append(found, p)
		}
	}
	slices.SortFunc(found, func(a, b *Pending) int {
		return cmp.Or(b.Time.Compare(a.Time), cmp.Compare(a.Key, b.Key))
	})
	return found
}

// parsePending reads an enrolment; nil for what this version does not know.
func parsePending(data []byte) *Pending {
	p := new(Pending)
	if json.Unmarshal(data, p) != nil || p.Address() == nil || !p.isKnown() {
		return nil
	}
	return p
}

// isKnown reports whether this version knows the step.
func (p *Pending) isKnown() bool {
	return slices.Contains([]enrolStep{StepMaking, StepKey, StepRequest, StepStored, stepDone}, p.Step)
}

// Fitting returns those under way whose keys the address may mean: if one was made for it, that one.
func (e Store) Fitting(address config.Address) []*Pending {
	all := e.All()
	if asked := slices.DeleteFunc(slices.Clone(all), func(p *Pending) bool { return !p.wasAsked(address) }); len(asked) > 0 {
		return asked
	}
	return slices.DeleteFunc(all, func(p *Pending) bool { return !MayMean(address, p.Address()) })
}

// MayMean reports whether two addresses may mean one key: nothing that both of them name
// differs. How to get there (module-path, pin-source) tells nothing.
func MayMean(a, b config.Address) bool {
	return a.Scheme() == b.Scheme() && !slices.ContainsFunc(namesOfKeys, func(name string) bool {
		x, named := a.Get(name)
		y, too := b.Get(name)
		return named && too && x != y
	})
}

// namesOfKeys are the attributes of an address that say which key it is, on which device.
var namesOfKeys = []string{"token", "serial", "manufacturer", "model", "object", "id", "guid", "reader", "slot"}

// isSame reports whether two addresses name a key in the same words.
func isSame(a, b config.Address) bool {
	return a.Scheme() == b.Scheme() && !slices.ContainsFunc(namesOfKeys, func(name string) bool {
		x, named := a.Get(name)
		y, too := b.Get(name)
		return named != too || x != y
	})
}
