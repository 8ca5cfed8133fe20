package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/listen"

	"golang.org/x/time/rate"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/authority"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/mutualtls"
	"github.com/anaplan-agent/anaplan-agent/agent/phantom"
	"github.com/anaplan-agent/anaplan-agent/agent/policy"
	"github.com/anaplan-agent/anaplan-agent/agent/proxy"
	"github.com/anaplan-agent/anaplan-agent/agent/tunnel"
)

// Config is what a Server serves. Only Profiles must be there.
type Config struct {
	// Profiles returns the profiles by name. It is called for every request and must be
	// quick; the map is never changed, and a profile whose Allow changes is a new *Profile.
	Profiles func() map[string]*Profile

	// Clients returns the clients by name, as Profiles does the profiles. nil: there are none.
	Clients func() map[string]*Client

	// Phantoms are the tokens that callers get in the place of Anaplan's. nil: those of a
	// Store of the Server's own.
	Phantoms *phantom.Store

	// Admin reports whether a peer may do everything; only such a peer may give a PIN, lock,
	// unlock, and reload. It is asked once a connection. nil: root and the agent's own user. The
	// errors for others name these.
	Admin func(local.Peer) bool

	// Reload reads the configuration again, and says what of it is not taken over. nil: the
	// request is an error.
	Reload func(context.Context) (warnings []string, err error)

	// Stop has the agent end, and returns at once. nil: the agent cannot be asked to.
	Stop func()

	// Ready returns why the agent is not ready. nil: it always is.
	Ready func() error

	// Metrics writes metrics in the format that the Accept headers want, and returns its media type.
	// nil: there are none.
	Metrics func(out io.Writer, accept []string) (mediaType string)

	// Record writes down who did what: before a token is handed out, after everything else. What it
	// fails to write is an error for the caller, which gets no token; where that is Done, Record
	// has to write it later. nil: nothing is written down.
	Record func(Record) error

	// Recordable returns why nothing can be written down; nil: it can. It is asked before all that
	// gives something, signs or calls. What takes away (lock, a phantom token's end) and reload,
	// which may be the remedy, are done all the same. nil: it always can.
	Recordable func() error

	// Observe is told about every request: its path, "other" for one that there is not, "forwarded"
	// for one that went to Anaplan, its HTTP status (499: the caller went away), and how long it
	// took. nil: nobody.
	Observe func(route string, status int, took time.Duration)

	// Forwarded is told about every call that was forwarded, also where there is no Record.
	// nil: nobody.
	Forwarded func(Record)

	// Refused is told about every call that a policy has refused. nil: nobody.
	Refused func(Record)

	// Logger gets the causes that callers are not told. nil discards them.
	Logger *slog.Logger

	// Version is shown by /v1/status, and so is the address of the TCP port.
	Version string
	Address func() string // nil: there is none

	TLSAddress func() string // of the port for other machines; nil: there is none

	// Configured is when the configuration was last read, for /v1/status. nil: at the start.
	Configured func() time.Time

	// Authority makes the certificates with which the server answers in the name of Anaplan's hosts, to
	// callers that have it as their proxy; its hosts are those. nil: it is nobody's proxy.
	Authority *authority.Authority

	// Identity is by what callers on other machines know the server, and who may be one. nil: ServeTLS
	// serves nobody.
	Identity *mutualtls.Identity

	// Fleet is the members of which this agent is one. nil: it is none.
	Fleet *Fleet

	// Tunnel connects callers that have the server as their proxy to hosts that are not Anaplan's:
	// package tunnel's Dial. nil: they are refused.
	Tunnel func(context.Context, tunnel.Target) (net.Conn, error)

	// Tunnelled is told about every such tunnel, when it has ended or was not made. nil: nobody.
	Tunnelled func(Record)

	// Limits bounds what callers can take.
	Limits Limits
}

// Profile is one profile as the Server needs it.
type Profile struct {
	Keeper *agent.Keeper

	// Device is the Keeper of the key on this machine, which unlock, lock, login and logout are for, where
	// Keeper has its token from another agent. nil: Keeper is.
	Device *agent.Keeper

	// Allow reports whether a peer may use it beside those that Config.Admin names: have its token,
	// and log in and out where nothing final stands in the way. It is asked once a connection. nil:
	// nobody else may.
	Allow func(local.Peer) bool

	// SetPIN takes a PIN over, to keep or to wipe it; nil forgets the one that there is. It is for
	// the login that follows, and for later ones until one of them refuses it: then it is
	// forgotten. nil: the profile takes no PIN from callers. Only callers that Config.Admin names
	// get so far.
	SetPIN func([]byte)

	// SetUnlockOptions is told what else a person has said with an unlock, after SetPIN and before
	// anything is tried. nil: that changes nothing.
	SetUnlockOptions func(local.UnlockOptions)

	// API forwards calls to Anaplan. nil: none are.
	API *proxy.Proxy

	// Policy is what may be called with API, by any caller. Where there is one, only callers that
	// Config.Admin names get Anaplan's token itself, and log in and out. nil: everything.
	Policy *policy.Policy

	// Phantoms: callers get phantom tokens in the place of the Keeper's, which is worth nothing to them:
	// another agent has handed it out to this one.
	Phantoms bool

	// Names tells Policy, and that of clients, what ids stand for. nil: no rule with a name fits.
	Names policy.Names

	// Identify asks Anaplan for the profile's user. nil: nobody knows.
	Identify func(context.Context) (User, error)

	// Details returns what is shown of it beside its Keeper's status. nil: nothing.
	Details func() local.Details
}

// Client is one program, or several, that may do what its policy allows and nothing else:
// what the agent's configuration calls a client.
type Client struct {
	Profile string // for which it acts

	// Secret is the SHA-256 hash of what the client shows. It must be a hash of something
	// that cannot be guessed, for trying costs little. nil: it shows nothing.
	Secret []byte

	// Users reports whether a user of the machine is this client. It is asked for every request.
	// nil: none is.
	Users func(local.Peer) bool

	// Certificates names those on other machines that are this client, as [mutualtls.NamesOf] does.
	Certificates []string

	Policy *policy.Policy // beside the profile's, which counts too

	RefuseOtherHosts bool // it gets no tunnels
}

// Action is what somebody did, in a Record.
type Action string

// Actions.
const (
	ActionToken  Action = "token"
	ActionLogin  Action = "login"
	ActionLogout Action = "logout"
	ActionUnlock Action = "unlock"
	ActionLock   Action = "lock"
	ActionReload Action = "reload"
	ActionStop   Action = "stop"

	ActionRenewCA Action = "renew-ca"

	ActionDenied Action = "denied" // the caller may not do what was asked for

	ActionPhantom Action = "phantom" // a phantom token was handed out, renewed or ended
	ActionCall    Action = "call"    // a call was forwarded to Anaplan
	ActionTunnel  Action = "tunnel"  // a tunnel to another host has ended, or was not made
)

// Record is a line for the audit log.
type Record struct {
	Time    time.Time
	Action  Action
	Profile string // "" for what concerns all of them
	Peer    local.Peer
	Network bool // Peer came over TCP, and nothing else is known of it but what follows

	Certificate string // the name in the certificate of a caller on another machine; "": it is on this one
	Original    string // who has called the member of the fleet that has called, as fleet.Origin has it; "": no member has
	Address     string // of that machine

	Client     string     // "client:NAME", "user:" and its User, or "" where that does not matter
	Code       agent.Code // of what went wrong; "" if nothing did
	Generation uint64     // of the token; 0 without
	Done       bool       // it has happened, and must be written down sooner or later
	Call       Call       // of ActionCall and ActionTunnel, and of an ActionDenied that refuses one
}

// Call is a call of Anaplan's API, or a tunnel.
type Call struct {
	Method, Path string // the path without its query; of a tunnel CONNECT, and HOST:PORT
	Status       int    // of the answer; 0: there was none
	Sent         int64  // bytes of the request's body, or that the caller has sent
	Received     int64  // bytes of the answer's, or that it has received
	Took         time.Duration
	Trace        string // that the client says it belongs to (W3C Trace Context), 32 hexadecimal digits; "": none
}

// Server answers callers. The zero Server is not usable, see New.
type Server struct {
	config    Config
	gate      *gate
	started   time.Time
	unwritten unwritten
	refusals  *refusals
	callers   mutualtls.Callers // on other machines
	reused    phantom.Reused    // of profiles with Phantoms

	ownUser func() string // looked up when it is first needed: a directory service may be slow

	denials *allowances // of lines about what was refused
	logins  *allowances // of phantom tokens
	tunnels *places
	tls     *tls.Config // of what is within a tunnel to one of Anaplan's hosts
}

// New returns a Server. It does nothing before Serve.
func New(config Config) *Server {
	config.Limits = config.Limits.orDefaults()
	if config.Admin == nil {
		config.Admin = local.IsRootOrSelf
	}
	if config.Observe == nil {
		config.Observe = func(string, int, time.Duration) {}
	}
	if config.Forwarded == nil {
		config.Forwarded = func(Record) {}
	}
	if config.Refused == nil {
		config.Refused = func(Record) {}
	}
	if config.Reload == nil {
		config.Reload = func(context.Context) ([]string, error) {
			return nil, agent.Problemf(agent.CodeBadRequest, "this agent has no configuration to read again")
		}
	}
	if config.Tunnelled == nil {
		config.Tunnelled = func(Record) {}
	}
	if config.Recordable == nil {
		config.Recordable = func() error { return nil }
	}
	if config.Clients == nil {
		config.Clients = func() map[string]*Client { return nil }
	}
	if config.Phantoms == nil {
		config.Phantoms = phantom.New(phantom.Config{})
	}
	config.Logger = cmp.Or(config.Logger, slog.New(slog.DiscardHandler))
	return &Server{
		config:  config,
		gate:    newGate(config.Limits, config.Admin, config.knows),
		started: time.Now(),
		ownUser: sync.OnceValue(ownUser),

		refusals:  newRefusals(),
		unwritten: unwritten{tell: rate.Sometimes{Interval: time.Minute}},

		denials: newAllowances(rate.Limit(config.Limits.Rate/costAct), config.Limits.Burst/costAct),
		logins:  newAllowances(rate.Limit(config.Limits.Rate/costLogin), config.Limits.Burst/costLogin),
		tunnels: newPlaces(config.Limits.Tunnels),
		tls:     tlsConfig(),
	}
}

// Connections returns how many connections there are.
func (s *Server) Connections() int { return s.gate.connections() }

// Tunnels returns how many tunnels to other hosts are open or being made.
func (s *Server) Tunnels() int { return s.tunnels.count() }

// Serve answers the callers of a listener until ctx ends; then it closes the listener,
// gives the requests under way Limits.Drain to end, cuts off the rest, and returns nil when
// all is done. Several listeners can be served at the same time.
//
// The listener is a unix socket or a named pipe, whose callers the kernel knows, or a TCP port on a loopback
// address, whose callers must show a secret or a phantom token, and can do nothing but what
// Anaplan itself has: log in, and call the API.
func (s *Server) Serve(ctx context.Context, listener net.Listener) error {
	if !isLocal(listener.Addr()) {
		listener.Close()
		return fmt.Errorf("serving on %s: that is neither a socket or pipe of this machine nor a loopback address, and would be open to the network", listener.Addr())
	}
	return s.serve(ctx, listener, nil)
}

// serve is Serve for callers of this machine, or, with a guard, for those on others.
func (s *Server) serve(ctx context.Context, listener net.Listener, guard *mutualtls.Guard) error {
	base, cut := context.WithCancelCause(context.WithoutCancel(ctx))
	defer cut(nil)
	conns := newConnections(s.config.Limits)
	door := &door{Listener: listener, gate: s.gate, guard: guard, among: conns, log: s.config.Logger, closed: make(chan struct{}), spoken: rate.Sometimes{Interval: time.Minute}}
	server, within := s.httpServer(base, conns), s.httpServer(base, conns)
	conns.within = listen.NewQueue(listener.Addr())
	var intercepting sync.WaitGroup
	intercepting.Go(func() { within.Serve(conns.within) })
	defer intercepting.Wait()
	kept, letGo := context.WithCancel(ctx)
	var keeping sync.WaitGroup
	keeping.Go(func() { listen.Keep(kept, listener, s.config.Logger) })
	defer keeping.Wait()
	defer letGo()
	done := make(chan error, 1)
	go func() { done <- server.Serve(door) }()
	var err error
	select {
	case err = <-done:
		err = fmt.Errorf("accepting callers on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
		door.Close()
		<-done
		conns.closeSilent()
		s.drain(ctx, server, within)
	}
	cut(errStopping)
	server.Close()
	conns.within.Close()
	conns.closeIf(func(*admitted) bool { return true })
	within.Close()
	conns.running.Wait()
	return err
}

// isLocal reports whether nobody but this machine's processes can connect there.
func isLocal(addr net.Addr) bool {
	if tcp, ok := addr.(*net.TCPAddr); ok {
		return tcp.IP.IsLoopback()
	}
	return addr.Network() == "unix" || addr.Network() == "pipe" // Windows' pipes refuse other machines
}

// errStopping is why requests under way are cut off.
var errStopping = errors.New("the agent is stopping")

// drain waits for the requests under way, for a time.
func (s *Server) drain(ctx context.Context, servers ...*http.Server) {
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.config.Limits.Drain)
	defer cancel()
	for _, server := range servers { // the first may still begin what is the second's
		if err := server.Shutdown(patience); errors.Is(err, context.DeadlineExceeded) {
			s.config.Logger.Warn("requests under way are cut off", "connections", s.Connections())
			return
		}
	}
}

type connKey struct{}

// httpServer returns the server of one listener. What net/http has to log is about single
// connections, which callers could fill a disk with.
func (s *Server) httpServer(base context.Context, conns *connections) *http.Server {
	return &http.Server{
		Handler:                      http.HandlerFunc(s.serveHTTP),
		DisableGeneralOptionsHandler: true,
		MaxHeaderBytes:               s.config.Limits.HeaderBytes,
		ErrorLog:                     log.New(io.Discard, "", 0),
		BaseContext:                  func(net.Listener) context.Context { return base },
		ConnState:                    conns.track,
		ConnContext: func(ctx context.Context, conn net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, conn)
		},
	}
}
