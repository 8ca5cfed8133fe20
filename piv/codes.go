//go:build cgo || windows

package piv

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/piv/pcsc"
)

// PC/SC and the card speak in codes, and piv-go in texts of its own around them; its
// types for them are not exported. All three become words for people here, with the code in
// parentheses to search the web for.

type meaning struct {
	kind  error
	words string
}

// meanings are the return values of PC/SC (pcsc-lite's winpcsc.h, Microsoft's
// winerror.h) that people meet.
var meanings = map[pcsc.Error]meaning{
	pcsc.ErrNoService:          {ErrNoService, daemon + " does not run"},
	pcsc.ErrServiceStopped:     {ErrNoService, daemon + " has ended"},
	pcsc.ErrShutdown:           {ErrNoService, daemon + " is ending"},
	pcsc.ErrSecurityViolation:  {ErrNoService, "its policy (polkit) does not let this user in"},
	pcsc.ErrNoAccess:           {ErrNoService, "it does not let this user in"},
	pcsc.ErrSharingViolation:   {ErrBusy, "it is held by another one, such as gpg's scdaemon, a browser, or another agent or signing program"},
	pcsc.ErrNoSmartcard:        {ErrRemoved, "the reader is empty"},
	pcsc.ErrRemovedCard:        {ErrRemoved, "it was pulled out"},
	pcsc.ErrUnknownReader:      {ErrRemoved, "its reader is gone"},
	pcsc.ErrReaderUnavailable:  {ErrRemoved, "its reader is gone"},
	pcsc.ErrNoReadersAvailable: {ErrRemoved, "its reader is gone"},
	pcsc.ErrNotTransacted:      {ErrRemoved, "it was pulled out, or the reader failed"},
	pcsc.ErrInvalidHandle:      {ErrRemoved, "the smartcard service was started again"},
	pcsc.ErrInvalidValue:       {ErrRemoved, "the smartcard service was started again"},
	pcsc.ErrResetCard:          {ErrDevice, "another program has reset it"},
	pcsc.ErrUnresponsiveCard:   {ErrDevice, "it is mute; it may be the wrong way round"},
	pcsc.ErrUnpoweredCard:      {ErrDevice, "it has no power"},
	pcsc.ErrCommError:          {ErrDevice, "the smartcard service does not answer as it should; it may have ended"},
	pcsc.ErrCommDataLost:       {ErrDevice, "the reader lost data"},
	pcsc.ErrProtoMismatch:      {ErrNotPIV, "it speaks neither T=1, as YubiKeys do, nor T=0"},
	pcsc.ErrUnsupportedCard:    {ErrNotPIV, "the reader does not know its kind"},
}

// fragments are pieces of piv-go's texts for return values of PC/SC. The order
// matters: the power "has been removed", too.
var fragments = []struct {
	text string
	code pcsc.Error
}{
	{"other connections outstanding", pcsc.ErrSharingViolation},
	{"power has been removed", pcsc.ErrUnpoweredCard},
	{"card has been removed", pcsc.ErrRemovedCard},
	{"card has been reset", pcsc.ErrResetCard},
	{"non-existent transaction", pcsc.ErrNotTransacted},
	{"no Smart Card is currently in the device", pcsc.ErrNoSmartcard},
	{"resource manager is not running", pcsc.ErrNoService},
	{"Resource Manager has shut down", pcsc.ErrServiceStopped},
	{"resource manager has shut down", pcsc.ErrServiceStopped},
	{"reader name is not recognized", pcsc.ErrUnknownReader},
	{"reader is not currently available", pcsc.ErrReaderUnavailable},
	{"cannot find a smart card reader", pcsc.ErrNoReadersAvailable},
	{"supplied handle was invalid", pcsc.ErrInvalidHandle},
	{"internal communications error", pcsc.ErrCommError},
	{"communications error with the smart card", pcsc.ErrCommDataLost},
	{"not responding to a reset", pcsc.ErrUnresponsiveCard},
	{"protocols are incompatible", pcsc.ErrProtoMismatch},
	{"security violation", pcsc.ErrSecurityViolation},
}

// serviceCode returns the return value of PC/SC in err; false if there is none.
func serviceCode(err error) (pcsc.Error, bool) {
	if code, ok := errors.AsType[pcsc.Error](err); ok {
		return code, true
	}
	text := err.Error()
	for _, f := range fragments {
		if strings.Contains(text, f.text) {
			return f.code, true
		}
	}
	_, rest, found := strings.Cut(text, "unknown pcsc return code 0x")
	code, parseErr := strconv.ParseUint(rest, 16, 32)
	return pcsc.Error(code), found && parseErr == nil
}

// status is a status word of a card (ISO 7816-4 section 5.6).
type status uint16

// Error is for commands that this package sends itself. Only inWords sees it.
func (s status) Error() string { return fmt.Sprintf("%s%04x", statusText, uint16(s)) }

// statusText is what piv-go writes before a status word.
const statusText = "smart card error "

// The status words that decide something (NIST SP 800-73-4 part 2, table 3; 6A88 and 6D00
// are ISO 7816-4's). Those of other cards differ, so as little as
// possible does.
const (
	statusOK          status = 0x9000
	statusWrongLength status = 0x6700
	statusRefused     status = 0x6982 // security status not satisfied
	statusBlocked     status = 0x6983 // authentication method blocked
	statusNotAllowed  status = 0x6985 // conditions of use not satisfied
	statusWrongData   status = 0x6a80
	statusNoFunction  status = 0x6a81 // function not supported
	statusNotFound    status = 0x6a82
	statusWrongPlace  status = 0x6a86 // incorrect parameters P1-P2: on some cards, a slot that they have not
	statusNoReference status = 0x6a88
	statusUnknown     status = 0x6d00 // instruction not supported
)

// statusWords say what status words mean, where that is not for the caller to say.
var statusWords = map[status]string{
	0x6700: "it does not take data of this length",
	0x6982: "it does not allow that without a PIN, a management key or a touch",
	0x6983: "the PIN is blocked",
	0x6985: "it does not allow that now",
	0x6a80: "it does not take the data",
	0x6a81: "it cannot do that",
	0x6a82: "there is nothing",
	0x6a84: "it has no memory left",
	0x6a86: "it does not take the parameters",
	0x6a88: "there is no such key",
	0x6d00: "it does not know the command",
	0x6e00: "it does not know the class of commands",
	0x6f00: "it failed and does not say why",
}

// statusOf returns the status word in err, of this package or of piv-go, which loses the
// type in some places and the text in none.
func statusOf(err error) (status, bool) {
	if err == nil {
		return 0, false
	}
	_, rest, found := strings.Cut(err.Error(), statusText)
	if !found || len(rest) < 4 {
		return 0, false
	}
	sw, parseErr := strconv.ParseUint(rest[:4], 16, 16)
	return status(sw), parseErr == nil
}

func isStatus(err error, wanted ...status) bool {
	sw, ok := statusOf(err)
	return ok && slices.Contains(wanted, sw)
}

// isAbsent reports whether a card says that there is nothing in a slot, or no such slot.
func isAbsent(err error) bool {
	return isStatus(err, statusNotFound, statusNoReference, statusWrongPlace)
}

func (s status) words() string { return cmp.Or(statusWords[s], "it refused") }

// code returns the status word as documents write it.
func (s status) code() string { return fmt.Sprintf("%04X", uint16(s)) }

// What fits nothing here was found by piv-go in what the card answered: an answer that
// cannot be read is the card's fault, like one that does not come.

// inWords puts words to what PC/SC, the card or piv-go returned while doing; nil for
// nil. What has words already stays as it is.
func inWords(doing string, err error) error {
	if err == nil {
		return nil
	}
	if _, done := errors.AsType[*deviceError](err); done {
		return err
	}
	if sw, ok := statusOf(err); ok {
		return &deviceError{kind: ErrDevice, doing: doing, words: sw.words(), code: sw.code()}
	}
	if code, ok := serviceCode(err); ok {
		m, known := meanings[code]
		if !known {
			m = meaning{ErrDevice, "the smartcard service returned an error"}
		}
		words := m.words
		// Without the library there is no service, either; what to install is another thing.
		if missing := libraryFailure(); code == pcsc.ErrNoService && missing != "" {
			words = "its library is not there: " + missing
		}
		return &deviceError{kind: m.kind, doing: doing, words: words, code: fmt.Sprintf("%08X", uint32(code))}
	}
	return fmt.Errorf("%w: %s: its answer makes no sense: %v", ErrDevice, doing, err)
}
