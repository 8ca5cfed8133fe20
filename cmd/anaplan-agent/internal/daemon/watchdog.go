package daemon

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// IsHealthy reports whether an agent answers on its socket, or without one on its TCP port, asked as
// callers do. It feeds systemd's watchdog. One that serves other machines only counts as healthy.
func IsHealthy(socket, address string) bool {
	if socket == "" && address == "" {
		return true
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			if socket == "" {
				return new(net.Dialer).DialContext(ctx, "tcp", address)
			}
			return local.Dial(ctx, socket)
		},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+cmp.Or(address, "agent")+"/healthz", nil)
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
