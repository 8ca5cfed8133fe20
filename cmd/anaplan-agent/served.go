package main

// One profile of the agent: its Keeper, the PIN that a person has typed for it, and the
// file that its token is written to, if any.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/signer"
)

// served is a profile that is served.
type served struct {
	process *agentProcess
	profile *config.Profile
	keeper  *agent.Keeper
	client  *anaplan.Client
	forward forwarding
	user    userBox
	pin     pinBox
	refused *refusedSource // used by sign alone, one call at a time
	caStamp string         // of the file with further roots, as the client has it
	sink    *tokenFile     // nil: none
	stop    func()         // ends run
	ended   chan struct{}
}

// newServed returns a profile that does nothing before run.
func (d *agentProcess) newServed(profile *config.Profile) (*served, error) {
	client, err := d.clients.of(profile, d.log)
	if err != nil {
		return nil, err
	}
	p := &served{process: d, profile: profile, client: client, caStamp: fileStamp(profile.CAFile), ended: make(chan struct{})}
	if p.sink, err = newTokenFile(profile, d.log); err != nil {
		return nil, err
	}
	p.keeper = agent.NewKeeper(agent.KeeperConfig{
		Sign:     p.sign,
		Exchange: client,
		Refused:  func(err error) bool { return errors.Is(err, anaplan.ErrTokenRefused) },
		Explain:  problemForAgent,
		Eager:    p.sink != nil,
		Idle:     profile.Idle,
		Timeout:  profile.Timeout,
		Observe:  p.observe,

		// Later than those of any agent before this one, so that nobody takes one for another.
		Generation: uint64(time.Now().UnixMilli()),
	})
	p.forward, err = d.upstream.of(profile, p.keeper)
	return p, err
}

// local returns the profile as the server has it, with what a reload can change.
func (p *served) local(profile *config.Profile) (*local.Profile, error) {
	allow, err := local.ParseAllow(profile.Allow)
	if err != nil {
		return nil, fmt.Errorf("%w: profile %q: allow: %w", errSettings, profile.Name, err)
	}
	rules, err := newPolicy(profile)
	if err != nil {
		return nil, err
	}
	return &local.Profile{
		Keeper: p.keeper, Allow: allow, SetPIN: p.pin.set, Heed: p.pin.heed,
		API: p.forward.api, Policy: rules, Names: p.forward.names, Identify: p.identify,
	}, nil
}

// isLike reports whether the token of this profile is also one of other: whatever its
// login and its calls depend on is the same.
func (p *served) isLike(other *config.Profile) bool {
	ours, theirs := *p.profile, *other
	ours.Allow, theirs.Allow = nil, nil
	ours.Policy, theirs.Policy = nil, nil
	return reflect.DeepEqual(ours, theirs) && p.caStamp == fileStamp(other.CAFile)
}

// run keeps the token alive until ctx ends.
func (p *served) run(ctx context.Context) {
	defer p.pin.close()
	if p.sink == nil {
		p.keeper.Run(ctx)
		return
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		p.sink.run(ctx)
	}()
	p.keeper.Run(ctx)
	<-ended
}

// lastWords is how long a signer whose time is over has to say what it was waiting for. It
// is killed afterwards, which tells a person less.
const lastWords = 2 * time.Second

// sign has a signer process make a login.
func (p *served) sign(ctx context.Context, attended bool, notify agent.NotifyFunc) (*agent.Login, error) {
	given := p.pin.get()
	defer clear(given.pin)
	if problem := p.refusedBefore(given); problem != nil {
		return nil, problem
	}
	settings := settingsForSigner(p.profile)
	settings.PINDevice, settings.LastTry, settings.PINChanged = given.device, given.word.LastTry, given.word.PINChanged
	text, err := json.Marshal(settings)
	if err != nil {
		return nil, err
	}
	login, err := p.process.signers.Sign(ctx, signer.Order{
		Settings: text, PIN: given.pin, Attended: attended, Timeout: p.profile.Timeout + lastWords,
		Device: lockName(p.profile.Keys[0]),
	}, p.tell(notify))
	p.settle(given, agent.ProblemOf(err))
	if err == nil && string(login.Format) != p.profile.Format {
		return nil, agent.Problemf(agent.CodeSignerFailed, "the signer made a %s login, and %s was ordered", login.Format, p.profile.Format)
	}
	return login, err
}

// settle remembers what came of a PIN. One that was refused is forgotten at once, and one
// that was typed for a device that has been pulled out, too: it must be asked for again.
func (p *served) settle(given typed, problem *agent.Problem) {
	switch {
	case problem == nil:
		p.refused = nil
	case problem.Code == agent.CodePINRefused && given.pin == nil:
		if canRemember() { // the signer has
			return
		}
		p.refused = &refusedSource{problem, stampOf(p.profile.PIN)}
	case problem.Code == agent.CodePINRefused, problem.Code == agent.CodeDeviceAbsent:
		p.pin.forget(given.number)
	case problem.Code == agent.CodePINNeeded && problem.PIN != nil:
		p.pin.want(problem.PIN.Device)
	}
}

// refusedSource is a PIN that was refused, by where it lies. Signers remember it on disk;
// where they cannot, the agent does as long as it runs.
type refusedSource struct {
	problem *agent.Problem
	stamp   string
}

// refusedBefore returns why a PIN is not sent again: it has been refused, nobody has
// typed another, and there is no sign that it has changed where it lies.
func (p *served) refusedBefore(given typed) *agent.Problem {
	if p.refused == nil || given.pin != nil || given.word.PINChanged || stampOf(p.profile.PIN) != p.refused.stamp {
		return nil
	}
	return p.refused.problem
}

// tell returns a notify function that logs too: a caller may not listen, and without a
// caller the log is the only place.
func (p *served) tell(notify agent.NotifyFunc) agent.NotifyFunc {
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

// userBox keeps who Anaplan says that the profile is, by the token that it was asked with.
type userBox struct {
	mu         sync.Mutex
	generation uint64
	user       local.User
}

// identify asks Anaplan who the profile is, once for each token.
func (p *served) identify(ctx context.Context) (local.User, error) {
	lease, err := p.keeper.Token(ctx, nil)
	if err != nil {
		return local.User{}, err
	}
	p.user.mu.Lock()
	user, known := p.user.user, p.user.generation == lease.Generation
	p.user.mu.Unlock()
	if known {
		return user, nil
	}
	found, err := p.client.Validate(ctx, lease.Token)
	if errors.Is(err, anaplan.ErrTokenRefused) {
		if lease, err = p.keeper.Replace(ctx, lease.Generation, nil); err == nil {
			found, err = p.client.Validate(ctx, lease.Token)
		}
	}
	if err != nil {
		return local.User{}, problemForAgent(err)
	}
	p.user.mu.Lock()
	defer p.user.mu.Unlock()
	p.user.generation, p.user.user = lease.Generation, local.User{ID: found.UserID, GUID: found.UserGUID, CustomerGUID: found.CustomerGUID}
	return p.user.user, nil
}

// observe passes on what the Keeper did, to everybody who wants to know.
func (p *served) observe(event agent.Event) {
	p.process.metrics.Event(p.profile.Name, event)
	p.logEvent(event)
	p.process.recordEvent(p.profile.Name, event)
	if p.sink != nil {
		p.sink.observe(p.keeper)
	}
	switch event.Kind {
	case agent.EventIdle:
		p.pin.set(nil)
	case agent.EventLogin:
		p.process.tidy()
	}
}

// logEvent logs changes of state as such and failures as warnings; what goes well is for
// who looks closely.
func (p *served) logEvent(event agent.Event) {
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
