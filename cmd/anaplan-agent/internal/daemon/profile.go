package daemon

// One profile of the agent: its Keeper, the PIN that a person has typed for it, and the
// file that its token is written to, if any.

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/edge"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
	reach "github.com/anaplan-agent/anaplan-agent/agent/upstream"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// servedProfile is a profile that is served.
type servedProfile struct {
	process   *agentProcess
	profile   *config.Profile
	keeper    *agent.Keeper
	client    loginService
	members   *edge.Members // client, where other agents have the key; nil: it is on this machine
	following *following    // where another member of a fleet may lead; nil: none may
	forward   forwarding
	user      userBox
	pin       pinStore
	pinFiles  *pinFiles
	expiry    *expiry
	caStamp   string     // of the file with further roots, as the client has it
	sink      *tokenFile // nil: none
	stop      func()     // ends run
	ended     chan struct{}

	failover *failover
	adopted  bool // by the one in its place
}

// newServedProfile returns a profile that does nothing before run.
func (d *agentProcess) newServedProfile(profile *config.Profile) (*servedProfile, error) {
	p := &servedProfile{
		process: d, profile: profile, caStamp: paths.Stamp(profile.CAFile), ended: make(chan struct{}),
		pinFiles: newPINFiles(profile), failover: newFailover(len(profile.Keys)), expiry: newExpiry(profile, d.expiries, d.hooks, d.log),
		pin: pinStore{memory: &d.memory},
	}
	var err error
	if p.client, p.members, err = d.loginAt(profile, func() { p.keeper.Reconsider() }); err != nil {
		return nil, err
	}
	if p.sink, err = newTokenFile(profile, d.guard, d.log); err != nil {
		return nil, err
	}
	p.keeper = agent.NewKeeper(agent.KeeperConfig{
		Sign:     p.signer(),
		Exchange: recordedExchange{p.client, d.mayAct},
		Look:     lookAt(p.client),
		Refused:  isRefusedToken,
		Explain:  d.errors.ProblemForAgent,
		Eager:    p.sink != nil,
		Idle:     profile.Idle,
		Timeout:  profile.Timeout,
		Memory:   &d.memory,
		Observe:  p.observe,

		// Later than those of any agent before this one, so that nobody takes one for another.
		Generation: uint64(time.Now().UnixMilli()),
	})
	p.user = userBox{keeper: p.keeper, client: p.client, explain: d.errors.ProblemForAgent}
	var lead func(http.RoundTripper) http.RoundTripper
	if d.fleet != nil {
		lead = p.follow
	}
	p.forward, err = d.upstream.of(profile, p.keeper, p.client, d.mayAct, lead)
	return p, err
}

// isRefusedToken reports whether an error says that a token is not valid any more.
func isRefusedToken(err error) bool { return errors.Is(err, anaplan.ErrTokenRefused) }

// local returns the profile as the server has it, with what a reload can change.
func (p *servedProfile) local(profile *config.Profile) (*server.Profile, error) {
	allow, err := server.ParseAllow(profile.Allow)
	if err != nil {
		return nil, fmt.Errorf("%w: profile %q: allow: %w", settings.ErrSettings, profile.Name, err)
	}
	rules, err := settings.NewPolicy(profile)
	if err != nil {
		return nil, err
	}
	served := &server.Profile{
		Keeper: p.keeper, Allow: allow, SetPIN: p.setPIN, SetUnlockOptions: p.pin.heed,
		API: p.forward.api, Policy: rules, Names: p.forward.names, Identify: p.user.identify, Details: p.details,
		Phantoms: p.following != nil, // a job must not work on the member only that leads at the time
	}
	if p.members != nil {
		served.SetPIN, served.Phantoms = nil, true
	}
	return served, nil
}

// setPIN keeps a PIN that a person has typed, or forgets the one that there is.
func (p *servedProfile) setPIN(secret []byte) {
	p.process.pins.Retype(p.profile.Name)
	p.pin.set(secret)
}

// isLike reports whether the token of this profile is also one of other: whatever its
// login and its calls depend on is the same.
func (p *servedProfile) isLike(other *config.Profile) bool {
	ours, theirs := *p.profile, *other
	ours.Allow, theirs.Allow = nil, nil
	ours.Policy, theirs.Policy = nil, nil
	return reflect.DeepEqual(ours, theirs) && p.caStamp == paths.Stamp(other.CAFile)
}

// hasTokensOf reports whether a token of other is as good as this profile's own: from the same
// Anaplan, in the same way except for the key.
func (p *servedProfile) hasTokensOf(other *servedProfile) bool {
	ours, theirs := p.profile, other.profile
	return ours.AuthURL == theirs.AuthURL && ours.APIURL == theirs.APIURL && ours.Region == theirs.Region &&
		reflect.DeepEqual(ours.Members(), theirs.Members()) && ours.CAFile == theirs.CAFile && p.caStamp == other.caStamp && ours.HeaderForm == theirs.HeaderForm
}

// adopt takes the place of before, so that callers of either get the token. What is known about
// keys stays, if they are the same.
func (p *servedProfile) adopt(ctx context.Context, before *servedProfile) {
	before.adopted = true
	if reflect.DeepEqual(p.profile.Keys, before.profile.Keys) {
		p.failover = before.failover
		if p.profile.Certificate == before.profile.Certificate {
			p.expiry.inherit(before.expiry)
		}
	}
	if p.sink != nil && before.sink != nil && p.profile.TokenFile == before.profile.TokenFile {
		before.sink.leave()
	}
	if p.following != nil && before.following != nil {
		p.following.keeper.Adopt(ctx, before.following.keeper)
	}
	p.keeper.Adopt(ctx, before.keeper)
}

// details returns what is shown of the profile beside its Keeper's status.
func (p *servedProfile) details() local.Details {
	var details local.Details
	if p.failover.keys > 1 {
		details.Keys, details.Key = p.failover.keys, p.failover.inUse()
	}
	details.WarningDays, details.Warning = p.expiry.warning()
	details.TokenFile = p.sink.problem()
	details.HeldUntil = p.forward.limiter.HeldUntil()
	if p.members != nil {
		details.Member, details.Key = p.members.Using()
		details.Keys, details.Proxy = len(p.profile.Keys), local.Direct
		return details
	}
	if p.profile.AuthURL == "" && p.profile.APIURL == "" {
		details.Region = cmp.Or(p.profile.Region, settings.DefaultRegion)
	}
	if hosts, err := settings.HostsOf(p.profile); err == nil {
		details.Proxy = cmp.Or(reach.ProxyFor(hosts.Auth), local.Direct)
	}
	return details
}

// run keeps the token alive until ctx ends.
func (p *servedProfile) run(ctx context.Context) {
	defer p.pin.close()
	p.expiry.check()
	defer p.expiry.close()
	var helpers sync.WaitGroup
	helpers.Go(func() { p.pinFiles.run(ctx, p.keeper) })
	if p.sink != nil {
		helpers.Go(func() { p.sink.run(ctx) })
	}
	if p.members != nil {
		helpers.Go(func() { p.members.Run(ctx) })
	}
	if p.following != nil {
		helpers.Go(func() { p.following.run(ctx) })
		helpers.Go(func() { p.lookAfter(ctx) })
	}
	p.keeper.Run(ctx)
	helpers.Wait()
}

// tell returns a notify function that logs too: a caller may not listen, and without a
// caller the log is the only place.
func (p *servedProfile) tell(notify agent.NotifyFunc) agent.NotifyFunc {
	return func(notice agent.Notice) {
		switch notice.Kind {
		case agent.NoticeWarning:
			p.process.log.Warn("a signer warns", "profile", p.profile.Name, "warning", notice.Message)
		default:
			p.process.log.Debug("a signer tells", "profile", p.profile.Name, "kind", notice.Kind, "message", notice.Message)
		}
		notify.Tell(notice.Kind, notice.Message)
	}
}

// observe passes on what the Keeper did.
func (p *servedProfile) observe(event agent.Event) {
	if p.members != nil && event.Kind == agent.EventSign { // nothing was signed here
		return
	}
	p.process.metrics.Event(p.profile.Name, event)
	p.logEvent(event)
	p.process.recordEvent(p.profile.Name, event, p.failover.String())
	if p.sink != nil {
		p.sink.observe(p.keeper)
	}
	p.noteFit()
	switch event.Kind {
	case agent.EventIdle:
		p.setPIN(nil)
	case agent.EventSign:
		p.pinFiles.observe(event.Problem)
		if event.Certificate != nil {
			p.expiry.use(event.Certificate)
		}
	case agent.EventLogin, agent.EventLogout:
		p.process.tidy()
	}
	if event.Kind == agent.EventLogin && event.Problem == nil {
		p.know(p.failover.inUse() - 1)
	}
}

// know notes that a key has logged in.
func (p *servedProfile) know(key int) {
	if key < 0 {
		return
	}
	if err := p.process.keys.add(p.profile.Keys[key]); err != nil {
		p.process.log.Warn("after a restart the agent will not remember that this key has logged in", "profile", p.profile.Name, "error", err)
	}
}

// logEvent logs changes of state as info, failures as warnings, and other successes at debug level.
func (p *servedProfile) logEvent(event agent.Event) {
	log := p.process.log.With("profile", p.profile.Name)
	if mistake, ok := errors.AsType[*agent.PanicError](event.Err); ok {
		log.Error("a mistake of this program", "what", event.Kind, "stack", string(mistake.Stack))
	}
	switch {
	case event.Kind == agent.EventState:
		log.Info("state changed", "state", event.State)
	case event.Problem != nil:
		log.Warn("failed", "what", event.Kind, "code", event.Problem.Code, "error", event.Problem.Message)
	case event.Kind == agent.EventLogin:
		log.Info("logged in", "until", event.Lease.Token.ExpiresAt, "generation", event.Lease.Generation)
	default:
		log.Debug("done", "what", event.Kind, "took", event.Took)
	}
}
