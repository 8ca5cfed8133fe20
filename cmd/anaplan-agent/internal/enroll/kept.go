package enroll

// Certificates that a device does not keep, as some HSMs hold keys only: each is in a file of the
// profile's, beside the configuration file.

import (
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/atomicfile"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
)

// Kept is the file that holds a certificate; "": the device does.
type Kept string

// keep puts the certificate into its file, as why says that the device does not keep it.
func keep(r *device.Run, leaf *x509.Certificate, why error) (Kept, error) {
	dir := filepath.Dir(paths.Absolute(r.Config))
	path, there := fileFor(dir, r.Profile.Name, leaf.PublicKey)
	err := atomicfile.MkdirAll(dir, 0o700)
	if err == nil && (there == nil || !there.Equal(leaf)) {
		// Anybody may read a certificate, and the agent may be another user.
		options := atomicfile.Options{Mode: 0o644, New: there == nil}
		err = atomicfile.Write(path, []byte(device.EncodePEM("CERTIFICATE", leaf.Raw)), options)
	}
	if err != nil {
		return "", fmt.Errorf("%w; and it cannot be kept in %s: %w", why, path, paths.RootCause(err))
	}
	r.Say.Note("%v,\nso it is in %s%s", why, path, Kept(path).ifNamed(r))
	return Kept(path), nil
}

// fileFor returns the file for the certificate of a key, and the key's certificate that is in it by
// now; nil for none. What is there and is not of this key stays as it is.
func fileFor(dir, profile string, key crypto.PublicKey) (path string, there *x509.Certificate) {
	base := filepath.Join(dir, fileName(profile)+"-certificate")
	path = base + ".pem"
	for n := 2; console.Exists(path); n++ {
		if cert, err := device.ReadCertificate(path); err == nil && isOfKey(cert, key) {
			return path, cert
		}
		path = fmt.Sprintf("%s-%d.pem", base, n)
	}
	return path, nil
}

// isOfKey reports whether a certificate is of a key.
func isOfKey(cert *x509.Certificate, key crypto.PublicKey) bool {
	own, ok := cert.PublicKey.(*rsa.PublicKey)
	return ok && own.Equal(key)
}

// fileName is a profile's name as every file system takes it.
func fileName(profile string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || strings.ContainsRune(`/\:*?"<>|'.`, r) || console.IsUnprintable(r) {
			return '_'
		}
		return r
	}, profile)
}

// isNamed reports whether the settings name the file by now.
func (k Kept) isNamed(r *device.Run) bool {
	named, err := os.Stat(r.Profile.Certificate)
	kept, missing := os.Stat(string(k))
	return err == nil && missing == nil && os.SameFile(named, kept)
}

func (k Kept) ifNamed(r *device.Run) string {
	if k.isNamed(r) {
		return ", which the settings name already"
	}
	return ""
}

// saySetting says how a login finds the file.
func (k Kept) saySetting(r *device.Run) {
	if k == "" || k.isNamed(r) {
		return
	}
	r.Say.Note("to log in with it, put this into [profile.%s] of %s: %s\nor add --certificate %s to commands that log in",
		TomlName(r.Profile.Name), paths.Absolute(r.Config), k.Setting(), shell.Quote(string(k)))
}

// Setting is the line of a profile that names the file.
func (k Kept) Setting() string { return "certificate = " + TomlString(string(k)) }

// flag returns the flag by which a command that logs in finds the file; "" where it needs none.
func (k Kept) flag(r *device.Run) string {
	if k == "" || k.isNamed(r) {
		return ""
	}
	return " --certificate " + shell.Quote(string(k))
}

// UseKept has the run log in with the file that holds the certificate of the enrolment, if there is
// one. The settings may have an older certificate.
func (p *Pending) UseKept(r *device.Run) {
	if p.Certificate != "" && console.Exists(p.Certificate) {
		r.Profile.Certificate = p.Certificate
	}
}

// useKeptOf is UseKept of the enrolment of an address.
func useKeptOf(r *device.Run, address config.Address) {
	found := NewStore().Fitting(address)
	if len(found) > 1 {
		found = slices.DeleteFunc(found, func(p *Pending) bool { return !p.isOf(address, nil) })
	}
	if len(found) == 1 {
		found[0].UseKept(r)
	}
}
