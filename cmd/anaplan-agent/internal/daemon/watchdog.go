package daemon

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"time"
)

// IsHealthy reports whether an agent answers on its socket, asked as callers do. It feeds systemd's
// watchdog.
func IsHealthy(socket string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://agent/healthz", nil)
	if err != nil {
		return false
	}
	answer, err := transport.RoundTrip(request)
	if errors.Is(err, fs.ErrNotExist) {
		return true // somebody has removed the socket, which starting the agent anew makes no better than it does itself
	}
	if err != nil {
		return false
	}
	answer.Body.Close()
	return true // one that it is too busy, too: starting it anew would lose tokens and PINs
}
