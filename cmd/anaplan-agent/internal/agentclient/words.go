package agentclient

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/neterror"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
)

// InTime words the error of a call: that the time was up, that the agent ended, or what the agent
// refused.
func (a *Session) InTime(err error) error {
	switch {
	case err != nil && a.Ctx.Err() != nil:
		return fmt.Errorf("the agent did not answer: %w", context.Cause(a.Ctx))
	case errors.Is(err, io.EOF), neterror.IsBroken(err):
		return fmt.Errorf("%w: %w", errAgentEnded, err)
	}
	if problem, ok := errors.AsType[*agent.Problem](err); ok {
		return forCommands(problem, a.Profile)
	}
	return err
}

// agentCommands are in hints, and are about a profile.
var agentCommands = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(build.Program + ` (unlock|login|logout|lock)\b`)
})

// forCommands returns a problem with hints for a person who types commands, naming the profile: the
// agent's own hints are for programs too, and leave the profile out.
func forCommands(problem *agent.Problem, profile string) *agent.Problem {
	told := *problem
	told.Hints = nil
	for _, hint := range problem.Hints {
		switch {
		case strings.HasPrefix(hint, "/v1/status "):
			hint = build.Program + " status lists those that you may use"
		case strings.HasPrefix(hint, "/v1/reload "):
			hint = "was it just added? " + build.Program + " reload"
		case profile != "" && profile != "default" && !strings.Contains(hint, "--profile"):
			hint = agentCommands().ReplaceAllString(hint, "$0 --profile "+profile)
		}
		told.Hints = append(told.Hints, hint)
	}
	if problem.Code == agent.CodeNotAllowed && strings.Contains(problem.Message, " may not be the client ") && len(told.Hints) == 0 {
		told.Hints = []string{"was it just added? " + build.Program + " reload"}
	}
	return &told
}
