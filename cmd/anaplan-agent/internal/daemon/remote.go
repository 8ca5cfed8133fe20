package daemon

// What the agent has for other machines: its certificate, and the port where they find it.

import (
	"context"
	"fmt"
	"log/slog"
	"net"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/mutualtls"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// remoteDoor is the port for other machines.
type remoteDoor struct {
	identity *mutualtls.Identity // nil: the agent has no certificate for them
	listener net.Listener        // nil: there is no port
}

// identify reads the certificate, if there is to be one.
func (r *remoteDoor) identify(own *config.Agent, log *slog.Logger) (err error) {
	if own.TLS == "" {
		return nil
	}
	if r.identity, err = mutualtls.Open(own.TLS, log); err != nil {
		return fmt.Errorf("%w: tls: %w", settings.ErrSettings, err)
	}
	return nil
}

// listen opens the port, if there is to be one.
func (r *remoteDoor) listen(own *config.Agent) (err error) {
	if own.ListenTLS != "" {
		r.listener, err = listenTCP("listen_tls", own.ListenTLS)
	}
	return err
}

// address returns where the port is; "" without one.
func (r *remoteDoor) address() string { return addressOf(r.listener) }

// watch looks at the files of the certificate until ctx ends.
func (r *remoteDoor) watch(ctx context.Context) {
	if r.identity != nil {
		r.identity.Watch(ctx)
	}
}
