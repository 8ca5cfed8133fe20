package main

// The running agent's part in a rotation. It may run as another user, and read other settings:
// that a command can log in with a key does not say that the agent can. So a key is switched to,
// and the other one deleted, only once the agent has logged in with it.

import (
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// takeOver puts another key into the configuration, and has a running agent log in with it. If
// that cannot, all is as it was before: the other key, and the step from.
func (r *rotating) takeOver(key *deviceRun, before, after string, from, to rotationStep) error {
	wanted, err := key.certificate()
	if err != nil {
		return err
	}
	asking, err := r.findAgent()
	if err != nil {
		return cannotAsk("nothing was changed", err)
	}
	if err := r.switchTo(before, after, to == rotationSwitched); err != nil {
		return err
	}
	if asking != nil {
		defer asking.end()
		if err := r.tryAgent(asking, wanted); err != nil {
			return r.putBack(before, after, from, err)
		}
		r.say.Note("the running agent has logged in with the key in the configuration")
	}
	return r.known.save(to)
}

// findAgent returns the running agent, ready to be asked; nil if there is none, and then it has
// said what that means. The agent is asked whatever settings the command was given: it has its
// own.
func (r *rotating) findAgent() (*asking, error) {
	file, err := parseConfig(r.known.Config)
	if err != nil {
		return nil, err
	}
	own, err := r.settings.agentIn(file)
	if err != nil {
		return nil, err
	}
	if own.Socket == "none" {
		r.unchecked("no agent was asked")
		return nil, nil
	}
	asking, err := r.settings.firstRunning(own.Socket, r.say)
	if asking == nil && err == nil {
		err = notShared()
	}
	switch {
	case errors.Is(err, errNoAgent), asking == nil && err == nil:
		r.unchecked("no running agent was found")
		return nil, nil
	case err != nil:
		return nil, err
	}
	if _, err := asking.client.Status(asking.ctx); err != nil {
		defer asking.end()
		return nil, asking.inTime(err)
	}
	return asking, nil
}

// notShared returns an error if an agent runs at one of the usual places that is somebody else's.
func notShared() error {
	for _, socket := range usualSockets() {
		if err := findAgent(socket); errors.Is(err, errNotShared) {
			return err
		}
	}
	return nil
}

func (r *rotating) unchecked(why string) {
	r.say.Warn("%s: it was not checked that the agent, as the user that it runs as, can log in with the new key; where one reads %s, try that before the old key is deleted: %s reload, %s login", why, r.known.Config, program, program)
}

// tryAgent has the agent take the configuration over and log in with the key in it. Its callers
// keep the token that they have.
func (r *rotating) tryAgent(asking *asking, wanted *x509.Certificate) error {
	if err := asking.reload(); err != nil {
		return err
	}
	if _, err := asking.login(); err != nil {
		return err
	}
	used, err := agentUses(asking, wanted)
	if err == nil && !used {
		err = r.otherCertificate()
	}
	return err
}

// errOtherCertificate says that the agent does not use the key that is in the configuration.
var errOtherCertificate = errors.New("logged in with another certificate")

func (r *rotating) otherCertificate() error {
	return fmt.Errorf("it has %w: does it read %s?", errOtherCertificate, r.known.Config)
}

// agentUses reports whether the agent's last login for the profile was with a certificate.
func agentUses(asking *asking, cert *x509.Certificate) (bool, error) {
	status, err := asking.client.Status(asking.ctx)
	if err != nil {
		return false, asking.inTime(err)
	}
	for _, p := range status.Profiles {
		if p.Name == asking.profile && p.Certificate != nil {
			return p.Certificate.SHA256 == fingerprintOf(cert), nil
		}
	}
	return false, nil
}

// putBack undoes takeOver, and says why.
func (r *rotating) putBack(before, after string, from rotationStep, why error) error {
	err := r.writeKey(after, before)
	if err == nil {
		err = r.known.save(from)
	}
	if err != nil {
		return fmt.Errorf("the running agent cannot log in with the key that %s has now (%w), and the other one could not be put back: %w", r.known.Config, why, err)
	}
	this, other := "new", "old"
	if from == rotationSwitched {
		this, other = other, this
	}
	problem := agentProblem(fmt.Sprintf("the running agent cannot log in with the %s key, so the %s one is in %s again", this, other, r.known.Config), why)
	if err := r.comeBack(); err != nil {
		r.say.Warn("the agent does not use the %s key yet (%v): %s reload, %s status", other, err, program, program)
	}
	return problem
}

// comeBack has the agent read the configuration again, and see to it that it has a token.
func (r *rotating) comeBack() error {
	asking, err := r.findAgent()
	if err != nil || asking == nil {
		return err
	}
	defer asking.end()
	if err := asking.reload(); err != nil {
		return err
	}
	return asking.prepare()
}

// agentHas returns an error unless the running agent, if there is one, has logged in with the new
// key.
func (r *rotating) agentHas(key *deviceRun) error {
	wanted, err := key.certificate()
	if err != nil {
		return err
	}
	asking, err := r.findAgent()
	if err != nil {
		return cannotAsk("the old key is not deleted", err)
	}
	if asking == nil {
		return nil
	}
	defer asking.end()
	used, err := agentUses(asking, wanted)
	if err == nil && !used {
		if _, err = asking.login(); err == nil {
			used, err = agentUses(asking, wanted)
		}
	}
	switch {
	case err != nil:
		return agentProblem("the old key is not deleted, for the running agent cannot log in with the new one", err)
	case !used:
		problem := agentProblem("the old key is not deleted, for the running agent does not use the new one", r.otherCertificate())
		problem.Hints = []string{program + " rotate finish  # has it read the configuration, and log in"}
		return problem
	}
	return nil
}

// cannotAsk words that the agent which runs cannot be asked.
func cannotAsk(what string, err error) error {
	return agentProblem(what+", for the running agent cannot be asked whether it can log in with the new key", err)
}

// agentProblem puts what an error of the agent's means in front of it, and what can be done behind
// it: that is not what the agent's own hints are about.
func agentProblem(what string, err error) *agent.Problem {
	problem := &agent.Problem{Code: agent.CodeKeyUnusable, Message: fmt.Sprintf("%s: %v", what, err)}
	if cause, ok := errors.AsType[*agent.Problem](err); ok {
		problem.Code, problem.Human = cause.Code, cause.Human
	}
	problem.Hints = []string{
		"a key that one user has made may be out of another's reach. Rotate as the user that the agent runs as: sudo -u USER " + program + " rotate finish (or rotate cancel, and then rotate start)",
		"if that agent is not one that uses this profile: ANAPLAN_AGENT_SOCKET=none " + program + " rotate ...",
	}
	return problem
}
