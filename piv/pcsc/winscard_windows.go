package pcsc

import (
	"fmt"
	"strings"
	"unicode/utf16"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Numbers of winscard.h.
type (
	ShareMode   uint32
	Disposition uint32
	protocol    uint32

	// Error is what a call returned, other than 0.
	Error uint32
)

const (
	ShareExclusive ShareMode = 1
	ShareShared    ShareMode = 2

	LeaveCard Disposition = 0
	ResetCard Disposition = 1

	ProtocolT0 protocol = 1
	ProtocolT1 protocol = 2

	scopeSystem = 2
	mostATR     = 36        // bytes, as SCARD_ATR_LENGTH and more
	mostAnswer  = 1<<16 + 9 // bytes: an extended response, and more than that for its envelope
)

// Error says the number: package piv has words for those that people meet.
func (e Error) Error() string { return fmt.Sprintf("winscard.dll: error %08x", uint32(e)) }

var (
	winscard = windows.NewLazySystemDLL("winscard.dll")

	establishContext = winscard.NewProc("SCardEstablishContext")
	releaseContext   = winscard.NewProc("SCardReleaseContext")
	listReaders      = winscard.NewProc("SCardListReadersW")
	connect          = winscard.NewProc("SCardConnectW")
	disconnect       = winscard.NewProc("SCardDisconnect")
	transmit         = winscard.NewProc("SCardTransmit")
	status           = winscard.NewProc("SCardStatusW")
)

// call calls a function. Without the library, as on a server without its feature for smartcards,
// there is no service. What the arguments point to stays where it is meanwhile.
//
//go:uintptrescapes
func call(function *windows.LazyProc, arguments ...uintptr) error {
	if function.Find() != nil {
		return ErrNoService
	}
	if code, _, _ := function.Call(arguments...); code != 0 {
		return Error(code)
	}
	return nil
}

// Context is a connection to the service.
type Context struct{ handle uintptr }

// EstablishContext connects to the service. Once it has, the library is loaded, and piv-go, which
// looks for it by its bare name, gets the same one.
func EstablishContext() (*Context, error) {
	c := &Context{}
	if err := call(establishContext, scopeSystem, 0, 0, uintptr(unsafe.Pointer(&c.handle))); err != nil {
		return nil, err
	}
	return c, nil
}

// Release ends the connection.
func (c *Context) Release() error { return call(releaseContext, c.handle) }

// ListReaders returns the names of all readers; ErrNoReadersAvailable without one.
func (c *Context) ListReaders() ([]string, error) {
	var size uint32 // in characters
	if err := call(listReaders, c.handle, 0, 0, uintptr(unsafe.Pointer(&size))); err != nil || size == 0 {
		return nil, err
	}
	text := make([]uint16, size)
	if err := call(listReaders, c.handle, 0, uintptr(unsafe.Pointer(&text[0])), uintptr(unsafe.Pointer(&size))); err != nil {
		return nil, err
	}
	return namesIn(text), nil
}

// namesIn reads names that each end with a 0.
func namesIn(text []uint16) []string {
	return strings.FieldsFunc(string(utf16.Decode(text)), func(r rune) bool { return r == 0 })
}

// Card is a connection to a card.
type Card struct {
	handle uintptr
	speaks protocol
}

// Connect connects to the card in a reader.
func (c *Context) Connect(reader string, mode ShareMode, speaks protocol) (*Card, error) {
	name, err := windows.UTF16PtrFromString(reader)
	if err != nil {
		return nil, err
	}
	card := &Card{}
	err = call(connect, c.handle, uintptr(unsafe.Pointer(name)), uintptr(mode), uintptr(speaks),
		uintptr(unsafe.Pointer(&card.handle)), uintptr(unsafe.Pointer(&card.speaks)))
	if err != nil {
		return nil, err
	}
	return card, nil
}

// Disconnect lets the card go, and does with it what is said.
func (c *Card) Disconnect(disposition Disposition) error {
	return call(disconnect, c.handle, uintptr(disposition))
}

// Transmit sends a command and returns the card's response.
func (c *Card) Transmit(command []byte) ([]byte, error) {
	request := struct{ protocol, size uint32 }{uint32(c.speaks), 8} // SCARD_IO_REQUEST
	answer, size := make([]byte, mostAnswer), uint32(mostAnswer)
	err := call(transmit, c.handle, uintptr(unsafe.Pointer(&request)), uintptr(unsafe.Pointer(unsafe.SliceData(command))), uintptr(len(command)),
		0, uintptr(unsafe.Pointer(&answer[0])), uintptr(unsafe.Pointer(&size)))
	if err != nil {
		return nil, err
	}
	return answer[:size], nil
}

// ATR returns what a card said when it was powered (ISO 7816-3 section 8).
func ATR(card *Card) ([]byte, error) {
	var nameSize, state, speaks uint32
	atr, size := make([]byte, mostATR), uint32(mostATR)
	err := call(status, card.handle, 0, uintptr(unsafe.Pointer(&nameSize)), uintptr(unsafe.Pointer(&state)), uintptr(unsafe.Pointer(&speaks)),
		uintptr(unsafe.Pointer(&atr[0])), uintptr(unsafe.Pointer(&size)))
	if err != nil {
		return nil, err
	}
	return atr[:size], nil
}
