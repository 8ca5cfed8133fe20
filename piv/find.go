//go:build cgo || windows

package piv

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/backoff"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// busyPatience is how long a card is waited for that another program has, unless
// Options.Busy says otherwise. A login takes a second at most, a browser's somewhat more.
const busyPatience = 5 * time.Second

// A card is found by its serial number, which only the card itself tells. So each card
// is opened in turn and closed again if it is another one; what is in a reader by its
// name, or by what it said at power up, proves nothing. Only the card that is meant is
// ever sent a PIN.

type finder struct {
	options  Options
	progress *progress
}

// survey is the cards that there are, as far as they are looked at.
type survey struct {
	service *service
	readers []string
	began   time.Time
	found   []*card           // fit the address; open; in the readers' order
	others  map[string]string // by reader, what those are called that do not fit
	failed  map[string]error  // by reader; ErrBusy among them
}

// close lets all cards go that were found.
func (s *survey) close() {
	for _, c := range s.found {
		c.finish()
	}
	s.service.release()
}

func newSurvey() (*survey, error) {
	service, err := newService()
	if err != nil {
		return nil, err
	}
	s := &survey{service: service, began: time.Now(), others: map[string]string{}, failed: map[string]error{}}
	if s.readers, err = service.readers(); err != nil {
		service.release()
		return nil, err
	}
	return s, nil
}

// survey opens the cards that fit the address. All of them stay open until one is chosen, so that
// the choice is of cards that are there at one time. A card that another program has, or that is
// about to start, is tried again for a while, after all others were: it may not be the one that is
// wanted. It ends early when the
// card that the address names is found.
func (f finder) survey(ctx context.Context, address pivuri.URI) (*survey, error) {
	s, err := newSurvey()
	if err != nil {
		return nil, inWords("looking for readers", err)
	}
	wait, told := newWaits(cmp.Or(f.options.Busy, busyPatience)), false
	for pending := s.readers; ; {
		pending = s.visit(pending, address)
		if len(pending) == 0 || s.isComplete(address) || !wait.again() {
			s.order()
			s.tellApart()
			return s, nil
		}
		if wait.long() && !told && s.firstFailure(ErrBusy) != nil {
			told = true
			f.progress.tell(CardBusy)
		}
		if err := backoff.Sleep(ctx, wait.next()); err != nil {
			s.close()
			return nil, fmt.Errorf("%w, and was waited for: %w", s.failed[pending[0]], err)
		}
	}
}

// visit opens the cards in the readers, and returns those that are worth another try.
func (s *survey) visit(readers []string, address pivuri.URI) (busy []string) {
	for _, reader := range readers {
		if s.isComplete(address) {
			return nil
		}
		delete(s.failed, reader)
		if address.Reader != "" && address.Reader != reader {
			continue
		}
		c, err := openCard(s.service, reader)
		switch {
		case errors.Is(err, ErrBusy), s.mayStart(err):
			busy = append(busy, reader)
			s.failed[reader] = err
		case errors.Is(err, ErrRemoved):
			// An empty reader; that all are empty is for none to say.
		case err != nil:
			s.failed[reader] = err
		case address.Serial != 0 && address.Serial != c.serial, address.GUID != "" && address.GUID != c.guid:
			s.others[reader] = c.described()
			c.finish()
		default:
			c.apart = pivuri.URI{GUID: address.GUID, Reader: address.Reader}
			s.found = append(s.found, c)
		}
	}
	return busy
}

// order puts the cards into the order of the readers, whichever had to be waited for.
func (s *survey) order() {
	slices.SortFunc(s.found, func(a, b *card) int {
		return slices.Index(s.readers, a.reader) - slices.Index(s.readers, b.reader)
	})
}

// tellApart gives cards without a serial number an address each, where there are several: by the
// GUID, which is the card's wherever it is, or by the reader.
func (s *survey) tellApart() {
	isAlone := len(s.found) == 1 && s.firstFailure(ErrBusy) == nil
	for _, c := range s.found {
		switch {
		case c.serial != 0 || c.apart.NamesCard() || isAlone:
		case c.guid != "" && s.holders(c.guid) == 1:
			c.apart.GUID = c.guid
		default:
			c.apart.Reader = c.reader
		}
	}
}

// holders counts the cards with a GUID: programs that make cards may give them all the same.
func (s *survey) holders(guid string) (count int) {
	for _, c := range s.found {
		if c.guid == guid {
			count++
		}
	}
	return count
}

// mayStart reports whether a card answered as those do whose PIV application is about to start.
// Others go on to answer so, and do not keep anybody waiting for long.
func (s *survey) mayStart(err error) bool {
	return errors.Is(err, errAsleep) && time.Since(s.began) < patience
}

// isComplete reports whether no other card can fit: serial numbers are one card's each, and a reader
// has one card.
func (s *survey) isComplete(address pivuri.URI) bool {
	return (address.Serial != 0 || address.Reader != "") && len(s.found) > 0
}

// one returns the one card that fits the address, with which the survey's connection
// to the service ends, or closes the survey.
func (s *survey) one(address pivuri.URI) (*card, error) {
	if len(s.found) == 0 {
		s.close()
		return nil, s.none(address)
	}
	if len(s.found) == 1 {
		// Broken cards and those of other kinds do not compete, but this one may.
		if busy := s.firstFailure(ErrBusy); busy != nil && !address.NamesCard() {
			s.close()
			return nil, fmt.Errorf("there are several cards, and one cannot be looked at, so name the card that is meant, as in %s: %w", s.found[0].address(address.Slot), busy)
		}
		return s.found[0], nil
	}
	ambiguous := &hardware.AmbiguousError{What: "cards"}
	for _, c := range s.found {
		ambiguous.Candidates = append(ambiguous.Candidates, c.address(address.Slot).String())
		ambiguous.Notes = append(ambiguous.Notes, c.reader)
	}
	s.close()
	return nil, ambiguous
}

// none says why no card fits: what a person can most easily change first.
func (s *survey) none(address pivuri.URI) error {
	for _, kind := range []error{ErrBusy, ErrNoService, ErrDevice} {
		err := s.firstFailure(kind)
		if errors.Is(err, errAsleep) && len(s.others) > 0 {
			continue
		}
		if err != nil {
			return err
		}
	}
	// Beside a YubiKey with another number, a card of another kind is beside the point.
	notPIV := s.firstFailure(ErrNotPIV)
	if notPIV != nil && len(s.others) == 0 {
		return notPIV
	}
	if address == (pivuri.URI{}) {
		return fmt.Errorf("%w: %s", ErrNoCard, s.instead(address.Reader))
	}
	return fmt.Errorf("%w: %s; %s", ErrNoCard, address, s.instead(address.Reader))
}

// instead says what there is where no card fits.
func (s *survey) instead(reader string) string {
	switch {
	case len(s.readers) == 0:
		return "no reader and no YubiKey is connected"
	case len(s.others) > 0:
		return "there is " + strings.Join(s.described(), " and ")
	case reader != "" && !slices.Contains(s.readers, reader):
		return fmt.Sprintf("there is no reader %q, but %q", reader, s.readers)
	case reader != "":
		return fmt.Sprintf("there is no card in the reader %q", reader)
	case len(s.readers) == 1:
		return fmt.Sprintf("there is no card in the reader %q", s.readers[0])
	}
	return fmt.Sprintf("there is no card in any of %d readers", len(s.readers))
}

// described returns what the cards that do not fit are called, in the order of the readers.
func (s *survey) described() (names []string) {
	for _, reader := range s.readers {
		if name, ok := s.others[reader]; ok {
			names = append(names, name)
		}
	}
	return names
}

// firstFailure returns the first failure of a kind; nil without.
func (s *survey) firstFailure(kind error) error {
	for _, reader := range s.readers {
		if err := s.failed[reader]; errors.Is(err, kind) {
			return err
		}
	}
	return nil
}

// enter opens the one card that the address names, with its keys.
func (f finder) enter(ctx context.Context, address pivuri.URI) (*keyring, error) {
	c, err := f.find(ctx, address)
	if err != nil {
		return nil, err
	}
	return f.keyring(c), nil
}

// keyring returns the keys of a card that is open.
func (f finder) keyring(c *card) *keyring {
	f.progress.meet(c.address(0))
	if f.options.Found != nil {
		f.options.Found(c.name())
	}
	return &keyring{
		card: c, user: &user{finder: f, card: c}, progress: f.progress,
		certificate: f.options.Certificate, now: cmp.Or(f.options.Time, time.Now()),
	}
}

func (f finder) find(ctx context.Context, address pivuri.URI) (*card, error) {
	s, err := f.survey(ctx, address)
	if err != nil {
		return nil, err
	}
	return s.one(address)
}
