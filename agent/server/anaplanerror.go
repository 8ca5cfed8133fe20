package server

import (
	"net/http"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// shape writes a refusal as Anaplan's hosts do, for clients that know no other form. What the
// agent has to say besides is in a field that they do not look for.
type shape func(status int, problem *agent.Problem) any

// authShape is that of the auth host (contract section 2.2).
func authShape(_ int, problem *agent.Problem) any {
	return struct {
		Status  string         `json:"status"`
		Message string         `json:"statusMessage"`
		Problem *agent.Problem `json:"problem"`
	}{authCode(problem.Code), problem.Message, problem}
}

// authCode returns Anaplan's code where it has one, for clients that look for it.
func authCode(code agent.Code) string {
	switch code {
	case agent.CodeUnauthorized, agent.CodeLoginRefused:
		return "FAILURE_BAD_CREDENTIAL"
	case agent.CodeBadRequest:
		return "FAILURE_BAD_HEADER"
	}
	return "FAILURE_" + strings.ToUpper(string(code))
}

// apiShape is that of the API host (contract section 6).
func apiShape(status int, problem *agent.Problem) any {
	type apiStatus struct {
		Code    int    `json:"code"`
		Message string `json:"message"`
	}
	return struct {
		Status  apiStatus      `json:"status"`
		Problem *agent.Problem `json:"problem"`
	}{apiStatus{status, problem.Message}, problem}
}

// anaplanStatus is the HTTP status of a problem where Anaplan's clients look at it: one that
// they try again at, if trying again is right, and Anaplan's own if it has refused the login.
func anaplanStatus(problem *agent.Problem) int {
	switch problem.Code {
	case agent.CodeLoginRefused:
		return http.StatusUnauthorized
	case agent.CodeRateLimited:
		return http.StatusTooManyRequests
	case agent.CodePINNeeded, agent.CodePINRefused, agent.CodeTouchNeeded, agent.CodeLocked:
		return http.StatusServiceUnavailable
	}
	return statusOf(problem.Code)
}
