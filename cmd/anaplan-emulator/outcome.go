package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

// outcomeOrder is the JSON that plans how tasks end. The fields are those of
// anaplantest's Outcome; details are in Anaplan's notation.
type outcomeOrder struct {
	ID      string               `json:"id"`
	Outcome string               `json:"outcome"`
	Details []anaplantest.Detail `json:"details"`
	Dump    *string              `json:"dump"` // a text may be empty, and is a dump then too
	Polls   int                  `json:"polls"`
	Times   int                  `json:"times"`
}

// parseOutcome reads an order, as strictly as parseFault does.
func parseOutcome(text []byte) (outcomeOrder, error) {
	var order outcomeOrder
	if err := decodeOne(text, &order, "outcome"); err != nil {
		return order, err
	}
	if order.Times < 0 {
		return order, fmt.Errorf("times is %d, less than none", order.Times)
	}
	return order, nil
}

// make returns the outcome that is ordered.
func (o outcomeOrder) make() (anaplantest.Outcome, error) {
	outcome := anaplantest.Outcome{Details: o.Details, Polls: o.Polls}
	if o.Dump != nil {
		outcome.Dump = []byte(*o.Dump)
	}
	switch o.Outcome {
	case "success":
	case "failure":
		outcome.Failed = true
	case "cancelled":
		outcome.Cancelled = true
	case "endless":
		outcome.Polls = -1
	default:
		return outcome, fmt.Errorf("unknown outcome %q: it is one of success, failure, cancelled, endless", o.Outcome)
	}
	return outcome, nil
}

// decodeOne reads the one JSON value that an order of that name is. Unknown fields are
// errors, for a misspelt one would otherwise order something else.
func decodeOne(text []byte, order any, name string) error {
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(order); err != nil {
		return fmt.Errorf("the %s is not JSON of the right shape: %w", name, err)
	}
	// Decode stops after one value, and a second order would be lost.
	if _, err := decoder.Token(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("there is more after the %s: send one at a time", name)
	}
	return nil
}
