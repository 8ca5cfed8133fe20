package daemon

// Which of a profile's keys signs for the agent. It asks one at a time, in the profile's order,
// each by a signer process of its own; only a device that is absent or in trouble makes the next
// key be asked. (A command without an agent does the same in package device.)

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
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/signer"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/login"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
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

// mayBeAnother reports whether another key may do where one could not sign for that. A wrong PIN or
// certificate does not count: going on would hide the mistake until the second device fails too,
// and spend PIN tries on both.
func mayBeAnother(problem *agent.Problem) bool {
	return slices.Contains([]agent.Code{agent.CodeDeviceAbsent, agent.CodeDeviceFailed, agent.CodeSignerFailed}, problem.Code)
}

// isAskedAgain reports whether the device wants another PIN than the one typed for it, which was
// not sent, for example because it cannot be a PIN.
func isAskedAgain(given typed, problem *agent.Problem) bool {
	return problem != nil && problem.Code == agent.CodePINNeeded && problem.PIN != nil && problem.PIN.LastTry == "" &&
		(given.device == "" || given.device == problem.PIN.Device)
}

// sign has a signer process make a login, with the first key whose device is there.
func (p *servedProfile) sign(ctx context.Context, attended bool, notify agent.NotifyFunc) (*agent.Login, error) {
	if err := p.process.mayAct(); err != nil {
		return nil, err
	}
	given := p.pin.get()
	defer clear(given.pin)
	notify = p.tell(notify)
	p.pinFiles.look()
	order := p.failover.order()
	for i, key := range order {
		last := i == len(order)-1
		signed, sent, err := p.signWith(ctx, p.profile.Keys[key], given, attended, notify)
		problem := agent.ProblemOf(err)
		given = p.settleTyped(given, sent, problem)
		switch {
		case problem == nil:
			p.switched(order[0], key)
			return signed, nil
		case last || !mayBeAnother(problem):
			return nil, p.process.keys.judge(p.profile.Keys[key], err)
		}
		notify.Tell(agent.NoticeWorking, "") // whatever the device was waiting for
		notify.Tell(agent.NoticeWarning, console.OneLine(problem.Message))
		notify.Tell(agent.NoticeInfo, "trying the next key")
	}
	return nil, settings.ErrNoAddress
}

// signWith has a signer process make a login with one key. sent: a PIN was on its way.
func (p *servedProfile) signWith(ctx context.Context, key config.Address, given typed, attended bool, notify agent.NotifyFunc) (signed *agent.Login, sent bool, err error) {
	forSigner := login.SettingsForSigner(p.profile)
	forSigner.Keys = []string{key.String()}
	forSigner.PINDevice, forSigner.LastTry, forSigner.PINChanged = given.device, given.word.LastTry, given.word.PINChanged
	forSigner.PINMemory = p.process.pins.Give(p.profile)
	text, err := json.Marshal(forSigner)
	if err != nil {
		return nil, false, err
	}
	var told atomic.Bool
	signed, err = p.process.signers.Sign(ctx, signer.Order{
		Settings: text, PIN: given.pin, Attended: attended, Timeout: p.profile.Timeout + login.LastWords,
		Device: device.LockName(key), Remember: func(text json.RawMessage) {
			told.Store(true)
			p.process.pins.Learn(text)
		},
	}, notify)
	if err == nil && string(signed.Format) != p.profile.Format {
		signed.Clear()
		signed, err = nil, agent.Problemf(agent.CodeSignerFailed, "the signer made a %s login, but %s was ordered", signed.Format, p.profile.Format)
	}
	return signed, told.Load(), err
}

// switched notes and tells which key has signed.
func (p *servedProfile) switched(first, key int) {
	before := p.failover.signed(first, key)
	log := p.process.log.With("profile", p.profile.Name, "key", key+1, "keys", p.failover.keys)
	if key != first {
		p.process.metrics.Failover(p.profile.Name)
		log.Warn("another key has signed in place of the one that was asked first", "asked", first+1)
	} else if before > 0 && key == 0 {
		log.Info("the first key signs again")
	}
}

// settleTyped keeps or forgets the PIN that a person has typed. It belongs to the device that it
// was sent to. One that was refused, or that may have been, is forgotten at once; one whose device
// has been pulled out is kept for when it comes back. It returns what the next key gets: what a
// person said about one PIN does not hold for another.
func (p *servedProfile) settleTyped(given typed, sent bool, problem *agent.Problem) typed {
	if problem != nil && problem.PIN != nil {
		p.pin.want(problem.PIN.Device)
	}
	if sent {
		given.word = local.UnlockOptions{}
	}
	if given.pin == nil {
		return given
	}
	was := p.process.pins.Typed(p.profile.Name)
	if given.device == "" {
		given.device = was.Device
	}
	switch {
	case was.Spent, isAskedAgain(given, problem):
		p.pin.forget(given.number)
	case was.Device != "":
		p.pin.bind(given.number, was.Device)
	}
	return given
}
