package monitor

import (
	"context"
	"net"
	"time"
)

// ServeWithin is Serve with room for so many connections, each of which has that time for a request.
func ServeWithin(ctx context.Context, listener net.Listener, source Source, connections int, requestTime time.Duration) error {
	return serve(ctx, listener, source, limits{connections, requestTime, time.Minute})
}
