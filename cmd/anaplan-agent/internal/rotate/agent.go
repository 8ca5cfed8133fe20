package rotate

// The running agent's part in a rotation. It may run as another user, and read other settings:
// that a command can log in with a key does not say that the agent can. So a key is switched to,
// and the other one deleted, only once the agent has logged in with it.

import (
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// takeOver puts another key into the configuration, and has a running agent log in with it. If the
// agent cannot, everything is restored: the other key, and the step from.
func (s *Session) takeOver(key *device.Run, before, after entry, from, to rotationStep) error {
	wanted, err := key.Certificate()
	if err != nil {
		return err
	}
	session, err := s.agent().find()
	if err != nil {
		return cannotAsk("nothing was changed", err)
	}
	if err := s.switchTo(before, after, to == rotationSwitched); err != nil {
		return err
	}
	if session != nil {
		defer session.Close()
		if err := s.agent().try(session, wanted); err != nil {
			return s.putBack(before, after, from, err)
		}
		s.Say.Note("the running agent has logged in with the key in the configuration")
	}
	return s.rotation.save(to)
}

// agent returns what asks the running agent.
func (s *Session) agent() agentOf { return agentOf{s.rotation.Config, s.settings, s.Say} }

// agentOf is the running agent that reads a configuration file, if there is one.
type agentOf struct {
	config   configFile
	settings *settings.Settings
	say      *console.Messenger
}

// find returns the agent, ready to be asked; nil if there is none, and then it has said what that
// means. The agent is asked whatever settings the command was given: it has its own.
func (a agentOf) find() (*agentclient.Session, error) {
	file, err := settings.ParseConfig(string(a.config))
	if err != nil {
		return nil, err
	}
	own, err := a.settings.AgentIn(file)
	if err != nil {
		return nil, err
	}
	if own.Socket == "none" {
		a.unchecked("no agent was asked")
		return nil, nil
	}
	session, err := agentclient.ConnectTo(a.settings, own.Socket, a.say)
	switch {
	case errors.Is(err, agentclient.ErrNoAgent), session == nil && err == nil:
		a.unchecked("no running agent was found")
		return nil, nil
	case err != nil:
		return nil, err
	}
	if _, err := session.Client.Status(session.Ctx); err != nil {
		defer session.Close()
		return nil, session.InTime(err)
	}
	return session, nil
}

func (a agentOf) unchecked(why string) {
	a.say.Warn("%s: whether the agent, as the user that it runs as, can log in with the new key was not checked; if an agent reads %s, try before the old key is deleted: %s reload, %s login", why, a.config, build.Program, build.Program)
}

// try has the agent take the configuration over and log in with the key in it. Its callers keep
// the token that they have.
func (a agentOf) try(session *agentclient.Session, wanted *x509.Certificate) error {
	if err := session.Reload(); err != nil {
		return err
	}
	if _, err := session.Login(); err != nil {
		return err
	}
	used, err := agentUses(session, wanted)
	if err == nil && !used {
		err = a.otherCertificate()
	}
	return err
}

// errOtherCertificate says that the agent does not use the key that is in the configuration.
var errOtherCertificate = errors.New("logged in with another certificate")

func (a agentOf) otherCertificate() error {
	return fmt.Errorf("it has %w: does it read %s?", errOtherCertificate, a.config)
}

// agentUses reports whether the agent's last login for the profile was with a certificate.
func agentUses(session *agentclient.Session, cert *x509.Certificate) (bool, error) {
	status, err := session.Client.Status(session.Ctx)
	if err != nil {
		return false, session.InTime(err)
	}
	for _, p := range status.Profiles {
		if p.Name == session.Profile && p.Certificate != nil {
			return p.Certificate.SHA256 == device.FingerprintOf(cert), nil
		}
	}
	return false, nil
}

// putBack undoes takeOver, and says why.
func (s *Session) putBack(before, after entry, from rotationStep, why error) error {
	err := s.rotation.Config.replace(s.rotation.Profile, after, before)
	if err == nil {
		err = s.rotation.save(from)
	}
	if err != nil {
		return fmt.Errorf("the running agent cannot log in with the key that %s has now (%w), and the other one could not be put back: %w", s.rotation.Config, why, err)
	}
	this, other := "new", "old"
	if from == rotationSwitched {
		this, other = other, this
	}
	problem := agentProblem(fmt.Sprintf("the running agent cannot log in with the %s key, so the %s one is in %s again", this, other, s.rotation.Config), why)
	if err := s.agent().comeBack(); err != nil {
		s.Say.Warn("the agent does not use the %s key yet (%v): %s reload, %s status", other, err, build.Program, build.Program)
	}
	return problem
}

// comeBack has the agent read the configuration again, and see to it that it has a token.
func (a agentOf) comeBack() error {
	session, err := a.find()
	if err != nil || session == nil {
		return err
	}
	defer session.Close()
	if err := session.Reload(); err != nil {
		return err
	}
	return session.Prepare()
}

// agentHas returns an error unless the running agent, if there is one, has logged in with the new
// key.
func (s *Session) agentHas(key *device.Run) error {
	wanted, err := key.Certificate()
	if err != nil {
		return err
	}
	session, err := s.agent().find()
	if err != nil {
		return cannotAsk("the old key is not deleted", err)
	}
	if session == nil {
		return nil
	}
	defer session.Close()
	used, err := agentUses(session, wanted)
	if err == nil && !used {
		if _, err = session.Login(); err == nil {
			used, err = agentUses(session, wanted)
		}
	}
	switch {
	case err != nil:
		return agentProblem("the old key is not deleted, for the running agent cannot log in with the new one", err)
	case !used:
		problem := agentProblem("the old key is not deleted, for the running agent does not use the new one", s.agent().otherCertificate())
		problem.Hints = []string{s.rotation.command("finish") + "  # has it read the configuration, and log in"}
		return problem
	}
	return nil
}

// cannotAsk words that the agent which runs cannot be asked.
func cannotAsk(what string, err error) error {
	return agentProblem(what+", for the running agent cannot be asked whether it can log in with the new key", err)
}

// agentProblem adds to an error of the agent what it means for the rotation, and hints that replace
// the agent's own.
func agentProblem(what string, err error) *agent.Problem {
	problem := &agent.Problem{Code: agent.CodeKeyUnusable, Message: fmt.Sprintf("%s: %v", what, err)}
	if cause, ok := errors.AsType[*agent.Problem](err); ok {
		problem.Code, problem.Human = cause.Code, cause.Human
	}
	problem.Hints = []string{
		"a key that one user has made may be out of another's reach. Rotate as the user that the agent runs as: " + remedy.Here().AsUser(build.Program+" rotate finish") + " (or rotate cancel, and then rotate start)",
		"if that agent is not one that uses this profile: ANAPLAN_AGENT_SOCKET=none " + build.Program + " rotate ...",
	}
	return problem
}
