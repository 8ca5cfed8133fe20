package mutualtls

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/hsm/owned"
)

// Files of an Identity's directory.
const (
	CertificateFile = "tls.crt"
	KeyFile         = "tls.key"
	CAFile          = "ca.crt"
)

// ErrNoPair says that there is no certificate to show to others.
var ErrNoPair = errors.New("this machine has no certificate that can be used")

// lookEvery is how often the files are looked at when nobody connects.
const lookEvery = 5 * time.Second

// Identity is a machine's own certificate and key, and the CAs that it trusts. All its methods may be
// called at the same time.
type Identity struct {
	dir string
	log *slog.Logger
	now func() time.Time

	mu      sync.Mutex
	stamps  [3]os.FileInfo
	pair    *pair // in use; nil: none could be read yet
	problem error // with the files as they are now
	ended   bool  // it was logged that the certificate in use is not valid any more
}

// pair is what was read, and never changes.
type pair struct {
	certificate tls.Certificate
	roots       *x509.CertPool
}

// State is how an Identity does.
type State struct {
	Names []string // of the certificate in use; nil: there is none

	NotBefore, NotAfter time.Time // its begin and its end

	Problem error // why the files as they are now are not used, or the certificate has ended; nil: nothing
}

// Open returns the Identity of a directory, which must be there. Files that cannot be used are a
// problem that may pass: whatever writes them may come later. log may be nil.
func Open(dir string, log *slog.Logger) (*Identity, error) {
	info, err := os.Stat(dir)
	if err != nil {
		return nil, fmt.Errorf("the directory with %s, %s and %s: %w", CertificateFile, KeyFile, CAFile, err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("%s is not a directory: %s, %s and %s are looked for in one", dir, CertificateFile, KeyFile, CAFile)
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	i := &Identity{dir: dir, log: log, now: time.Now}
	i.look()
	return i, nil
}

// Watch looks at the files now and then until ctx ends, so that the log says what is wrong with them
// also if nobody connects.
func (i *Identity) Watch(ctx context.Context) {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			i.look()
		}
	}
}

// State looks at the files and says how it goes.
func (i *Identity) State() State {
	now, problem := i.look()
	state := State{Problem: problem}
	if now == nil {
		return state
	}
	leaf := now.certificate.Leaf
	state.Names, state.NotBefore, state.NotAfter = shownNames(leaf), leaf.NotBefore, leaf.NotAfter
	return state
}

// look reads the files if they have changed, or could not be used the last time, and returns the
// pair to use.
func (i *Identity) look() (*pair, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	stamps := i.stat()
	if i.problem == nil && i.pair != nil && isSame(stamps, i.stamps) {
		return i.pair, i.judge()
	}
	read, err := i.read()
	before := i.problem
	i.stamps, i.problem = stamps, err
	switch {
	case err == nil:
		i.log.Info("certificate read", "directory", i.dir, "names", shownNames(read.certificate.Leaf), "until", read.certificate.Leaf.NotAfter)
		i.pair = read
	case before == nil || before.Error() != err.Error():
		i.log.Error("the certificate files cannot be used", "error", err, "in_use", i.pair != nil)
	}
	return i.pair, err
}

// judge returns an error if the certificate in use has ended meanwhile, and logs that once.
func (i *Identity) judge() error {
	err := inTime(i.pair.certificate.Leaf, i.now())
	if err != nil && !i.ended {
		i.log.Error("the certificate in use is not valid any more", "directory", i.dir, "error", err)
	}
	i.ended = err != nil
	return err
}

// stat returns what tells the files from others; nil for one that cannot be had.
func (i *Identity) stat() (stamps [3]os.FileInfo) {
	for n, name := range []string{CertificateFile, KeyFile, CAFile} {
		stamps[n], _ = os.Stat(filepath.Join(i.dir, name))
	}
	return stamps
}

func isSame(a, b [3]os.FileInfo) bool {
	for n := range a {
		if a[n] == nil || b[n] == nil || !os.SameFile(a[n], b[n]) || a[n].Mode() != b[n].Mode() || a[n].Size() != b[n].Size() || !a[n].ModTime().Equal(b[n].ModTime()) {
			return false
		}
	}
	return true
}

// read reads the files and judges them.
func (i *Identity) read() (*pair, error) {
	var texts [3][]byte
	for n, name := range []string{CertificateFile, KeyFile, CAFile} {
		var err error
		if texts[n], err = readFile(filepath.Join(i.dir, name)); err != nil {
			return nil, err
		}
	}
	defer clear(texts[1])
	certificate, err := tls.X509KeyPair(texts[0], texts[1])
	if err != nil { // its texts name what is wrong, and quote nothing
		return nil, fmt.Errorf("%s and %s in %s: %w", CertificateFile, KeyFile, i.dir, err)
	}
	if err := inTime(certificate.Leaf, i.now()); err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(i.dir, CertificateFile), err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(texts[2]) {
		return nil, fmt.Errorf("%s contains no PEM certificate", filepath.Join(i.dir, CAFile))
	}
	return &pair{certificate, roots}, nil
}

// fileBytes is more than any such file has.
const fileBytes = 1 << 20

// readFile reads a file that nobody else can change.
func readFile(path string) ([]byte, error) {
	if err := owned.Check(path); err != nil {
		return nil, err
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, fileBytes+1))
	if err == nil && len(text) > fileBytes {
		err = fmt.Errorf("%s is larger than %d bytes", path, fileBytes)
	}
	return text, err
}

// inTime returns an error unless a certificate is valid at that time. A certificate that has not begun
// is mostly a clock that is wrong.
func inTime(cert *x509.Certificate, now time.Time) error {
	switch {
	case now.After(cert.NotAfter):
		return fmt.Errorf("the certificate has ended at %s; the clock here says %s", stamp(cert.NotAfter), stamp(now))
	case now.Before(cert.NotBefore):
		return fmt.Errorf("the certificate is valid from %s on, and the clock here says %s: see that the clocks of both machines are right", stamp(cert.NotBefore), stamp(now))
	}
	return nil
}

func stamp(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// certificateFor is what tls asks for when it connects somewhere, whatever CAs the other side names:
// its refusal says more than silence.
func (p *pair) certificateFor(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return &p.certificate, nil
}

// IsAddressed reports whether a Host header means this machine, as its certificate names it. A
// certificate with nothing but a SPIFFE id names no host.
func (i *Identity) IsAddressed(host string) bool {
	now, _ := i.look()
	if now == nil {
		return false
	}
	leaf := now.certificate.Leaf
	return len(leaf.DNSNames)+len(leaf.IPAddresses) == 0 || leaf.VerifyHostname(hostOnly(host)) == nil
}

// shownNames are all the names of a certificate, for people.
func shownNames(cert *x509.Certificate) []string {
	names := NamesOf(cert)
	for _, name := range cert.DNSNames {
		if !slices.Contains(names, strings.ToLower(name)) {
			names = append(names, name)
		}
	}
	for _, ip := range cert.IPAddresses {
		names = append(names, ip.String())
	}
	return slices.Clip(names)
}
