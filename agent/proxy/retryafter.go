package proxy

import (
	"net/http"
	"strings"
	"time"
)

// Bounds of what the service may ask for in patience.
const (
	defaultHold = 10 * time.Second // where it does not say (contract section 6)
	minHold     = time.Second      // where it says that the time is over
	maxHold     = 5 * time.Minute
)

// retryAfter returns how long an answer asks to wait: seconds, or a date, which is
// read by the service's own clock if it tells that.
func retryAfter(header http.Header, now time.Time) time.Duration {
	text := strings.TrimSpace(header.Get("Retry-After"))
	wait := defaultHold
	if text != "" && strings.Trim(text, "0123456789") == "" {
		wait = seconds(text)
	} else if date, err := http.ParseTime(text); err == nil {
		if told, err := http.ParseTime(header.Get("Date")); err == nil {
			now = told
		}
		wait = date.Sub(now)
	}
	return min(max(wait, minHold), maxHold)
}

// seconds reads digits, and of too many of them no more than is needed.
func seconds(digits string) time.Duration {
	sum := time.Duration(0)
	for _, digit := range digits {
		sum = min(10*sum+time.Duration(digit-'0')*time.Second, maxHold)
	}
	return sum
}
