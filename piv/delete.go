//go:build cgo || windows

package piv

import (
	"context"
	"errors"
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// Delete deletes the certificate and the key in the slot that the address names, for good,
// and returns what it has deleted, also beside an error. The address must name the slot.
//
// YubiKeys delete keys from firmware 5.7 on. On older ones, and on other makers' cards that do not
// know how, the certificate goes, the key stays, and Delete returns ErrUnsupported, which says so.
func Delete(ctx context.Context, address pivuri.URI, options Options) (deleted []string, err error) {
	if address.Slot == 0 {
		return nil, fmt.Errorf("%s: say which key is to be deleted: add ;slot=9c or another", address)
	}
	return visit(ctx, address, options, func(keys *keyring) ([]string, error) {
		return keys.deleteKey(ctx, address.Slot)
	})
}

// deleteKey is Delete on an open card. The certificate goes first: what is left of a call
// that failed half way shows in every list then, and goes with the next. Nobody is asked
// for a management key if there is nothing that the card could delete.
func (r *keyring) deleteKey(ctx context.Context, slot pivuri.Slot) (deleted []string, err error) {
	if r.card.plain {
		return nil, r.card.keyStays(r.unshown(slot), r.card.writable(slot))
	}
	k, err := r.readKey(slot)
	if err != nil {
		return nil, err
	}
	if k == nil {
		return nil, r.noKey(slot)
	}
	d := deletion{card: r.card, key: k, certificate: k.Certificate != nil || k.useless != nil}
	hasKey := !errors.Is(k.own, hardware.ErrNoKey)
	d.private = hasKey && r.card.since(5, 7, 0)
	if d.certificate || d.private {
		if err := r.user.write(ctx, "deleting the key", d.work); err != nil {
			return d.deleted, fmt.Errorf("%s: %w", k.Address, err)
		}
	}
	switch {
	case hasKey && !d.private:
		return d.deleted, r.card.keyStays(k, r.card.deletesNone())
	case d.unknown:
		return d.deleted, r.card.keyStays(k, r.card.cannotDelete())
	}
	return d.deleted, nil
}

// keyStays is the error for a key that the card cannot delete.
func (c *card) keyStays(k *slotKey, because error) error {
	over := fmt.Sprintf("ykman piv keys generate %s -", k.Address.Slot)
	if !c.isYubiKey() { // ykman looks for Yubico's readers only
		over = fmt.Sprintf("yubico-piv-tool -r '' -a generate -s %s -A RSA2048", k.Address.Slot)
	}
	return fmt.Errorf("%s: %w; so the key itself stays in the slot until a new one is put over it (%s), or the whole PIV application is reset", k.Address, because, over)
}

// deletion is what is to be deleted, and what was.
type deletion struct {
	card        *card
	key         *slotKey
	certificate bool
	private     bool
	unknown     bool // the card does not know how to delete a key
	deleted     []string
}

// work deletes with a management key, which it may be called with several of.
func (d *deletion) work(management []byte) error {
	return d.card.byRaw(func(raw *rawCard) error {
		m, err := d.card.managementBy(raw)
		if err == nil {
			err = raw.authenticate(m, management)
		}
		if err != nil {
			return err
		}
		slot := d.key.Address.Slot
		if d.certificate {
			if err := raw.deleteObject(slotOf(slot).Object); err != nil {
				return err
			}
			d.deleted = append(d.deleted, d.certificateName())
		}
		if d.private {
			err := raw.deleteKey(slot)
			if d.unknown = isStatus(err, statusUnknown); d.unknown {
				return nil // and the management key is right, which is what the caller would look for
			}
			if err != nil {
				return err
			}
			d.deleted = append(d.deleted, fmt.Sprintf("key %s (%s)", d.key.Address, d.key.Type))
		}
		return nil
	})
}

func (d *deletion) certificateName() string {
	switch {
	case errors.Is(d.key.useless, errNoX509):
		return fmt.Sprintf("unreadable certificate in %s", d.key.Address)
	case d.key.useless != nil:
		return fmt.Sprintf("certificate that is not for logins in %s", d.key.Address)
	}
	return fmt.Sprintf("%s in %s", hardware.Describe(d.key.Certificate), d.key.Address)
}

// deleteObject deletes a data object: PUT DATA of nothing (NIST SP 800-73-4 part 2,
// section 3.3.1).
func (r *rawCard) deleteObject(tag uint32) error {
	_, err := r.command(0xdb, 0x3f, 0xff, []byte{0x5c, 0x03, byte(tag >> 16), byte(tag >> 8), byte(tag), tagObject, 0x00})
	return err
}

// deleteKey deletes a key: it is moved to nowhere (docs.yubico.com, "Move key").
func (r *rawCard) deleteKey(slot pivuri.Slot) error {
	_, err := r.command(0xf6, 0xff, byte(slot), nil)
	return err
}
