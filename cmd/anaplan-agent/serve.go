package main

// The agent: one process that keeps the tokens of all profiles and serves them on a
// unix socket. It has neither the keys nor, with a PIN source that a machine can read,
// the PINs: signer processes have them, for the moment of a login.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/anaplan-agent/anaplan-agent/agent/server"
	"github.com/spf13/cobra"
)

const serveHelp = `serve is the agent. It keeps a live token for each profile of the configuration
file, with one login for as long as Anaplan refreshes it, and hands it to the
programs of this user (and of those whom a profile allows) on a unix socket:

  anaplan-agent serve &
  anaplan-agent token                    from the agent, without a login of its own
  anaplan-agent exec -- ./nightly.sh     with the token in ANAPLAN_TOKEN
  anaplan-agent status
  curl --unix-socket $XDG_RUNTIME_DIR/anaplan-agent/agent.sock http://agent/v1/token

A profile logs in when somebody first asks for its token. A PIN that nobody has
written down is asked for by the command that needs it, and kept in memory until
'lock', or until the profile was idle.

Programs that call Anaplan through the agent stand in the configuration as
[client.NAME], each with a policy: see 'client --help' and 'policy --help'.

Flags and environment variables change the profile that --profile names. SIGHUP
reads the configuration again, SIGTERM ends the agent. 'service install' has
systemd or launchd start it.`

// newServeCommand returns the serve command.
func newServeCommand(say *messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "be the agent: keep tokens alive and serve them on a unix socket",
		Long:  serveHelp,
		Args:  noArguments,
	}
	settings := addSettings(cmd, signSettings, serverSettings, agentSettings)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		ctx, stop := signal.NotifyContext(cmd.Context(), os.Interrupt, syscall.SIGTERM)
		defer stop()
		return serve(ctx, settings, say)
	}
	return cmd
}

// heapReserve is memory that is counted as the agent's and never touched, so it takes none.
// The heap is collected whenever it has doubled, which for one as small as the agent's is
// forty times a second where callers are busy; with the reserve it is a third of that.
// A higher percentage would do the same, but not only for a small heap.
const heapReserve = 8 << 20

// errServeNone is a contradiction in the settings.
var errServeNone = fmt.Errorf("%w: socket is \"none\", which is for commands that do without an agent; serve needs a path, or nothing", errSettings)

// serve runs the agent until ctx ends.
func serve(ctx context.Context, settings *settings, say *messenger) error {
	loaded, err := loadAll(settings)
	if err != nil {
		return err
	}
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: loaded.agent.LogLevel}))
	d, err := newAgentProcess(settings, loaded, logger, say.errors())
	if err != nil {
		return err
	}
	defer d.close()
	listener, err := listen(loaded.agent.Socket, loaded.agent.ShareSocket)
	if err != nil {
		return err
	}
	defer listener.Close()
	d.socket = listener.Addr().String()
	d.pins.AlsoIn(filepath.Dir(d.socket))
	listeners := []net.Listener{listener}
	if loaded.agent.Listen != "" {
		port, err := net.Listen("tcp", loaded.agent.Listen)
		if err != nil {
			return listenError(loaded.agent.Listen, err)
		}
		defer port.Close()
		d.listens = port.Addr().String()
		listeners = append(listeners, port)
	}
	logger.Info("serving", "socket", d.socket, "address", d.listens, "profiles", len(loaded.profiles), "clients", len(loaded.clients), "version", version())
	defer runtime.KeepAlive(make([]byte, heapReserve))
	return d.run(ctx, listeners...)
}

// listenError words why a TCP port cannot be listened on.
func listenError(address string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("listen: another program listens on %s (ss -ltnp shows which): end that, or choose another port", address)
	}
	return fmt.Errorf("listen: %w", err)
}

// listen returns the socket that systemd has opened, or opens it.
func listen(path string, shared bool) (net.Listener, error) {
	inherited, err := inheritedListener()
	if inherited != nil || err != nil {
		return inherited, err
	}
	switch path {
	case "none":
		return nil, errServeNone
	case "":
		path = servingSocket()
	}
	return server.Listen(path, server.ListenOptions{Shared: shared})
}

// servingSocket returns where the agent listens unless somebody says otherwise: in the
// runtime directory that systemd has made for this service, else in the user's own place.
func servingSocket() string {
	if dir := os.Getenv("RUNTIME_DIRECTORY"); filepath.IsAbs(dir) {
		return filepath.Join(dir, socketName)
	}
	return ownSocket()
}
