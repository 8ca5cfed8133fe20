package main

// The way to Anaplan's API for commands: through the agent, which puts its token in; or
// without one, with a token of the command's own.

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"syscall"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/proxy"
)

// calling is a command's way to the API.
type calling struct {
	ctx    context.Context // ends when the person interrupts
	client *integration.Client
	end    func() // call it once
}

// callAnaplan returns the way to the API: as a client of the agent's, "" for the profile
// itself. What a person must do for the login is done when it returns.
func (s *settings) callAnaplan(say *messenger, client string) (*calling, error) {
	ctx, stop := signal.NotifyContext(s.command.Context(), os.Interrupt, syscall.SIGTERM)
	var way *calling
	asking, err := s.askAgent(say)
	switch {
	case err != nil:
	case asking != nil:
		way, err = asking.calling(ctx, client)
	case client != "":
		_, err = s.mustAskAgent(say) // it says that there is none
	default:
		way, err = s.callAlone(ctx, say)
	}
	if err != nil {
		stop()
		return nil, err
	}
	end := way.end
	way.end = func() { end(); stop() }
	way.client.Notify = func(text string) { say.note("%s", text) }
	return way, nil
}

// calling goes through the agent.
func (a *asking) calling(ctx context.Context, client string) (*calling, error) {
	if client == "" { // of a client the profile may be somebody else's to prepare
		if err := a.prepare(); err != nil {
			a.end()
			return nil, err
		}
	}
	way := a.client.Transport(local.As{Profile: a.profile, Client: client})
	return &calling{ctx, newAPIClient(agentURL, way), a.end}, nil
}

// callAlone logs in, keeps the token alive as the agent would, and ends it in the end.
func (s *settings) callAlone(ctx context.Context, say *messenger) (*calling, error) {
	watchModules()
	profile, err := s.load()
	if err != nil {
		return nil, err
	}
	hosts, err := hostsOf(profile)
	if err != nil {
		return nil, err
	}
	exchange, err := newClient(profile, nil)
	if err != nil {
		return nil, err
	}
	roots, err := readRoots(profile.CAFile)
	if err != nil {
		return nil, err
	}
	keeper := agent.NewKeeper(agent.KeeperConfig{
		Sign: s.signAlone(say), Exchange: exchange, Explain: problemOf, Timeout: profile.Timeout,
		Refused: func(err error) bool { return errors.Is(err, anaplan.ErrTokenRefused) },
	})
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var kept sync.WaitGroup
	kept.Go(func() { keeper.Run(running) })
	end := func() {
		logoutCtx, done := context.WithTimeout(running, logoutTimeout)
		if err := keeper.Logout(logoutCtx); err != nil {
			say.warn("the token could not be ended, and is valid until its time is up: %v", err)
		}
		done()
		cancel()
		kept.Wait()
	}
	if _, err := keeper.Token(ctx, nil); err != nil {
		cancel()
		kept.Wait()
		return nil, err
	}
	way := &proxy.Transport{Source: keeper, Base: proxy.NewBase(roots), Client: program}
	return &calling{ctx, newAPIClient(hosts.API, way), end}, nil
}

// signAlone returns what signs a login in this process, while the command waits for it.
func (s *settings) signAlone(say *messenger) func(context.Context, bool, agent.NotifyFunc) (*agent.Login, error) {
	return func(ctx context.Context, attended bool, _ agent.NotifyFunc) (*agent.Login, error) {
		if !attended {
			return nil, agent.Problemf(agent.CodePINNeeded, "a person may be needed for that, and the next call asks one")
		}
		run, err := startRun(ctx, s, say)
		if err != nil {
			return nil, err
		}
		defer run.end()
		return run.signLogin()
	}
}

// newAPIClient returns a client of the API. It has a plain name, for Anaplan's firewall
// blocks some (contract section 1.1).
func newAPIClient(base string, way http.RoundTripper) *integration.Client {
	return &integration.Client{Base: base, HTTP: &http.Client{Transport: way}, UserAgent: program + "/" + version()}
}
