package agentclient

// Commands that work without the agent where a person may expect the agent to do it.

import (
	"errors"
	"fmt"
	"slices"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// ConnectOrTell is Connect for commands that log in without the agent. It says so where that may
// not be intended: where an agent runs, or is configured.
func ConnectOrTell(s *settings.Settings, say *console.Messenger) (*Session, error) {
	session, err := Connect(s, say)
	if session == nil && err == nil {
		tellAlone(s, say)
	}
	return session, err
}

// tellAlone says why a command does not ask the agent that the person knows of.
func tellAlone(s *settings.Settings, say *console.Messenger) {
	own, err := ownAgent(s)
	if err != nil || own.Socket == "none" {
		return
	}
	switch overridden := overridden(s); {
	case len(overridden) > 0 && agentRuns(own):
		tellOwnLogin(say, given(overridden))
	case len(overridden) == 0 && own.Socket != "":
		tellOwnLogin(say, fmt.Sprintf("%s at %s", NoAgent, own.Socket))
	}
}

// TellOwnTry says that a command logs in by itself, whatever it was given, where an agent runs.
func TellOwnTry(s *settings.Settings, say *console.Messenger) {
	own, err := ownAgent(s)
	if err == nil && own.Socket != "none" && agentRuns(own) {
		tellOwnLogin(say, s.Command.Name()+" tries the key itself")
	}
}

// tellOwnLogin says that a command logs in by itself, in the process that does so.
func tellOwnLogin(say *console.Messenger, why string) {
	device.WatchModules()
	say.Note("not through the agent (%s): a login of this command's own", why)
}

// ownAgent returns what the settings say of the agent.
func ownAgent(s *settings.Settings) (*config.Agent, error) {
	file, err := s.ReadConfig()
	if err != nil {
		return nil, err
	}
	return s.AgentIn(file)
}

// agentRuns reports whether an agent runs that this user may know of.
func agentRuns(own *config.Agent) bool {
	sockets := paths.UsualSockets()
	if own.Socket != "" {
		sockets = []string{own.Socket}
	}
	return slices.ContainsFunc(sockets, func(socket string) bool {
		err := knock(socket)
		return err == nil || errors.Is(err, ErrNotShared) && concerns(socket)
	})
}
