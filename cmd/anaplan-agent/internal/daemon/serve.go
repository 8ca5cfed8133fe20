package daemon

// The agent: one process that keeps the tokens of all profiles and serves them on a
// unix socket. It has neither the keys nor, with a PIN source that a machine can read,
// the PINs: signer processes have them, for the moment of a login.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"

	"github.com/anaplan-agent/anaplan-agent/agent/audit"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/listen"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/neterror"
	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// errServeNone is an agent that nobody could ask anything.
var errServeNone = fmt.Errorf("%w: socket is \"none\", so there is nothing to serve on: give serve a socket, or a TCP port with listen or listen_tls", settings.ErrSettings)

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
	logger := slog.New(file.alsoTo(host.handler(loaded.Agent), loaded.Agent))
	d, err := newAgentProcess(s, loaded, logger, say.Errors())
	if errors.Is(err, audit.ErrInUse) {
		return cmp.Or(runningAt(loaded.Agent, host.Socket), err)
	}
	if err != nil {
		return err
	}
	defer d.close()
	d.host, d.logFile = host, file
	listeners, err := d.listen(loaded.Agent)
	for _, listener := range listeners {
		defer listener.Close()
	}
	if err == nil {
		err = d.remote.listen(loaded.Agent)
	}
	if err != nil {
		return err
	}
	if d.remote.listener != nil {
		defer d.remote.listener.Close()
	}
	watched, err := openWatched(loaded.Agent.Metrics, d.listens)
	if err != nil {
		return err
	}
	logger.Info("serving", "socket", d.socket, "address", d.listens, "tls_address", d.remote.address(), "metrics", addressOf(watched), "profiles", len(loaded.Profiles), "clients", len(loaded.Clients), "version", build.Version())
	return d.run(ctx, watched, listeners...)
}

// openLog opens the file of log_file; nil without one.
func openLog(path string) (*LogFile, error) {
	if path == "" {
		return nil, nil
	}
	return OpenLogFile(path)
}

// listen opens what the agent listens on, a socket, a TCP port or both, and tells where they are. What
// it returns is open, also beside an error.
func (d *agentProcess) listen(own *config.Agent) (listeners []net.Listener, err error) {
	socket, err := openSocket(own, d.host.Socket)
	if err != nil {
		return nil, err
	}
	if socket != nil {
		d.socket = socket.Addr().String()
		listeners = append(listeners, socket)
	}
	if dir := paths.DirectoryOf(d.socket); dir != "" {
		d.pins.AlsoIn(dir)
	}
	if own.Listen == "" {
		return listeners, nil
	}
	port, err := listenTCP("listen", own.Listen)
	if err != nil {
		return listeners, err
	}
	d.listens = port.Addr().String()
	return append(listeners, port), nil
}

// runningAt returns that an agent runs already where this one is to listen, which is why it can have
// no file of its own; nil if none does.
func runningAt(own *config.Agent, usual string) error {
	socket, err := openSocket(own, usual)
	if socket != nil {
		socket.Close()
	}
	if errors.Is(err, local.ErrRunning) {
		return err
	}
	return nil
}

// openWatched opens the address where those who watch the agent find its metrics; nil without one.
// listens is where the agent itself is; "": at no port.
func openWatched(address, listens string) (net.Listener, error) {
	if address == "" {
		return nil, nil
	}
	listener, err := listenTCP("metrics", address)
	if err != nil && listens != "" && portOf(address) == portOf(listens) {
		return nil, fmt.Errorf("%w: metrics = %q and listen = %q have the same port: choose another one for metrics", settings.ErrSettings, address, listens)
	}
	return listener, err
}

func portOf(address string) string {
	_, port, _ := net.SplitHostPort(address)
	return port
}

// listenTCP listens at the address of a setting.
func listenTCP(setting, address string) (net.Listener, error) {
	listener, err := net.Listen("tcp", address)
	if neterror.IsInUse(err) {
		return nil, fmt.Errorf("%s: another program listens on %s (%s shows which): end that, or choose another port", setting, address, remedy.Here().FindPort(portOf(address)))
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", setting, err)
	}
	return listener, nil
}

// addressOf returns where a listener is; "" without one.
func addressOf(listener net.Listener) string {
	if listener == nil {
		return ""
	}
	return listener.Addr().String()
}

// openSocket returns the socket that systemd or launchd has opened, or opens it, at the usual place unless a
// setting says otherwise; nil if there is to be none.
func openSocket(own *config.Agent, usual string) (net.Listener, error) {
	inherited, err := inheritedListener()
	if inherited != nil || err != nil {
		return inherited, err
	}
	path := cmp.Or(own.Socket, usual, servingSocket())
	switch {
	case path != "none":
		return listen.On(path, listen.Options{Shared: own.ShareSocket})
	case own.Listen == "" && own.ListenTLS == "":
		return nil, errServeNone
	}
	return nil, nil
}

// servingSocket returns where the agent listens unless somebody says otherwise: in the
// runtime directory that systemd has made for this service, else in the user's own place.
func servingSocket() string {
	if dir := os.Getenv("RUNTIME_DIRECTORY"); filepath.IsAbs(dir) {
		return filepath.Join(dir, paths.SocketName)
	}
	return paths.OwnSocket()
}
