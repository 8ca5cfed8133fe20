//go:build cgo || windows

package piv

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/piv/pcsc"
)

// service is a connection to the PC/SC service. A visit has one for all that piv-go
// does not do: making one takes as long as two commands to a card.
type service struct{ context *pcsc.Context }

func newService() (*service, error) {
	context, err := pcsc.EstablishContext()
	return &service{context}, err
}

// release ends the connection. Twice does no harm.
func (s *service) release() {
	if s.context != nil {
		s.context.Release()
		s.context = nil
	}
}

// readers returns the names of all readers, with cards and without. Whether one has a
// card shows when it is connected to.
func (s *service) readers() (names []string, err error) {
	names, err = s.context.ListReaders()
	if errors.Is(err, pcsc.ErrNoReadersAvailable) {
		return nil, nil
	}
	return names, err
}

// rawCard is a card to which commands are sent as they are. It is used alone, and in no
// transaction.
type rawCard struct {
	card     *pcsc.Card
	onlyT0   bool   // it does not speak T=1
	selected []byte // the answer to the application's selection
}

// connect connects to the card in a reader. YubiKeys speak T=1, and piv-go nothing else; other cards
// may speak T=0 only (ISO 7816-3 section 10).
func (s *service) connect(reader string, share pcsc.ShareMode) (*rawCard, error) {
	card, err := s.context.Connect(reader, share, pcsc.ProtocolT1)
	onlyT0 := errors.Is(err, pcsc.ErrProtoMismatch)
	if onlyT0 {
		card, err = s.context.Connect(reader, share, pcsc.ProtocolT0)
	}
	if err != nil {
		return nil, err
	}
	return &rawCard{card: card, onlyT0: onlyT0}, nil
}

// close lets the card go, and does with it what is said.
func (r *rawCard) close(disposition pcsc.Disposition) error {
	return r.card.Disconnect(disposition)
}

// pivApplication is the identifier of the PIV application (NIST SP 800-73-4 part 1,
// section 2.2), as far as all versions share it.
var pivApplication = []byte{0xa0, 0x00, 0x00, 0x03, 0x08}

// open connects to a card and selects its PIV application. It tells whether there
// is one: piv-go must not be let at a card without, since its Open would keep that
// card from everyone until this process ends.
func (s *service) open(reader string) (*rawCard, error) {
	r, err := s.connect(reader, pcsc.ShareExclusive)
	if err != nil {
		return nil, err
	}
	if r.selected, err = r.command(0xa4, 0x04, 0x00, pivApplication); err != nil {
		r.close(pcsc.LeaveCard)
		return nil, notSelected(err)
	}
	return r, nil
}

// Why a card's PIV application is not to be had.
var (
	errNoPIV  = errors.New("the card has no PIV application")
	errAsleep = fmt.Errorf("%w: its PIV application does not start", ErrDevice)
)

// notSelected says why the PIV application was not selected. One status word says that there is
// none (NIST SP 800-73-4 part 2, section 3.1.1). Cards that have just been put in, or reset, answer
// others for a moment.
func notSelected(err error) error {
	sw, refused := statusOf(err)
	switch {
	case !refused:
		return err
	case sw == statusNotFound:
		return errNoPIV
	}
	return &deviceError{kind: errAsleep, doing: "opening the card", words: sw.words(), code: sw.code()}
}

// maxParts bounds a chained response, which a card could go on with for ever. Objects
// have 3 KB at most, in parts of 256 bytes, and some cards make smaller ones.
const maxParts = 256

// maxData is how much a command may have in one part (ISO 7816-4 section 5.1).
const maxData = 0xff

// command sends a command, in as many parts as it needs, and returns the data of its response, however
// many parts it has (ISO 7816-4 sections 5.3.3 and 5.3.4). Another status word than 9000 is an error.
// A card of T=0 wants to be asked for as many bytes as there are, and says how many (6CXX); only what
// brings no data is sent again for that, for a PIN goes once.
func (r *rawCard) command(ins, p1, p2 byte, data []byte) (response []byte, err error) {
	for ; len(data) > maxData; data = data[maxData:] {
		part, err := r.card.Transmit(append([]byte{0x10, ins, p1, p2, maxData}, data[:maxData]...))
		if err != nil {
			return nil, err
		}
		if !bytes.Equal(part, []byte{0x90, 0x00}) {
			return nil, fmt.Errorf("a part of a command was answered by %X", part)
		}
	}
	next := append([]byte{0x00, ins, p1, p2, byte(len(data))}, data...)
	defer clear(next) // there may be a PIN in it
	for range maxParts {
		part, err := r.card.Transmit(next)
		if err != nil {
			return nil, err
		}
		if len(part) < 2 {
			return nil, errors.New("less than a status word")
		}
		body, sw := part[:len(part)-2], part[len(part)-2:]
		response = append(response, body...)
		switch s := status(sw[0])<<8 | status(sw[1]); {
		case sw[0] == 0x61:
			next = []byte{0x00, 0xc0, 0x00, 0x00, sw[1]} // GET RESPONSE
		case sw[0] == 0x6c && len(next) == 5:
			next = append(next[:4:4], sw[1])
		case s != statusOK:
			return nil, s
		default:
			return response, nil
		}
	}
	return nil, errors.New("more data than a card has")
}

// reset resets a card, which locks what its PIN has unlocked. piv-go leaves a card as
// it is, and as pcscd keeps the power on for a while, any other program could sign
// without a PIN meanwhile.
func (s *service) reset(reader string) error {
	err := patiently(func() error {
		r, err := s.connect(reader, pcsc.ShareShared)
		if err != nil {
			return err
		}
		return r.close(pcsc.ResetCard)
	})
	switch code, _ := errors.AsType[pcsc.Error](err); code {
	case pcsc.ErrNoSmartcard, pcsc.ErrRemovedCard, pcsc.ErrUnknownReader:
		return nil // without power it knows nothing any more
	case pcsc.ErrNoService, pcsc.ErrServiceStopped, pcsc.ErrInvalidHandle:
		return nil // a service that starts again powers the card again
	}
	return err
}
