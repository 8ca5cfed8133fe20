//go:build cgo || windows

package piv

import (
	"errors"

	"github.com/anaplan-agent/anaplan-agent/piv/pcsc"
)

// ReadFactory asks the card in a reader which of the factory's secrets it has: GET METADATA for the PIN
// and the PUK, which sends neither (docs.yubico.com, "Get metadata").
func ReadFactory(reader string) (factory Factory, err error) {
	s, err := newService()
	if err != nil {
		return factory, inWords("connecting to the smartcard service", err)
	}
	defer s.release()
	err = patiently(func() error {
		raw, err := s.open(reader)
		if err != nil {
			return err
		}
		defer raw.close(pcsc.LeaveCard)
		if factory.PIN, err = raw.isFactory(referencePIN); err != nil {
			return err
		}
		factory.PUK, err = raw.isFactory(referencePUK)
		return err
	})
	return factory, inWords("asking for the factory's", err)
}

func (r *rawCard) isFactory(reference byte) (bool, error) {
	metadata, err := r.metadata(reference)
	if err != nil {
		return false, err
	}
	isDefault, ok := element(metadata, tagDefault)
	if !ok || len(isDefault) != 1 {
		return false, errors.New("it says nothing of that")
	}
	return isDefault[0] != 0, nil
}
