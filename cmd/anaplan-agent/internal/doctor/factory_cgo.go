//go:build cgo || windows

package doctor

import (
	"errors"
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/piv/pcsc"
)

// readFactory asks the card in a reader what it has of the factory's: GET METADATA for the
// PIN and the PUK, which sends neither (docs.yubico.com, "Get metadata").
func readFactory(reader string) (state factoryState, err error) {
	service, err := pcsc.EstablishContext()
	if err != nil {
		return state, err
	}
	defer service.Release()
	card, err := service.Connect(reader, pcsc.ShareShared, pcsc.ProtocolT1)
	if err != nil {
		return state, err
	}
	defer card.Disconnect(pcsc.LeaveCard)
	// The application that a card was left in may be another one. Some refuse the first selection
	// after they were powered.
	selectPIV := []byte{0x00, 0xa4, 0x04, 0x00, 0x05, 0xa0, 0x00, 0x00, 0x03, 0x08}
	if _, err = transmit(card, selectPIV...); err != nil {
		_, err = transmit(card, selectPIV...)
	}
	if err != nil {
		return state, err
	}
	if state.pin, err = isFactory(card, 0x80); err != nil {
		return state, err
	}
	state.puk, err = isFactory(card, 0x81)
	return state, err
}

// isFactory asks about a key reference: 80 is the PIN, 81 the PUK (NIST SP 800-73-4 part 1,
// table 4b).
func isFactory(card *pcsc.Card, reference byte) (bool, error) {
	metadata, err := transmit(card, 0x00, 0xf7, 0x00, reference)
	if err != nil {
		return false, err
	}
	const tagDefault = 0x05
	for len(metadata) >= 2 && len(metadata) >= 2+int(metadata[1]) {
		tag, value := metadata[0], metadata[2:2+int(metadata[1])]
		if tag == tagDefault && len(value) == 1 {
			return value[0] != 0, nil
		}
		metadata = metadata[2+len(value):]
	}
	return false, errors.New("it says nothing of that")
}

// maxParts bounds a response that comes in parts, of which none here has many.
const maxParts = 8

// transmit sends a command and returns its response, however many parts it has, without the status
// word (ISO 7816-4 sections 5.1 and 5.3.4).
func transmit(card *pcsc.Card, command ...byte) (data []byte, err error) {
	for range maxParts {
		response, err := card.Transmit(command)
		if err != nil {
			return nil, err
		}
		if len(response) < 2 {
			return nil, errors.New("less than a status word came back")
		}
		body, status := response[:len(response)-2], response[len(response)-2:]
		data = append(data, body...)
		switch {
		case status[0] == 0x61:
			command = []byte{0x00, 0xc0, 0x00, 0x00, status[1]} // GET RESPONSE
		case status[0] != 0x90 || status[1] != 0x00:
			return nil, fmt.Errorf("status word %02X%02X", status[0], status[1])
		default:
			return data, nil
		}
	}
	return nil, errors.New("more came back than a card has to say")
}
