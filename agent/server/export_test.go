package server

import (
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
