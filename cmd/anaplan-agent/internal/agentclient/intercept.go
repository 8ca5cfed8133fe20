package agentclient

import (
	"errors"
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/intercepted"
)

// errOlder says that the agent does not know what this program asks it for.
var errOlder = errors.New("the agent that runs is older than this program")

// Intercept begins to have the agent answer what a program sends to Anaplan's hosts, as a client of the
// agent's or, without one, for the profile. Close the run when the program has ended.
func (a *Session) Intercept(client string) (*intercepted.Run, error) {
	ca, err := a.CA(false)
	if problem, ok := errors.AsType[*agent.Problem](err); ok && problem.Code == agent.CodeBadRequest {
		return nil, fmt.Errorf("%w, and cannot answer for Anaplan's hosts", errOlder)
	}
	if err != nil {
		return nil, err
	}
	return intercepted.Start(intercepted.Config{
		CA: ca, Dial: a.Client.Dial, As: local.As{Profile: a.Profile, Client: client}, Warn: a.say.Warn,
	})
}
