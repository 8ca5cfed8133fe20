package upstream

import (
	"errors"
	"net/http"
	"strconv"
	"time"
)

// MaxRetryAfter is the longest that RetryAfter returns; beyond it only the fact matters.
const MaxRetryAfter = 24 * time.Hour

// RetryAfter returns how long an answer asks to be left alone, and whether it asks at all: in seconds,
// or until a date (RFC 9110 section 10.2.3), which is read by the service's own clock if it tells
// that, and otherwise by arrived, when the answer came. It is 0 for a date that is past.
func RetryAfter(header http.Header, arrived time.Time) (wait time.Duration, asks bool) {
	value := header.Get("Retry-After")
	// A number out of range still says "do not come back soon".
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil || errors.Is(err, strconv.ErrRange) {
		return time.Duration(min(seconds, uint64(MaxRetryAfter/time.Second))) * time.Second, true
	}
	then, err := http.ParseTime(value)
	if err != nil {
		return 0, false
	}
	return min(max(then.Sub(Date(header, arrived)), 0), MaxRetryAfter), true
}

// Date returns the time of an answer by the service's own clock; arrived if it does not tell.
func Date(header http.Header, arrived time.Time) time.Time {
	if date, err := http.ParseTime(header.Get("Date")); err == nil {
		return date
	}
	return arrived
}
