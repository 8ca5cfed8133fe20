package authority

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// FileName is the name of a CA's file.
const FileName = "interception-ca.pem"

// Authority is a CA. All its methods may be called at the same time, also by several processes with
// one file.
type Authority struct {
	path  string
	hosts []string
	now   func() time.Time // tests let it jump

	mu     sync.Mutex
	read   fs.FileInfo // of the file as it was read; nil: it was not
	pairs  []pair      // in the order in which they were made
	leaf   *ecdsa.PrivateKey
	leaves map[string]*tls.Certificate
}

// pair is a CA's certificate and its key; nil: it signs no more.
type pair struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// New returns the CA in a directory, for hosts given by name. Nothing is read or made yet. dir "": there
// is nowhere to keep it, and everything is an error that says so.
func New(dir string, hosts []string) *Authority {
	a := &Authority{hosts: slices.Clone(hosts), now: time.Now, leaves: map[string]*tls.Certificate{}}
	if dir != "" {
		a.path = filepath.Join(dir, FileName)
	}
	return a
}

// Signs reports whether it is the CA for a host: one of those that it was made with, in any case.
func (a *Authority) Signs(host string) bool {
	return slices.ContainsFunc(a.hosts, func(own string) bool { return strings.EqualFold(own, host) })
}

// Bundle returns the certificates that a client must trust, as PEM: that which signs now comes first,
// and those follow that will, and that did and are not over yet.
func (a *Authority) Bundle() ([]byte, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	signer, err := a.signerLocked()
	if err != nil {
		return nil, err
	}
	text := encodeCertificate(signer.cert)
	for _, pair := range a.pairs {
		if pair.cert != signer.cert {
			text = append(text, encodeCertificate(pair.cert)...)
		}
	}
	return text, nil
}

// Renew makes another CA in the place of all that there are. From now on it alone signs, and is in
// the Bundle: that is for a key which may have been stolen.
func (a *Authority) Renew() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	fresh, err := makePair(a.hosts, a.now())
	if err != nil {
		return err
	}
	return a.keepLocked([]pair{fresh}, false)
}

// signerLocked returns the CA that signs now. Where need be one is made, or renewed.
func (a *Authority) signerLocked() (pair, error) {
	if err := a.loadLocked(); err != nil {
		return pair{}, err
	}
	due, signer, err := a.dueLocked()
	if err != nil || due == nil {
		return signer, err
	}
	first := a.read == nil
	err = a.keepLocked(due, first)
	if first && errors.Is(err, fs.ErrExist) { // another process was quicker
		return a.signerLocked()
	}
	return signer, err
}

// dueLocked returns the CAs as they should be now, and the one of them that signs; nil: they are.
func (a *Authority) dueLocked() (due []pair, signer pair, err error) {
	now, changed := a.now(), false
	for _, pair := range a.pairs {
		if now.Before(pair.cert.NotAfter) {
			due = append(due, pair)
		}
	}
	changed = len(due) < len(a.pairs)
	if !slices.ContainsFunc(due, func(p pair) bool { return a.lasts(p, publishTime) }) {
		fresh, err := makePair(a.hosts, now)
		if err != nil {
			return nil, pair{}, err
		}
		due, changed = append(due, fresh), true
	}
	signs := slices.IndexFunc(due, func(p pair) bool { return a.lasts(p, signTime) })
	for i := range due[:signs] {
		changed = changed || due[i].key != nil
		due[i].key = nil
	}
	if !changed {
		due = nil
		return nil, a.pairs[signs], nil
	}
	return due, due[signs], nil
}

// lasts reports whether a CA can sign for all hosts, now and for some time.
func (a *Authority) lasts(p pair, some time.Duration) bool {
	now := a.now()
	return p.key != nil && !now.Before(p.cert.NotBefore) && now.Add(some).Before(p.cert.NotAfter) &&
		slices.Equal(p.cert.PermittedDNSDomains, domainsOf(a.hosts))
}

// loadLocked reads the file, unless it is as it was. One that is not there has no CAs.
func (a *Authority) loadLocked() error {
	if a.path == "" {
		return errors.New("there is no directory to keep the agent's CA in: set HOME or XDG_STATE_HOME, in a systemd unit StateDirectory=")
	}
	info, err := os.Stat(a.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		a.read, a.pairs = nil, nil
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular(): // a FIFO would be waited for
		return fmt.Errorf("%s is not a file: remove it, and the agent makes its CA there", a.path)
	case a.read != nil && os.SameFile(info, a.read) && info.ModTime().Equal(a.read.ModTime()) && info.Size() == a.read.Size():
		return nil
	}
	if err := checkPrivate(a.path); err != nil {
		return err
	}
	text, err := os.ReadFile(a.path)
	if err != nil {
		return err
	}
	defer clear(text)
	pairs, err := parse(text)
	for i := 0; err == nil && i < len(pairs); i++ {
		err = pairs[i].checkHosts()
	}
	if err != nil {
		return fmt.Errorf("%s is not a CA of the agent's: %w; to make another: anaplan-agent ca renew", a.path, err)
	}
	a.read, a.pairs = info, pairs
	return nil
}

// keepLocked writes CAs to the file. first: only if there is none yet.
func (a *Authority) keepLocked(pairs []pair, first bool) error {
	if a.path == "" {
		return a.loadLocked()
	}
	var text bytes.Buffer
	defer func() { clear(text.Bytes()) }()
	if err := encode(&text, pairs); err != nil {
		return err
	}
	info, err := write(a.path, text.Bytes(), first)
	if err != nil {
		return fmt.Errorf("keeping the agent's CA: %w", err)
	}
	a.read, a.pairs = info, pairs
	clear(a.leaves)
	return nil
}
