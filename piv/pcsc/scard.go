//go:build cgo && !windows

package pcsc

import "github.com/ebfe/scard"

// The types of the library.
type (
	Context     = scard.Context
	Card        = scard.Card
	ShareMode   = scard.ShareMode
	Disposition = scard.Disposition
	Error       = scard.Error
)

// What is asked of the service.
const (
	ProtocolT0     = scard.ProtocolT0
	ProtocolT1     = scard.ProtocolT1
	ShareExclusive = scard.ShareExclusive
	ShareShared    = scard.ShareShared
	LeaveCard      = scard.LeaveCard
	ResetCard      = scard.ResetCard
)

// EstablishContext connects to the service.
func EstablishContext() (*Context, error) { return scard.EstablishContext() }

// ATR returns what a card said when it was powered (ISO 7816-3 section 8).
func ATR(card *Card) ([]byte, error) {
	status, err := card.Status()
	if err != nil {
		return nil, err
	}
	return status.Atr, nil
}
