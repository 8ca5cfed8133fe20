package device

// One process at a time works with a device: several on one token disturb each other, most of all
// with SoftHSM. The lock is the user's; between users the device itself, or PC/SC, must arbitrate.

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/signer"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/hsm/modules"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// ErrDeviceInUse says that another process of this user kept the device for as long as
// was waited.
var ErrDeviceInUse = errors.New("the device is in use by another process of this user")

// LockDir returns where the locks of devices are: with the state, which all processes
// of a user have in common, with a login session and without; "" where there is none.
func LockDir() string {
	state := paths.State()
	if state == "" {
		return ""
	}
	return filepath.Join(state, "locks")
}

// LockName returns what two addresses have in common if they may be on one device: the
// module, since a module may keep all its tokens in one place, or all cards, since the
// one that is meant shows only when each is opened.
func LockName(address config.Address) string {
	token, ok := address.(uri.URI)
	if !ok {
		return "piv"
	}
	path, err := modules.Find(token)
	if err == nil {
		path, err = filepath.EvalSymlinks(path) // distributions have a module in several places
	}
	if err != nil {
		return "" // it will not be opened, either
	}
	return "pkcs11 " + path
}

// lockedKey lets the next process at the device once it has been closed.
type lockedKey struct {
	Key
	closings *Closings
	unlock   func()
}

// Close implements Key.
func (k lockedKey) Close() error {
	defer k.closings.then(k.unlock)
	return k.Key.Close()
}

// openAlone opens the key of an address with the device to itself, until the key is closed. A card for
// which a person is asked at a terminal is let go of meanwhile, so that is left to PC/SC.
func (d *Device) openAlone(ctx context.Context, address config.Address, cert *x509.Certificate) (Key, error) {
	d.close(d.Closings.reopen) // the lock of another key may be the same
	name := LockName(address)
	source, _ := d.PIN.SourceFor(pin.Request{})
	if d.Locks == "" || name == "" || name == "piv" && pin.Interactive(source) && !d.PIN.HasPIN() {
		return d.At(address).Open(ctx, cert)
	}
	unlock, err := d.lock(ctx, name)
	if err != nil {
		return nil, err
	}
	key, err := d.At(address).Open(ctx, cert)
	if err != nil {
		d.Closings.then(unlock)
		return nil, err
	}
	return lockedKey{key, d.Closings, unlock}, nil
}

// lock waits for the device. A home that is not writable must not prevent logins, nor cause a
// warning each time.
func (d *Device) lock(ctx context.Context, name string) (unlock func(), err error) {
	unlock, err = signer.LockDevice(ctx, d.Locks, name, func() { d.Say.Busy() })
	switch {
	case err != nil && ctx.Err() != nil:
		return nil, fmt.Errorf("%w: %w", ErrDeviceInUse, context.Cause(ctx))
	case err != nil:
		return func() {}, nil
	}
	return unlock, nil
}

// alone does work with the device to itself: between the look whether there is such a key
// and its making no other process of this user may make one.
func (d *Device) alone(ctx context.Context, address config.Address, work func() error) error {
	if name := LockName(address); d.Locks != "" && name != "" {
		d.close(d.Closings.reopen) // a key that was opened before has the lock until it is closed
		unlock, err := d.lock(ctx, name)
		if err != nil {
			return err
		}
		defer unlock()
	}
	return work()
}
