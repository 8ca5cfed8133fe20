package proxy

import (
	"net/http"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/upstream"
)

// Bounds of what the service may ask for in patience.
const (
	defaultHold = 10 * time.Second // where it does not say (contract section 6)
	minHold     = time.Second      // where it says that the time is over
	maxHold     = 5 * time.Minute
)

// holdTime returns for how long the service is left alone after an answer.
func holdTime(header http.Header) time.Duration {
	wait, asks := upstream.RetryAfter(header, time.Now())
	if !asks {
		return defaultHold
	}
	return min(max(wait, minHold), maxHold)
}
