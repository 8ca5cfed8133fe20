package server

import (
	"net"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// For tests from outside.
var (
	StatusOf    = statusOf
	AppendLease = appendLease
	TraceOf     = traceOf

	Administrators = administrators
	OwnUser        = ownUser
)

// RootName is rootName.
const RootName = rootName

// ParseArguments parses a query as for /v1/token.
func ParseArguments(query string) (profile string, refused uint64, problem *agent.Problem) {
	parsed, problem := parseArguments(query, paramProfile|paramRefused)
	return parsed.profile, parsed.refused, problem
}

// LookAfter is Restore for any listener; nil if it has no file.
func LookAfter(socket net.Listener) func() (bool, error) { return lookAfter(socket) }

// Phrase lets tests look at what stands in a status line.
var Phrase = phrase
