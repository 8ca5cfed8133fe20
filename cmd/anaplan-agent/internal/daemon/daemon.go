package daemon

// The parts of the agent: a Keeper for each profile, whose signatures are made by signer processes;
// the server, which asks the Keepers; and metrics and the audit log, which both report to.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/audit"
	"github.com/anaplan-agent/anaplan-agent/agent/authority"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/locked"
	"github.com/anaplan-agent/anaplan-agent/agent/metrics"
	"github.com/anaplan-agent/anaplan-agent/agent/monitor"
	"github.com/anaplan-agent/anaplan-agent/agent/phantom"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
	"github.com/anaplan-agent/anaplan-agent/agent/signer"
	"github.com/anaplan-agent/anaplan-agent/agent/tunnel"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/login"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// agentProcess is the running agent.
type agentProcess struct {
	settings *settings.Settings
	log      *slog.Logger
	agent    *config.Agent // as it was at the start; what of it can change does so at a restart
	socket   string        // "": there is none
	listens  string        // the address of the TCP port; "": there is none
	remote   remoteDoor    // for other machines
	fleet    *membership   // nil: the agent is not a member of one
	signers  *signer.Process
	pins     *pin.Memory
	clients  clientCache
	upstream upstream
	phantoms *phantom.Store
	memory   locked.Memory // for tokens and PINs
	audit    *audit.Log    // nil: none
	metrics  *metrics.Metrics
	server   *server.Server
	expiries *expiryNotes
	keys     *knownKeys
	hooks    *expiryHooks
	guard    *tokenGuard // nil: this system needs none
	errors   explain.Table
	host     Host
	logFile  *LogFile // nil: none

	reloading sync.Mutex                   // one at a time
	table     atomic.Pointer[profileTable] // never changed, only replaced
	running   sync.WaitGroup               // of the profiles
	tidying   *time.Timer
	ctx       context.Context // of the profiles; set by run
	end       func()          // ends run; set by it
}

// profileTable is the profiles at one time, as the server and as this process has them.
type profileTable struct {
	loaded    *settings.Config
	read      time.Time // when it was
	served    map[string]*servedProfile
	local     map[string]*server.Profile
	following map[string]*server.Profile // as local, while another member of the fleet leads
	clients   map[string]*server.Client
}

// newAgentProcess makes the parts, and starts none.
func newAgentProcess(s *settings.Settings, loaded *settings.Config, logger *slog.Logger, explanations explain.Table) (*agentProcess, error) {
	d := &agentProcess{settings: s, log: logger, agent: loaded.Agent, signers: login.NewSigners(logger), pins: pin.NewMemory(paths.State(), paths.KeyDirectories()), tidying: newTidying(), phantoms: phantom.New(phantom.Config{}), expiries: &expiryNotes{dir: paths.State()}, keys: &knownKeys{dir: paths.State()}, hooks: newExpiryHooks(), guard: newTokenGuard(logger), errors: explanations}
	if err := d.remote.identify(loaded.Agent, logger); err != nil {
		return nil, err
	}
	var auditHead func() string
	if loaded.Agent.AuditFile != "" {
		log, err := audit.Open(loaded.Agent.AuditFile, audit.Options{Logger: logger})
		if err != nil {
			return nil, err
		}
		d.audit, auditHead = log, log.Head
	}
	var err error
	d.upstream.inTurn = loaded.Fleet != nil
	if d.fleet, err = newMembership(loaded.Fleet, d.remote.identity, d.upstream.spend, auditHead, logger); err != nil {
		return nil, err
	}
	d.metrics = metrics.New(d.statuses, build.Version(), func() int { return d.server.Connections() })
	d.metrics.SetTunnels(func() int { return d.server.Tunnels() })
	d.metrics.SetAllowances(d.upstream.allowances)
	d.metrics.SetProfiles(d.details)
	d.metrics.SetFleet(d.fleet.seen)
	if d.remote.identity != nil {
		d.metrics.SetCertificate(d.remote.seen)
	}
	if d.audit != nil {
		d.metrics.SetAudit(func() (bool, int) { return d.audit.Ready() == nil, d.audit.Owed() })
	}
	d.server = server.New(server.Config{
		Profiles: d.profiles,
		Fleet:    d.ofServer(),
		Clients:  func() map[string]*server.Client { return d.table.Load().clients },
		Phantoms: d.phantoms,
		Reload:   d.reload,
		Stop:     func() { d.end() },
		Ready:    d.ready,
		Metrics:  d.metrics.WriteWanted,
		Record:   d.recorder(),

		Recordable: d.recordable,

		Observe:   d.metrics.Request,
		Forwarded: d.forwarded,
		Refused:   func(r server.Record) { d.metrics.RefusedCall(r.Profile, r.Client) },
		Logger:    logger,
		Version:   build.Version(),
		Address:   func() string { return d.listens },

		Identity:   d.remote.identity,
		TLSAddress: d.remote.address,

		Authority: authority.New(paths.State(), anaplan.HostNames()),
		Tunnel:    tunnel.Dial,
		Tunnelled: d.tunnelled,

		Configured: func() time.Time { return d.table.Load().read },
	})
	table, err := d.newTable(loaded, nil)
	if err != nil {
		d.close()
		return nil, err
	}
	d.table.Store(table)
	return d, nil
}

// close lets go of what newAgentProcess opened.
func (d *agentProcess) close() {
	d.tidying.Stop()
	if d.audit != nil {
		if err := d.audit.Close(); err != nil {
			d.log.Error("the end of the audit log may be lost", "lines", d.audit.Owed(), "error", err)
		}
	}
}

// run serves until ctx ends or a listener fails, then lets requests finish, ends the tokens
// where that is asked for, and waits for everything that it started.
func (d *agentProcess) run(ctx context.Context, watched net.Listener, listeners ...net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d.end = cancel
	profiles, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	d.ctx = profiles
	for _, p := range d.table.Load().served {
		d.start(p, nil)
	}
	d.restorePhantoms() // before a reload can come
	var helpers sync.WaitGroup
	systemd := supervisor{}
	hangups := d.host.hangups() // before anybody can know that it is there to be sent
	defer signal.Stop(hangups)
	helpers.Go(func() { d.reloadOnHangup(ctx, hangups, systemd) })
	helpers.Go(func() { systemd.watch(ctx, func() bool { return IsHealthy(d.socket, d.listens) }) })
	helpers.Go(func() { d.watchExpiry(ctx) })
	helpers.Go(func() { d.remote.watch(ctx) })
	helpers.Go(func() { d.fleet.run(ctx, d.leadChanged) })
	if watched != nil {
		helpers.Go(func() { d.beWatched(ctx, watched) })
	}
	systemd.ready(fmt.Sprintf("serving %d profiles", len(d.table.Load().served)))
	d.host.ready()
	err := d.serve(ctx, cancel, listeners)
	d.keepPhantoms()
	systemd.stopping()
	d.log.Info("stopping")
	if d.agent.LogoutAtEnd {
		d.logoutAll(context.WithoutCancel(ctx))
	}
	helpers.Wait() // before the profiles, of which a reload starts more
	stop()
	d.running.Wait()
	d.signers.Wait() // after the profiles, which have them sign
	d.hooks.end()    // after the profiles, which start them
	return err
}

// serve serves all listeners until ctx ends, which the end of one brings about.
func (d *agentProcess) serve(ctx context.Context, end func(), listeners []net.Listener) error {
	errs := make([]error, len(listeners)+1)
	var serving sync.WaitGroup
	for i, listener := range listeners {
		serving.Go(func() {
			errs[i] = d.server.Serve(ctx, listener)
			end()
		})
	}
	if d.remote.listener != nil {
		serving.Go(func() {
			errs[len(listeners)] = d.server.ServeTLS(ctx, d.remote.listener)
			end()
		})
	}
	serving.Wait()
	return errors.Join(errs...)
}

// beWatched answers those who watch, until ctx ends. If that fails, the agent works on.
func (d *agentProcess) beWatched(ctx context.Context, listener net.Listener) {
	if err := monitor.Serve(ctx, listener, monitor.Source{Metrics: d.metrics.WriteWanted, Ready: d.ready}); err != nil {
		d.log.Error("nobody is told how the agent does any more", "error", err)
	}
}

// start runs a profile until its own end or the agent's, and after the one of that name
// that it replaces, if any: two would write one token file.
func (d *agentProcess) start(p, before *servedProfile) {
	if p.sink != nil && before == nil {
		p.sink.clear()
	}
	ctx, cancel := context.WithCancel(d.ctx)
	p.stop = cancel
	d.running.Go(func() {
		defer close(p.ended)
		defer cancel()
		if before != nil {
			<-before.ended
		}
		p.run(ctx)
	})
}

// logoutAll ends all tokens, side by side, for there may be many.
func (d *agentProcess) logoutAll(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, login.LogoutTimeout)
	defer cancel()
	var all sync.WaitGroup
	for _, p := range d.table.Load().served {
		all.Go(func() { d.logout(ctx, p) })
	}
	all.Wait()
}

// reloadOnHangup reads the configuration again whenever SIGHUP asks for it.
func (d *agentProcess) reloadOnHangup(ctx context.Context, hangups <-chan os.Signal, systemd supervisor) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
			systemd.reloading()
			d.reload(ctx) // it logs how that went, warnings too
			systemd.ready(fmt.Sprintf("serving %d profiles", len(d.table.Load().served)))
		}
	}
}

// reload reads the configuration again and takes over what has changed. A profile that
// is the same keeps its token. A configuration with a mistake in it changes nothing.
func (d *agentProcess) reload(context.Context) (warnings []string, err error) {
	d.reloading.Lock()
	defer d.reloading.Unlock()
	loaded, err := settings.LoadAll(d.settings)
	var table *profileTable
	if err == nil {
		table, err = d.newTable(loaded, d.table.Load().served)
	}
	if err != nil {
		d.log.Error("the configuration is wrong, so the old one stays", "error", err)
		return nil, d.errors.Problem(fmt.Errorf("the old configuration stays: %w", err))
	}
	d.handOver(d.table.Load(), table)
	before := d.table.Swap(table)
	for name, p := range before.served {
		if table.served[name] != p {
			d.retire(p)
		}
	}
	for name, p := range table.served {
		if before.served[name] != p {
			d.start(p, before.served[name])
		}
	}
	d.fleet.reloaded(table.served)
	d.endPhantoms(before.loaded, loaded)
	if d.audit != nil {
		err = d.audit.Reopen() // logrotate has moved the file
	}
	if d.logFile != nil {
		err = errors.Join(err, d.logFile.Reopen())
	}
	if d.settings.Piped != nil {
		warnings = append(warnings, "the configuration came by a pipe, which cannot be read again: it is as it was")
	}
	if *loaded.Agent != *d.agent || !reflect.DeepEqual(loaded.Fleet, before.loaded.Fleet) {
		warnings = append(warnings, "the settings in [agent] or [fleet] have changed, and are taken over when the agent is started again")
	}
	for _, warning := range warnings {
		d.log.Warn(warning)
	}
	d.log.Info("configuration read again", "profiles", len(table.served), "clients", len(table.clients))
	return warnings, err
}

// adoptTime is how long a reload waits for what is on its way to Anaplan.
const adoptTime = 5 * time.Second

// handOver has profiles of a new table take the places of those that they replace, if the tokens
// are valid for them: then no caller notices. Refused PINs stay known in any case.
func (d *agentProcess) handOver(before, after *profileTable) {
	ctx, cancel := context.WithTimeout(d.ctx, adoptTime)
	defer cancel()
	for name, p := range after.served {
		old := before.served[name]
		if old == nil || old == p {
			continue
		}
		if p.hasTokensOf(old) {
			p.adopt(ctx, old)
		}
	}
}

// retire ends a profile that is no longer served, and also its token, if logout_at_end says so and
// no other profile has adopted it.
func (d *agentProcess) retire(p *servedProfile) {
	if !d.agent.LogoutAtEnd || p.adopted {
		p.stop()
		return
	}
	d.running.Go(func() {
		defer p.stop()
		ctx, cancel := context.WithTimeout(d.ctx, login.LogoutTimeout)
		defer cancel()
		d.logout(ctx, p)
	})
}

// logout ends a profile's token.
func (d *agentProcess) logout(ctx context.Context, p *servedProfile) {
	if err := p.keeper.Logout(ctx); err != nil {
		d.log.Warn("the token could not be ended, and stays valid until it expires", "profile", p.profile.Name, "error", err)
	}
}

// newTable makes the profiles of a configuration. Profiles that are the same as before go on, even
// if other users may use them now.
func (d *agentProcess) newTable(loaded *settings.Config, before map[string]*servedProfile) (*profileTable, error) {
	clients, err := newClients(loaded.Clients)
	if err != nil {
		return nil, err
	}
	if err := checkTenants(loaded.Profiles); err != nil {
		return nil, err
	}
	if err := d.upstream.begin(loaded.Profiles); err != nil {
		return nil, err
	}
	table := &profileTable{loaded: loaded, read: time.Now(), served: map[string]*servedProfile{}, local: map[string]*server.Profile{}, following: map[string]*server.Profile{}, clients: clients}
	for _, profile := range loaded.Profiles {
		p := before[profile.Name]
		if p == nil || !p.isLike(profile) {
			var err error
			if p, err = d.newServedProfile(profile); err != nil {
				return nil, fmt.Errorf("profile %q: %w", profile.Name, err)
			}
		}
		table.served[profile.Name] = p
		var err error
		if table.local[profile.Name], err = p.local(profile); err != nil {
			return nil, err
		}
		table.following[profile.Name] = p.followed(table.local[profile.Name])
	}
	d.upstream.keep()
	return table, nil
}
