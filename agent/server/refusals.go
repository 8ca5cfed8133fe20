package server

import (
	"slices"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/policy"
	"golang.org/x/time/rate"
)

// Bounds of what is remembered of calls that policies have refused, and logged: no client can hide
// another's behind its own, nor fill the log.
const (
	mostRefusals    = 200 // in all
	mostRefusalsOf  = 10  // of one client
	refusalSilence  = 10 * time.Minute
	refusalLines    = 10 // of one client at once, and
	refusalLinesGap = time.Minute
)

// refusals are the last calls that policies have refused, the latest first.
type refusals struct {
	mu    sync.Mutex
	all   []refusal
	lines *allowances
}

// refusal is what one rule that is missing has kept one client from.
type refusal struct {
	local.Refusal
	told time.Time // when there was a line of the log for it
}

func newRefusals() *refusals {
	return &refusals{lines: newAllowances(rate.Every(refusalLinesGap), refusalLines)}
}

// note remembers a call that was refused, and reports whether it is to be logged: the first for each
// rule, and then one in a while. times is how often it was refused since the last such line.
func (r *refusals) note(new local.Refusal) (times int, log bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := refusal{Refusal: new}
	if i := slices.IndexFunc(r.all, one.isSame); i >= 0 {
		one.told, one.Count = r.all[i].told, r.all[i].Count
		r.all = slices.Delete(r.all, i, i+1)
	}
	one.Count++
	if new.At.Sub(one.told) >= refusalSilence {
		if _, ok := r.lines.take(new.Client, new.At); ok {
			one.told, log = new.At, true
		}
	}
	r.all = slices.Insert(r.all, 0, one)
	r.trim(new.Client)
	return one.Count, log
}

// isSame reports whether the same rule would have allowed both.
func (r refusal) isSame(other refusal) bool {
	return r.Client == other.Client && r.Profile == other.Profile && r.Rule == other.Rule &&
		(r.Rule != "" || r.Method == other.Method && r.Path == other.Path)
}

// trim forgets the oldest: of the client that has just been refused, and of all.
func (r *refusals) trim(client string) {
	own := 0
	r.all = slices.DeleteFunc(r.all, func(one refusal) bool {
		if one.Client == client {
			own++
		}
		return one.Client == client && own > mostRefusalsOf
	})
	r.all = r.all[:min(len(r.all), mostRefusals)]
}

// shown returns those that fit, the latest first.
func (r *refusals) shown(fits func(local.Refusal) bool) (shown []local.Refusal) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, one := range r.all {
		if fits(one.Refusal) {
			shown = append(shown, one.Refusal)
		}
	}
	return shown
}

// noteRefusal has a call that policies refuse seen: in the log, in the status and in the metrics. The
// client alone may not show it to anybody, as Anaplan Connect does not show the body of a 403.
func noteRefusal(c *call, who *principal, path policy.Path, rule string) {
	new := local.Refusal{
		At: time.Now(), Client: who.name, Profile: who.profileName, Method: c.r.Method, Path: shortened(path.String()), Rule: shortened(rule),
	}
	c.server.config.Refused(recordOf(c, who, path))
	if times, log := c.server.refusals.note(new); log {
		c.server.config.Logger.Warn("a policy refuses a call", "client", new.Client, "profile", new.Profile,
			"method", new.Method, "path", new.Path, "rule", new.Rule, "refusals", times)
	}
}

// refusalsOf returns the refusals that the caller may see: of profiles that it may use, and of clients
// that it is.
func refusalsOf(c *call) []local.Refusal {
	clients := c.server.config.Clients()
	return c.server.refusals.shown(func(r local.Refusal) bool {
		if mayProfile(c, r.Profile) {
			return true
		}
		for name, client := range clients {
			if clientKind+name == r.Client && c.caller.is(client) {
				return true
			}
		}
		return false
	})
}
