package daemon

// The agent: one process that keeps the tokens of all profiles and serves them on a
// unix socket. It has neither the keys nor, with a PIN source that a machine can read,
// the PINs: signer processes have them, for the moment of a login.

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/anaplan-agent/anaplan-agent/agent/neterror"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// errServeNone is a contradiction in the settings.
var errServeNone = fmt.Errorf("%w: socket is \"none\", which is for commands that do without an agent; serve needs a path, or nothing", settings.ErrSettings)

// Serve runs the agent until ctx ends.
func Serve(ctx context.Context, s *settings.Settings, say *console.Messenger, host Host) error {
	loaded, err := settings.LoadAll(s)
	if err != nil {
		return err
	}
	file, err := openLog(loaded.Agent.LogFile)
	if err != nil {
		return err
	}
	if file != nil {
		defer file.Close()
	}
	logger := slog.New(file.alsoTo(host.handler(loaded.Agent.LogLevel), loaded.Agent.LogLevel))
	d, err := newAgentProcess(s, loaded, logger, say.Errors())
	if err != nil {
		return err
	}
	defer d.close()
	d.host, d.logFile = host, file
	listener, err := listen(cmp.Or(loaded.Agent.Socket, host.Socket), loaded.Agent.ShareSocket)
	if err != nil {
		return err
	}
	defer listener.Close()
	d.socket = listener.Addr().String()
	d.pins.AlsoIn(filepath.Dir(d.socket))
	listeners := []net.Listener{listener}
	if loaded.Agent.Listen != "" {
		port, err := net.Listen("tcp", loaded.Agent.Listen)
		if err != nil {
			return listenError(loaded.Agent.Listen, err)
		}
		defer port.Close()
		d.listens = port.Addr().String()
		listeners = append(listeners, port)
	}
	logger.Info("serving", "socket", d.socket, "address", d.listens, "profiles", len(loaded.Profiles), "clients", len(loaded.Clients), "version", build.Version())
	return d.run(ctx, listeners...)
}

// openLog opens the file of log_file; nil without one.
func openLog(path string) (*LogFile, error) {
	if path == "" {
		return nil, nil
	}
	return OpenLogFile(path)
}

// listenError words why a TCP port cannot be listened on.
func listenError(address string, err error) error {
	if neterror.IsInUse(err) {
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
		return filepath.Join(dir, paths.SocketName)
	}
	return paths.OwnSocket()
}
