package main

// Which of a profile's keys signs for the agent. It asks one at a time, in the profile's
// order, each by a signer process of its own; only a device that is absent or in trouble
// makes the next key be asked. (A command without an agent does the same in device.go.)

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/signer"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
)

// stickyTime is how long a key that has stood in for another is asked first: a device
// that is gone is mostly gone for longer than one login, and takes time to find out.
const stickyTime = 10 * time.Minute

// failover remembers which of a profile's keys is in use. Its methods may be called from
// any goroutine.
type failover struct {
	keys int
	now  func() time.Time

	mu     sync.Mutex
	active int       // made the last signature; -1: none has
	until  time.Time // until then active is asked first; zero: the first key is
}

func newFailover(keys int) *failover { return &failover{keys: keys, now: time.Now, active: -1} }

// order returns the keys in the order in which to ask them.
func (f *failover) order() []int {
	f.mu.Lock()
	defer f.mu.Unlock()
	first := 0
	if f.now().Before(f.until) {
		first = f.active
	}
	order := []int{first}
	for key := range f.keys {
		if key != first {
			order = append(order, key)
		}
	}
	return order
}

// signed notes which key has made a signature, and which was asked first; it returns the
// one in use before, -1 for none.
func (f *failover) signed(first, key int) (before int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	before = f.active
	f.active = key
	switch {
	case key == 0:
		f.until = time.Time{}
	case key != first:
		f.until = f.now().Add(stickyTime)
	}
	return before
}

// inUse returns the number of the key that made the last signature, from 1; 0: none has.
func (f *failover) inUse() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.active + 1
}

// String names the key in use, where there are several: "key 2 of 2".
func (f *failover) String() string {
	key := f.inUse()
	if f.keys < 2 || key == 0 {
		return ""
	}
	return fmt.Sprintf("key %d of %d", key, f.keys)
}

// mayBeAnother reports whether another key may do where one could not sign for that. A wrong PIN
// or certificate is no reason to go on: it would hide the mistake until the second
// device fails too, and spend PIN tries on both.
func mayBeAnother(problem *agent.Problem) bool {
	return slices.Contains([]agent.Code{agent.CodeDeviceAbsent, agent.CodeDeviceFailed, agent.CodeSignerFailed}, problem.Code)
}

// servedKey is one of a profile's keys. It is used by sign alone, one call at a time.
type servedKey struct {
	address config.Address
	refused *atomic.Pointer[refusedSource] // of nil: no PIN was; shared with who takes its place
	device  string                         // the one that last wanted a PIN for it; "": none has
}

func servedKeys(profile *config.Profile) (keys []*servedKey) {
	for _, address := range profile.Keys {
		keys = append(keys, &servedKey{address: address, refused: new(atomic.Pointer[refusedSource])})
	}
	return keys
}

// sign has a signer process make a login, with the first key whose device is there.
func (p *served) sign(ctx context.Context, attended bool, notify agent.NotifyFunc) (*agent.Login, error) {
	given := p.pin.get()
	defer clear(given.pin)
	notify = p.tell(notify)
	order := p.failover.order()
	for i, key := range order {
		last := i == len(order)-1
		login, err := p.signWith(ctx, p.keys[key], given, attended, notify)
		problem := agent.ProblemOf(err)
		p.settle(p.keys[key], given, problem, last)
		switch {
		case problem == nil:
			p.switched(order[0], key)
			return login, nil
		case last || !mayBeAnother(problem):
			return nil, err
		}
		notify.Tell(agent.NoticeWorking, "") // whatever the device was waiting for
		notify.Tell(agent.NoticeWarning, oneLine(problem.Message))
		notify.Tell(agent.NoticeInfo, "trying the next key")
	}
	return nil, errNoAddress
}

// signWith has a signer process make a login with one key.
func (p *served) signWith(ctx context.Context, key *servedKey, given typed, attended bool, notify agent.NotifyFunc) (*agent.Login, error) {
	if problem := key.refusedBefore(given, p.profile.PIN); problem != nil {
		return nil, problem
	}
	settings := settingsForSigner(p.profile)
	settings.Keys = []string{key.address.String()}
	settings.PINDevice, settings.LastTry, settings.PINChanged = given.device, given.word.LastTry, given.word.PINChanged
	text, err := json.Marshal(settings)
	if err != nil {
		return nil, err
	}
	login, err := p.process.signers.Sign(ctx, signer.Order{
		Settings: text, PIN: given.pin, Attended: attended, Timeout: p.profile.Timeout + lastWords,
		Device: lockName(key.address),
	}, notify)
	if err == nil && string(login.Format) != p.profile.Format {
		return nil, agent.Problemf(agent.CodeSignerFailed, "the signer made a %s login, and %s was ordered", login.Format, p.profile.Format)
	}
	return login, err
}

// switched notes and tells which key has signed.
func (p *served) switched(first, key int) {
	before := p.failover.signed(first, key)
	log := p.process.log.With("profile", p.profile.Name, "key", key+1, "keys", p.failover.keys)
	if key != first {
		p.process.metrics.Failover(p.profile.Name)
		log.Warn("another key has signed in place of the one that was asked first", "asked", first+1)
	} else if before > 0 && key == 0 {
		log.Info("the first key signs again")
	}
}

// settle remembers what came of a PIN. One that was refused is forgotten at once, and one
// that was typed for a device that has been pulled out, too: it must be asked for again.
// last: no other key is asked that it may have been typed for.
func (p *served) settle(key *servedKey, given typed, problem *agent.Problem, last bool) {
	switch {
	case problem == nil:
		key.refused.Store(nil)
	case problem.Code == agent.CodePINRefused && given.pin == nil:
		if pin.CanRemember() { // the signer has
			return
		}
		key.refused.Store(&refusedSource{problem, pin.StampOf(p.profile.PIN)})
	case problem.Code == agent.CodePINRefused, problem.Code == agent.CodeDeviceAbsent && key.isMeant(given, len(p.keys) == 1, last):
		p.pin.forget(given.number)
	case problem.Code == agent.CodePINNeeded && problem.PIN != nil:
		key.device = problem.PIN.Device
		p.pin.want(key.device)
	}
}

// isMeant reports whether a PIN was typed for the key's device, as far as can be told. only: there
// is no other key; last: there is none that is asked later.
func (k *servedKey) isMeant(given typed, only, last bool) bool {
	if given.device == "" {
		return last
	}
	return only || given.device == k.device
}

// refusedSource is a PIN that was refused, by where it lies. Signers remember it on disk;
// where they cannot, the agent does as long as it runs.
type refusedSource struct {
	problem *agent.Problem
	stamp   string
}

// refusedBefore returns why a PIN is not sent again: it has been refused, nobody has
// typed another, and there is no sign that it has changed where it lies.
func (k *servedKey) refusedBefore(given typed, source config.PINSource) *agent.Problem {
	refused := k.refused.Load()
	if refused == nil || given.pin != nil || given.word.PINChanged || pin.StampOf(source) != refused.stamp {
		return nil
	}
	return refused.problem
}
