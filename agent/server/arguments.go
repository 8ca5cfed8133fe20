package server

import (
	"net/url"
	"strconv"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// parameter is a query parameter, as a set of bits: which ones a route takes, and which
// ones a request has.
type parameter uint8

const (
	paramProfile parameter = 1 << iota
	paramRefused
	paramLastTry
	paramPINChanged
	paramReveal
)

// arguments is what a request's query says.
type arguments struct {
	profile string
	refused uint64 // 0: none
	hidden  bool   // the token is not wanted, only that there is one
	options local.UnlockOptions
	given   parameter
}

// parseArguments reads a query. It is strict, for a misspelled parameter would be a
// request for something else; and it makes no map, for it is on every token's way.
func parseArguments(query string, takes parameter) (arguments, *agent.Problem) {
	var parsed arguments
	if takes&paramProfile != 0 {
		parsed.profile = local.DefaultProfile
	}
	for rest := query; rest != ""; {
		var pair string
		pair, rest, _ = strings.Cut(rest, "&")
		name, value, _ := strings.Cut(pair, "=")
		if problem := parsed.set(name, value, takes); problem != nil {
			return arguments{}, problem
		}
	}
	return parsed, nil
}

func (a *arguments) set(name, value string, takes parameter) *agent.Problem {
	var which parameter
	switch name {
	case "profile":
		which = paramProfile
	case "refused":
		which = paramRefused
	case "last_try":
		which = paramLastTry
	case "pin_changed":
		which = paramPINChanged
	case "reveal":
		which = paramReveal
	}
	if which&takes == 0 {
		return agent.Problemf(agent.CodeBadRequest, "unknown parameter %s", shown(name))
	}
	if which&a.given != 0 {
		return agent.Problemf(agent.CodeBadRequest, "parameter %s is there twice", name)
	}
	a.given |= which
	value, err := url.QueryUnescape(value)
	if err != nil {
		return agent.Problemf(agent.CodeBadRequest, "parameter %s is not well encoded", name)
	}
	switch which {
	case paramProfile:
		return a.setProfile(value)
	case paramRefused:
		return a.setRefused(value)
	case paramReveal:
		return a.setHidden(value)
	}
	return a.setYes(name, value, which)
}

// setYes takes what a person has said, which is yes or is not given.
func (a *arguments) setYes(name, value string, which parameter) *agent.Problem {
	if value != local.Yes {
		return agent.Problemf(agent.CodeBadRequest, "parameter %s is %s: it is %s, or left out", name, shown(value), local.Yes)
	}
	a.options.LastTry = a.options.LastTry || which == paramLastTry
	a.options.PINChanged = a.options.PINChanged || which == paramPINChanged
	return nil
}

func (a *arguments) setProfile(value string) *agent.Problem {
	if value == "" {
		return agent.Problemf(agent.CodeBadRequest, "parameter profile is empty: leave it out for the profile %q", local.DefaultProfile)
	}
	a.profile = value
	return nil
}

func (a *arguments) setHidden(value string) *agent.Problem {
	if value != local.No {
		return agent.Problemf(agent.CodeBadRequest, "parameter reveal is %s: it is %s, or left out", shown(value), local.No)
	}
	a.hidden = true
	return nil
}

func (a *arguments) setRefused(value string) *agent.Problem {
	generation, err := strconv.ParseUint(value, 10, 64)
	if err != nil || generation == 0 {
		return agent.Problemf(agent.CodeBadRequest, "parameter refused is %s, and not the generation of a token", shown(value))
	}
	a.refused = generation
	return nil
}

// shown quotes what a caller sent, not too much of it.
func shown(text string) string {
	const most = 64
	if len(text) > most {
		return strconv.QuoteToASCII(text[:most]) + " and so on"
	}
	return strconv.QuoteToASCII(text)
}
