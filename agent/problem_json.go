package agent

import (
	"encoding/json"
	"math"
	"time"
)

// problemFields has the fields of a Problem and none of its methods.
type problemFields Problem

// problemJSON is a Problem as it travels.
type problemJSON struct {
	*problemFields
	WaitSeconds float64 `json:"wait_seconds,omitempty"`
}

// MarshalJSON writes times in seconds, as everything that programs read has them.
func (p Problem) MarshalJSON() ([]byte, error) {
	return json.Marshal(problemJSON{(*problemFields)(&p), p.Wait.Seconds()})
}

// UnmarshalJSON undoes MarshalJSON. A wait that no time.Duration holds becomes the longest.
func (p *Problem) UnmarshalJSON(data []byte) error {
	read := problemJSON{problemFields: (*problemFields)(p)}
	if err := json.Unmarshal(data, &read); err != nil {
		return err
	}
	p.Wait = seconds(read.WaitSeconds)
	return nil
}

// seconds returns a number of seconds as a time; one below 0 as none.
func seconds(number float64) time.Duration {
	if number >= math.MaxInt64/float64(time.Second) {
		return math.MaxInt64
	}
	return time.Duration(math.Round(max(number, 0) * float64(time.Second)))
}
