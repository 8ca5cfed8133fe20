//go:build cgo || windows

package piv

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"

	yubikey "github.com/go-piv/piv-go/v2/piv"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
)

// A card is written to with its management key. That has no counter, so a wrong one
// costs nothing: the factory's, which most cards still have, is tried before a person is
// asked for anything. The tests are the card's own; here is only told apart whether it
// did not take the key or did not do the work, which piv-go does in one call.

// factoryManagementKey is the management key that YubiKeys are sold with: 3DES, from
// firmware 5.7 AES-192 (docs.yubico.com, "PIN, PUK and management key").
func factoryManagementKey() []byte { return bytes.Repeat([]byte{1, 2, 3, 4, 5, 6, 7, 8}, 3) }

// keyLengths are the lengths of management keys by algorithm (NIST SP 800-78-4, table
// 6-2), and how people call them.
var keyLengths = map[byte]struct {
	name   string
	length int
}{
	algorithm3DES: {"3DES", 24},
	0x08:          {"AES-128", 16},
	0x0a:          {"AES-192", 24},
	0x0c:          {"AES-256", 32},
}

// algorithm3DES is the algorithm of all management keys before firmware 5.3, and the only
// one that is not AES.
const algorithm3DES = 0x03

// management is what the card tells of its management key.
type management struct {
	algorithm byte // 3DES before firmware 5.3
	touch     TouchPolicy
	factory   bool // it may be the factory's; false: it is certain that it is not
}

// referenceManagement is the management key's reference (NIST SP 800-73-4 part 1,
// table 4b).
const referenceManagement = 0x9b

// managementKey reads what the card tells of its management key: nothing before firmware
// 5.3. piv-go reads the algorithm only.
func (u *user) managementKey() (m management, err error) {
	if !u.card.hasMetadata() {
		return oldManagement, nil
	}
	u.progress.card("reading the card")
	err = u.card.aside("reading about the management key", func(raw *rawCard) (err error) {
		m, err = u.card.managementBy(raw)
		return err
	})
	return m, err
}

// oldManagement is what is known of a management key where the card tells nothing.
var oldManagement = management{algorithm: algorithm3DES, factory: true}

// managementBy reads what the card tells of its management key by a connection of its own.
func (c *card) managementBy(raw *rawCard) (management, error) {
	m := oldManagement
	if !c.hasMetadata() {
		return m, nil
	}
	metadata, err := raw.metadata(referenceManagement)
	m.read(metadata)
	return m, err
}

// read reads the metadata of the management key. What is not there stays as it was.
func (m *management) read(metadata []byte) {
	if algorithm, _ := element(metadata, tagAlgorithm); len(algorithm) == 1 {
		m.algorithm = algorithm[0]
	}
	// The PIN's policy comes first, and means nothing for this key.
	if policies, _ := element(metadata, tagPolicies); len(policies) == 2 {
		m.touch = touchPolicies[yubikey.TouchPolicy(policies[1])]
	}
	if isDefault, _ := element(metadata, tagDefault); len(isDefault) == 1 {
		m.factory = isDefault[0] != 0
	}
}

// fits returns why a management key cannot be the card's; nil if it can.
func (m management) fits(key []byte) error {
	want, known := keyLengths[m.algorithm]
	if known && len(key) != want.length {
		return fmt.Errorf("%w: the card has one of %s, which has %d bytes, and the one given has %d", ErrManagementKey, want.name, want.length, len(key))
	}
	return nil
}

// write has the card written to with its management key: the one that the caller
// gives, else the factory's, else the one that the card keeps under its PIN. work
// authenticates with the key before it writes, as piv-go's functions do.
func (u *user) write(ctx context.Context, doing string, work func(key []byte) error) error {
	m, err := u.managementKey()
	if err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err // nobody waits any more
	}
	w := writer{user: u, management: m, doing: doing, work: work}
	if u.options.ManagementKey != nil {
		return w.withGiven(ctx)
	}
	if m.factory {
		if err := w.with(factoryManagementKey()); !errors.Is(err, ErrManagementKey) {
			return err
		}
	}
	return w.withProtected(ctx)
}

// writer is one write to a card.
type writer struct {
	*user
	management management
	doing      string
	work       func(key []byte) error
}

// with writes with a management key. It is ErrManagementKey if the card does not take
// it; then nothing is written. It overwrites the key.
func (w writer) with(key []byte) error {
	defer clear(key)
	if err := w.management.fits(key); err != nil {
		return err
	}
	w.progress.card(w.doing)
	err := w.progress.touching(w.management.touch, func() error { return w.work(key) })
	if err == nil && bytes.Equal(key, factoryManagementKey()) {
		w.progress.tell(FactoryManagementKey)
	}
	return w.inWords(err)
}

// inWords tells a management key that was refused from a write that failed, by piv-go's
// words: its functions authenticate first, and say so.
func (w writer) inWords(err error) error {
	if err == nil {
		return nil
	}
	if _, failed := serviceCode(err); failed || !isAuthentication(err) {
		return inWords(w.doing, err)
	}
	sw, refused := statusOf(err)
	switch {
	case refused && sw == statusRefused && w.management.touch != TouchNever && w.management.touch != "":
		return &deviceError{kind: ErrNotTouched, doing: w.doing, words: "it waited for a touch in vain, or the management key is wrong", code: sw.code()}
	case refused:
		return fmt.Errorf("%w: %s did not take this one (%s)", ErrManagementKey, w.card.name(), sw.code())
	}
	return fmt.Errorf("%w: %s did not take this one (%v)", ErrManagementKey, w.card.name(), err)
}

// isAuthentication reports whether piv-go failed where it proves the management key.
func isAuthentication(err error) bool {
	return strings.Contains(err.Error(), "authenticating with management key")
}

// withGiven writes with the management key that the caller gives, and with no other.
func (w writer) withGiven(ctx context.Context) error {
	var key []byte
	request := ManagementKeyRequest{Card: w.card.name(), Serial: w.card.serial}
	err := w.ask(ctx, "waiting for the management key", func() (err error) {
		key, err = w.options.ManagementKey(ctx, request)
		return err
	})
	if err != nil {
		clear(key)
		return fmt.Errorf("%s: %w", w.card.name(), err)
	}
	return w.with(key)
}

// withProtected writes with the management key that the card keeps under its PIN, where
// ykman and others have put it (developers.yubico.com, "PIV tool", protected key).
func (w writer) withProtected(ctx context.Context) error {
	if w.options.PIN == nil {
		return fmt.Errorf("%w: it is not the factory's, and there is neither a way to ask for it nor for the PIN that may protect it", ErrManagementKey)
	}
	if w.pin.Value == nil { // an import has asked before
		if err := w.askPIN(ctx, 0); err != nil {
			return err
		}
	}
	metadata, err := w.protectedMetadata()
	if err != nil {
		return err
	}
	if metadata.ManagementKey == nil {
		return fmt.Errorf("%w: it is not the factory's, and the card holds none under its PIN", ErrManagementKey)
	}
	return w.with(*metadata.ManagementKey)
}

// protectedMetadata reads the object that the PIN protects. piv-go sends the PIN and reads
// the object with it; where it fails after the PIN, the card has taken that.
func (w writer) protectedMetadata() (*yubikey.Metadata, error) {
	w.progress.card("reading the management key")
	var metadata *yubikey.Metadata
	var unread error
	err := w.pin.Send(hardware.DevicePIN, func() (err error) {
		w.card.unlocked = true
		metadata, err = w.card.yk.Metadata(string(w.pin.Value))
		if err != nil && !strings.Contains(err.Error(), "authenticating with pin") {
			unread, err = err, nil
		}
		return w.answered(err)
	})
	if err = w.sent(err); err != nil {
		return nil, err
	}
	if unread != nil {
		return nil, fmt.Errorf("%w: the card holds none under its PIN (%v)", ErrManagementKey, inWords("reading it", unread))
	}
	return metadata, nil
}
