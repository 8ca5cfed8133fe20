package enroll

// Import puts a key from a file into a device. The file stays as good as the key, and a warning
// says so.

import (
	"cmp"
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/certfile"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/foreign"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
	"github.com/spf13/cobra"
)

// ImportOrder is what the flags of import say.
type ImportOrder struct {
	Password, Entry string
	Certificate     string
	ChainOut        string
	InFile          bool
	Card            CardFlags
	Next            Next
}

// Check finds wrong calls before anything is read.
func (o *ImportOrder) Check(cmd *cobra.Command) error {
	for _, flag := range []string{"password", "entry", "certificate", "chain-out", "management-key"} {
		if err := settings.NotEmpty(cmd, flag); err != nil {
			return err
		}
	}
	if _, err := parsePasswordSource(o.Password); err != nil {
		return fmt.Errorf("--password: %w", err)
	}
	return o.Card.check(Enrolment{})
}

// parsePasswordSource reads --password. Since people put the password itself there, errors do not
// show the text.
func parsePasswordSource(text string) (config.PINSource, error) {
	if text == "" {
		return config.PINSource{Kind: config.PINPrompt}, nil
	}
	source, err := config.ParsePINSource(text)
	if err == nil && slices.Contains([]string{config.PINPrompt, config.PINEnv, config.PINFile}, source.Kind) {
		return source, nil
	}
	return config.PINSource{}, errors.New("it is prompt, env:NAME or file:PATH; the password itself must not be given here")
}

// ImportFile puts the key of a file into the device, and says what the file is from then on.
func ImportFile(r *device.Run, path string, order ImportOrder) error {
	address, err := r.Device.Address()
	if err != nil {
		return err
	}
	if !device.IsCard(address) && order.Card.Given() != "" {
		return fmt.Errorf("%w: %s is for keys on YubiKeys, and %s is not one", settings.ErrSettings, order.Card.Given(), address)
	}
	entry, err := readEntry(r, path, order)
	if err != nil {
		return err
	}
	defer forgetKey(entry.Key)
	if order.ChainOut != "" { // told before the key is in the device
		if err := console.MayWriteOut(order.ChainOut, encodeChain(entry.Chain)); err != nil {
			return fmt.Errorf("--chain-out: %w", err)
		}
	}
	r.Device.Doubt(entry.Certificate)
	if !time.Now().Before(entry.Certificate.NotAfter) {
		return fmt.Errorf("%w: %s: the certificate has expired, so the key cannot log in: %s", device.ErrCertificateFile, cmp.Or(order.Certificate, path), device.Describe(entry.Certificate))
	}
	if err := foreign.Hide(); err != nil { // the device's library gets the key, with or without a PIN
		return err
	}
	defer r.Device.PIN.Keep()()
	if address, err = importKey(r, address, entry.Key, order.Card); err != nil {
		return err
	}
	storing := Enrolment{Card: order.Card, ChainOut: order.ChainOut, InFile: order.InFile}
	kept, err := StoreCertificates(r, storing, address, answer{entry.Certificate, entry.Chain})
	if err != nil {
		return err
	}
	sayImported(r, path, address, kept, order.Next)
	return nil
}

// errKeyFile says that a file has no key that can be imported.
var errKeyFile = errors.New("key file")

// readEntry returns the key that is meant, with its certificate.
func readEntry(r *device.Run, path string, order ImportOrder) (certfile.KeyEntry, error) {
	data, err := console.ReadText(path)
	if err != nil {
		return certfile.KeyEntry{}, fmt.Errorf("%w: %w", errKeyFile, err)
	}
	source, _ := parsePasswordSource(order.Password) // check has read it
	bundle, err := openKeys(r.Ctx, data, func() ([]byte, error) { return password(r, source, path) })
	if err != nil {
		return certfile.KeyEntry{}, fmt.Errorf("%w %s: %w", errKeyFile, path, err)
	}
	entry, err := chooseEntry(bundle, order.Entry)
	for _, other := range bundle.Keys {
		if other.Key != entry.Key {
			forgetKey(other.Key)
		}
	}
	if err != nil {
		return certfile.KeyEntry{}, fmt.Errorf("%w %s: %w", errKeyFile, path, err)
	}
	if order.Certificate != "" {
		return withCertificate(r, entry, order.Certificate)
	}
	if entry.Certificate == nil {
		forgetKey(entry.Key)
		return certfile.KeyEntry{}, fmt.Errorf("%w %s: %w; name the file of the key's own: --certificate FILE", errKeyFile, path, noCertificateIn(bundle, entry))
	}
	return entry, nil
}

// noCertificateIn says which certificates there are in place of the key's.
func noCertificateIn(bundle certfile.Bundle, entry certfile.KeyEntry) error {
	_, _, err := certfile.Leaf(bundle.Certificates, entry.Key.Public())
	none, ok := errors.AsType[*certfile.NoLeafError](err)
	switch {
	case !ok:
		return err
	case len(none.Subjects) == 0:
		return errors.New("it has no certificate for the key")
	}
	return fmt.Errorf("it has no certificate for the key that is in it, only for other keys: %s", strings.Join(none.Subjects, ", "))
}

// openKeys returns the keys of a file, and overwrites what it was and the password. It can take
// seconds and is left behind when ctx ends, but not while it asks: a terminal is given back first.
func openKeys(ctx context.Context, data []byte, password func() ([]byte, error)) (certfile.Bundle, error) {
	var asking sync.Mutex
	bundle, err := console.Interruptible(ctx, func() (certfile.Bundle, error) {
		var secret []byte
		defer func() {
			clear(data)
			clear(secret)
		}()
		return certfile.Keys(data, func() (answer []byte, err error) {
			asking.Lock()
			defer asking.Unlock()
			if ctx.Err() != nil { // nobody waits any more
				return nil, context.Cause(ctx)
			}
			secret, err = password()
			return secret, err
		})
	})
	asking.Lock()
	defer asking.Unlock()
	return bundle, err
}

// withCertificate gives the key the certificate of another file.
func withCertificate(r *device.Run, entry certfile.KeyEntry, path string) (certfile.KeyEntry, error) {
	data, err := console.ReadText(path)
	if err == nil {
		var certs []*x509.Certificate
		if certs, err = certfile.Certificates(data); err == nil {
			entry.Certificate, entry.Chain, err = certfile.Leaf(certs, entry.Key.Public())
		}
	}
	if err != nil {
		forgetKey(entry.Key)
		return certfile.KeyEntry{}, fmt.Errorf("%w: %s: %w", device.ErrCertificateFile, path, err)
	}
	return entry, nil
}

// chooseEntry returns the key that is meant: the only one, or that of a name or an address.
func chooseEntry(bundle certfile.Bundle, wanted string) (certfile.KeyEntry, error) {
	var fitting []certfile.KeyEntry
	var names []string
	for _, entry := range bundle.Keys {
		names = append(names, entryName(entry))
		if wanted == "" || entry.Name == wanted || entry.Certificate != nil && strings.EqualFold(agent.Email(entry.Certificate), wanted) {
			fitting = append(fitting, entry)
		}
	}
	switch {
	case len(fitting) == 1:
		return fitting[0], nil
	case wanted == "":
		return certfile.KeyEntry{}, fmt.Errorf("it has %d keys; choose one with --entry: %s", len(names), strings.Join(names, ", "))
	case len(fitting) == 0:
		return certfile.KeyEntry{}, fmt.Errorf("it has no key %q; it has %s", wanted, strings.Join(names, ", "))
	}
	return certfile.KeyEntry{}, fmt.Errorf("%d of its keys are %q; it has %s", len(fitting), wanted, strings.Join(names, ", "))
}

// entryName names a key by what people can give to --entry.
func entryName(entry certfile.KeyEntry) string {
	email := ""
	if entry.Certificate != nil {
		email = agent.Email(entry.Certificate)
	}
	switch {
	case entry.Name != "" && email != "":
		return fmt.Sprintf("%q (%s)", entry.Name, email)
	case entry.Name != "" || email != "":
		return fmt.Sprintf("%q", entry.Name+email)
	}
	return "one without a name and a certificate"
}

// password gets the password of the file.
func password(r *device.Run, source config.PINSource, path string) ([]byte, error) {
	secret, err := r.Device.Secret(r.Ctx, source, "a password", "password of "+path)
	if errors.Is(err, console.ErrNoTerminal) {
		err = fmt.Errorf("it needs a password: %w; say where the password is with --password", err)
	}
	return secret, err
}

// importKey puts the key into the device and returns its address.
func importKey(r *device.Run, address config.Address, key *rsa.PrivateKey, flags CardFlags) (config.Address, error) {
	if err := device.CheckNamed(address, "the key"); err != nil {
		return nil, err
	}
	address = r.Device.At(address).Address(r.Ctx)
	imported, err := r.Device.At(address).Import(r.Ctx, key, flags.keySpec())
	if err != nil {
		err = unlessThere(r, err, imported, key)
	}
	if err == nil && device.Name(imported) != device.Name(address) {
		r.Say.Warn("the key has another name on the device, so its address is not the one asked for: from now on use %s", imported)
	}
	return imported, err
}

// errInDevice says that there is a key where one should be put.
var errInDevice = errors.New("the key is in the device already, or another one is in its place")

// unlessThere returns why a key was not imported; nil if the same key is in its place, since an
// interrupted import continues with the certificate. The error differs from enroll's, whose advice
// is about a request. Where the device does not tell the key, its certificate does; when that is
// stored, once more or for the first time, the key has to sign.
func unlessThere(r *device.Run, err error, address config.Address, key *rsa.PrivateKey) error {
	if !errors.Is(err, hardware.ErrKeyExists) {
		return err
	}
	there, listing := publicKeys(r, address, device.FoundKey.PublicKey)
	if listing != nil {
		return listing
	}
	switch {
	case len(there) == 0:
		r.Say.Note("there is a key already as %s, and the device does not tell which; a signature shows whether it is this one", address)
		return nil
	case !slices.ContainsFunc(there, key.PublicKey.Equal):
		return fmt.Errorf("%w: %v", errInDevice, err)
	}
	r.Say.Note("the key is there already, as %s", address)
	return nil
}

// sayImported says what to do next, and what the file still is.
func sayImported(r *device.Run, path string, address config.Address, kept Kept, next Next) {
	kept.saySetting(r)
	r.Say.Note("next: %s whoami --key %s%s", build.Program, shell.Quote(address.String()), kept.flag(r)+next.Login)
	if path == "-" {
		path = "the file that it came from"
	}
	r.Say.Warn("%s is still a copy of the key: anybody who has it can log in until the certificate expires or is disabled. Once whoami works, destroy it and every backup of it "+
		"(shred -u FILE; on SSDs and in cloud storage that may not reach all copies). A key made by '%s enroll' has no copy: take one at the next renewal", path, build.Program)
}

// forgetKey overwrites what makes a key private, as far as Go lets: numbers that were computed
// with meanwhile have left copies.
func forgetKey(key *rsa.PrivateKey) {
	if key == nil {
		return
	}
	clear(key.D.Bits())
	for _, prime := range key.Primes {
		clear(prime.Bits())
	}
	key.Precomputed = rsa.PrecomputedValues{}
}
