//go:build cgo || windows

package piv

import (
	"context"

	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// List returns every card that fits the address, and its keys; of one slot only if the
// address names one. It sends no PIN. A card that cannot be read has an Err and does
// not fail the others.
func List(ctx context.Context, address pivuri.URI, options Options) ([]Card, error) {
	return call(ctx, options, func(f finder) ([]Card, error) { return f.list(ctx, address) }, forget)
}

// list is List in the goroutine that may be left behind. No card at all is an error,
// which says what is missing: an empty list would leave people to guess.
func (f finder) list(ctx context.Context, address pivuri.URI) ([]Card, error) {
	s, err := f.survey(ctx, address)
	if err != nil {
		return nil, err
	}
	defer s.close()
	var cards []Card
	for _, c := range s.found {
		cards = append(cards, f.keyring(c).list(address))
		c.finish() // another program may wait for it while the next one is read
	}
	if !address.NamesCard() { // else those that failed are not the one that is wanted, as far as anyone knows
		cards = append(cards, s.failures()...)
	}
	if len(cards) == 0 {
		return nil, s.none(address)
	}
	return cards, nil
}

// useGiven has a key log in with the certificate that the caller gave, as Open does, if it is the key's
// as far as anything tells.
func (r *keyring) useGiven(k *slotKey) {
	if public := k.believed(); r.certificate == nil || public != nil && !equal(public, r.certificate.PublicKey) {
		return
	}
	k.Certificate = r.certificate
	k.Problem = k.problem(k.Certificate, r.now)
}

// failures returns the cards that could not be opened, of which nothing is known.
func (s *survey) failures() []Card {
	var cards []Card
	for _, reader := range s.readers {
		if err := s.failed[reader]; err != nil {
			cards = append(cards, Card{Reader: reader, Tries: -1, Err: err})
		}
	}
	return cards
}

// list reads the card, as far as it goes. What can still be said of a card that
// fails half way is said, since a list is where people look for what is wrong.
func (r *keyring) list(address pivuri.URI) Card {
	c := r.card
	listed := Card{
		Address: c.address(0), Reader: c.reader, Name: c.name(), Firmware: c.version(), Identity: c.identity(), Tries: -1,
		ReadOnly: c.writable(0), Untold: c.untold(address.Slot),
	}
	// The counter first: it is what a list is most often wanted for.
	r.progress.card("reading the PIN's counter")
	if listed.Tries, _, listed.Err = c.counter(); listed.Err != nil {
		listed.Tries = -1
		return listed
	}
	slots := pivuri.Slots()
	if address.Slot != 0 {
		slots = []pivuri.Slot{address.Slot}
	}
	keys, err := r.keys(slots)
	if given := address.Slot != 0 && r.certificate != nil && !c.hasMetadata(); given && len(keys) == 0 && err == nil {
		keys = []*slotKey{r.unshown(address.Slot)}
	}
	for _, k := range keys {
		r.useGiven(k)
		listed.Keys = append(listed.Keys, k.KeyInfo)
	}
	listed.Err = err
	return listed
}
