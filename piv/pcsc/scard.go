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
	ProtocolT1     = scard.ProtocolT1
	ShareExclusive = scard.ShareExclusive
	ShareShared    = scard.ShareShared
	LeaveCard      = scard.LeaveCard
	ResetCard      = scard.ResetCard
)

// EstablishContext connects to the service.
func EstablishContext() (*Context, error) { return scard.EstablishContext() }
