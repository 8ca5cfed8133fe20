package main

// Commands that do their work by themselves where somebody would expect the agent to do it.

import (
	"fmt"
	"slices"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
)

// askAgentOrTell is askAgent for commands that log in without it, and says so where that may not be
// what was meant: where an agent runs, or is said to.
func (s *settings) askAgentOrTell(say *messenger) (*asking, error) {
	asking, err := s.askAgent(say)
	if asking == nil && err == nil {
		s.tellAlone(say)
	}
	return asking, err
}

// tellAlone says why a command does not ask the agent that the person knows of.
func (s *settings) tellAlone(say *messenger) {
	own, err := s.agent()
	if err != nil || own.Socket == "none" {
		return
	}
	switch overridden := s.overridden(); {
	case len(overridden) > 0 && agentRuns(own):
		tellOwnLogin(say, given(overridden))
	case len(overridden) == 0 && own.Socket != "":
		tellOwnLogin(say, fmt.Sprintf("%s at %s", noAgent, own.Socket))
	}
}

// tellOwnTry says that a command logs in by itself, whatever it was given, where an agent runs.
func (s *settings) tellOwnTry(say *messenger) {
	own, err := s.agent()
	if err == nil && own.Socket != "none" && agentRuns(own) {
		tellOwnLogin(say, s.command.Name()+" tries the key itself")
	}
}

// tellOwnLogin says that a command logs in by itself.
func tellOwnLogin(say *messenger, why string) {
	say.Note("not through the agent (%s): a login of this command's own", why)
}

// agent returns what the settings say of the agent.
func (s *settings) agent() (*config.Agent, error) {
	file, err := s.readConfig()
	if err != nil {
		return nil, err
	}
	return s.agentIn(file)
}

// agentRuns reports whether an agent runs that this user can ask.
func agentRuns(own *config.Agent) bool {
	sockets := usualSockets()
	if own.Socket != "" {
		sockets = []string{own.Socket}
	}
	return slices.ContainsFunc(sockets, func(socket string) bool { return knock(socket) == nil })
}
