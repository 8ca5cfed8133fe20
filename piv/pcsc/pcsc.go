//go:build cgo || windows

// Package pcsc is the way to the computer's smartcard service (PC/SC): on Windows winscard.dll, from
// the system's directory and not before somebody asks for a card; elsewhere what package
// github.com/ebfe/scard makes of pcsc-lite and of macOS's.
//
// On Windows that package would load whichever winscard.dll the loader finds first, and that at the
// start of every program it is in, which ends with a panic where there is none.
package pcsc

// Return values (winscard.h of pcsc-lite, winerror.h of Windows).
const (
	ErrInvalidHandle      Error = 0x80100003
	ErrUnknownReader      Error = 0x80100009
	ErrSharingViolation   Error = 0x8010000B
	ErrNoSmartcard        Error = 0x8010000C
	ErrProtoMismatch      Error = 0x8010000F
	ErrInvalidValue       Error = 0x80100011
	ErrCommError          Error = 0x80100013
	ErrNotTransacted      Error = 0x80100016
	ErrReaderUnavailable  Error = 0x80100017
	ErrShutdown           Error = 0x80100018
	ErrNoService          Error = 0x8010001D
	ErrServiceStopped     Error = 0x8010001E
	ErrNoAccess           Error = 0x80100027
	ErrNoReadersAvailable Error = 0x8010002E
	ErrCommDataLost       Error = 0x8010002F
	ErrUnsupportedCard    Error = 0x80100065
	ErrUnresponsiveCard   Error = 0x80100066
	ErrUnpoweredCard      Error = 0x80100067
	ErrResetCard          Error = 0x80100068
	ErrRemovedCard        Error = 0x80100069
	ErrSecurityViolation  Error = 0x8010006A
)
