package local

import "github.com/anaplan-agent/anaplan-agent/agent"

// For tests from outside.
var (
	StatusOf     = statusOf
	FormatNotice = formatNotice
	ParseNotice  = parseNotice
	ParseToken   = parseToken
	ParseStatus  = parseStatus
	ParseProblem = parseProblem
	PeerOf       = peerOf
	AppendLease  = appendLease

	Administrators = administrators
	OwnUser        = ownUser
)

// ParseArguments parses a query as for /v1/token.
func ParseArguments(query string) (profile string, refused uint64, problem *agent.Problem) {
	parsed, problem := parseArguments(query, paramProfile|paramRefused)
	return parsed.profile, parsed.refused, problem
}
