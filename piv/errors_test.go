package piv_test

import (
	"errors"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// TestCardError: whatever goes wrong with a card, a caller can tell that it was one.
func TestCardError(t *testing.T) {
	_, opening := piv.Open(t.Context(), pivuri.URI{Serial: 1}, piv.Options{})
	_, importing := piv.Import(t.Context(), pivuri.URI{Slot: pivuri.Signature}, nil, piv.KeySpec{}, piv.Options{})
	for _, err := range []error{opening, importing} {
		card, ok := errors.AsType[*piv.CardError](err)
		if !ok || card.Error() != err.Error() || errors.Unwrap(card) == nil {
			t.Errorf("%v is not of a card", err)
		}
	}
}
