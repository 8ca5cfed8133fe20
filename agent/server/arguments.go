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
	given   parameter
}

// has reports whether a parameter that has one value only was given.
func (a *arguments) has(which parameter) bool { return a.given&which != 0 }

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

// parameters are the names of query parameters.
var parameters = map[string]parameter{
	"profile": paramProfile, "refused": paramRefused, "last_try": paramLastTry, "pin_changed": paramPINChanged, "reveal": paramReveal,
}

func (a *arguments) set(name, value string, takes parameter) *agent.Problem {
	which := parameters[name]
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
		if a.profile = value; value == "" {
			return agent.Problemf(agent.CodeBadRequest, "parameter profile is empty: leave it out for the profile %q", local.DefaultProfile)
		}
	case paramRefused:
		if a.refused, err = strconv.ParseUint(value, 10, 64); err != nil || a.refused == 0 {
			return agent.Problemf(agent.CodeBadRequest, "parameter refused is %s, and not the generation of a token", shown(value))
		}
	case paramReveal:
		return only(name, value, local.No)
	default: // what a person has said
		return only(name, value, local.Yes)
	}
	return nil
}

// only refuses all but the one value that a parameter can have.
func only(name, value, want string) *agent.Problem {
	if value != want {
		return agent.Problemf(agent.CodeBadRequest, "parameter %s is %s: it is %s, or left out", name, shown(value), want)
	}
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
