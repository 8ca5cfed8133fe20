package main

// The way to Anaplan's API for commands: through the agent, which puts its token in; or
// without one, with a token of the command's own.

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/proxy"
)

// calling is a command's way to the API.
type calling struct {
	ctx    context.Context // ends when the person interrupts
	client *integration.Client
	as     local.As
	end    func() // call it once
}

// callAnaplan returns the way to the API: as a client of the agent's, "" for the profile
// itself. What a person must do for the login is done when it returns.
func (s *settings) callAnaplan(say *messenger, client string) (*calling, error) {
	if err := s.agentsOwn(client); err != nil {
		return nil, err
	}
	ctx, stop := signal.NotifyContext(s.command.Context(), os.Interrupt, syscall.SIGTERM)
	way, err := s.wayFor(ctx, say, client)
	if err != nil {
		stop()
		return nil, err
	}
	end := way.end
	way.end = func() { end(); stop() }
	way.client.Notify = func(text string) { say.Note("%s", text) }
	return way, nil
}

// wayFor returns the way through the agent, or without one where that can be done.
func (s *settings) wayFor(ctx context.Context, say *messenger, client string) (*calling, error) {
	asking, err := s.askAgent(say)
	if client != "" && asking == nil && err == nil {
		asking, err = s.mustAskAgent(say) // it says that there is none
	}
	switch {
	case err != nil:
		return nil, err
	case asking != nil:
		if asking.profile, err = s.profileFor(client); err != nil {
			asking.end()
			return nil, err
		}
		return asking.calling(ctx, client)
	}
	tellOwnLogin(say, s.whyAlone())
	return s.callAlone(ctx, say)
}

// whyAlone says why a command does its work by itself, where askAgent has let it.
func (s *settings) whyAlone() string {
	if overridden := s.overridden(); len(overridden) > 0 {
		return given(overridden)
	}
	if value, ok := s.override(config.Setting{Name: "socket"}); ok && value.Text == "none" {
		return value.From + " is none"
	}
	return noAgent
}

// noAgent is why most commands do their work by themselves.
const noAgent = "no agent runs"

// given says that settings are given: "ANAPLAN_AGENT_KEY is set", "--region and --pin are given".
func given(names []string) string {
	verb := "given"
	if !strings.HasPrefix(names[0], "--") {
		verb = "set"
	}
	if len(names) == 1 {
		return names[0] + " is " + verb
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1] + " are " + verb
}

// agentsOwn refuses settings of a profile together with a client, which is the agent's; "" for
// none.
func (s *settings) agentsOwn(client string) error {
	if client == "" {
		return nil
	}
	if !s.command.Flags().Changed("client") {
		return s.notOverridden(clientVariable + "=" + client)
	}
	return s.notOverridden("--client " + client)
}

// notOverridden refuses settings of a profile beside a flag that is about the agent.
func (s *settings) notOverridden(flag string) error {
	overridden := s.overridden()
	if len(overridden) == 0 {
		return nil
	}
	problem := agent.Problemf(agent.CodeSettings, "%s, and %s is the agent's, which has its own settings", given(overridden), flag)
	verb := "unset "
	if strings.HasPrefix(overridden[0], "--") {
		verb = "leave out "
	}
	or := "leave " + strings.Fields(flag)[0] + " out"
	if name, _, isVariable := strings.Cut(flag, "="); isVariable {
		or = "unset " + name
	}
	problem.Hints = []string{verb + strings.Join(overridden, " ") + ", or " + or}
	return problem
}

// calling goes through the agent.
func (a *asking) calling(ctx context.Context, client string) (*calling, error) {
	if a.profile != "" {
		err := a.prepare()
		problem, ok := errors.AsType[*agent.Problem](err)
		// Of a client the profile may be somebody else's to prepare.
		if err != nil && !(ok && client != "" && isOthers(problem)) {
			a.end()
			return nil, err
		}
	}
	as := local.As{Profile: a.profile, Client: client}
	return &calling{ctx, newAPIClient(agentURL, a.client.Transport(as)), as, a.end}, nil
}

// isOthers reports whether a profile is not this user's to use, or not known by that name.
func isOthers(problem *agent.Problem) bool {
	return problem.Code == agent.CodeNotAllowed || problem.Code == agent.CodeUnknownProfile
}

// profileFor returns the profile that counts: for a client that for which it acts, "" if the
// configuration that this user can read does not know the client. client "" is none.
func (s *settings) profileFor(client string) (string, error) {
	name := s.profileName()
	if client == "" {
		return name, nil
	}
	file, err := s.readConfig()
	if err != nil {
		return "", err
	}
	all := file.Clients()
	i := slices.IndexFunc(all, func(c *config.Client) bool { return c.Name == client })
	switch {
	case i < 0:
		return "", nil
	case all[i].Profile != name && (s.profile != "" || name != "default"):
		problem := agent.Problemf(agent.CodeBadRequest, "client %s acts for profile %s, and the profile %s was asked for", client, all[i].Profile, name)
		problem.Hints = []string{"leave --profile (and ANAPLAN_AGENT_PROFILE) out: a client has one profile"}
		return "", problem
	}
	return all[i].Profile, nil
}

// inWords puts what the agent has refused into words for who types commands.
func (c *calling) inWords(err error) error {
	problem, ok := errors.AsType[*agent.Problem](err)
	if !ok {
		return err
	}
	return forCommands(problem, c.as.Profile)
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
	rules, err := newPolicy(profile)
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
		Sign: s.signAlone(say), Exchange: exchange, Explain: say.errors().Problem, Timeout: profile.Timeout,
		Refused: func(err error) bool { return errors.Is(err, anaplan.ErrTokenRefused) },
	})
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var kept sync.WaitGroup
	kept.Go(func() { keeper.Run(running) })
	end := func() {
		logoutCtx, done := context.WithTimeout(running, logoutTimeout)
		if err := keeper.Logout(logoutCtx); err != nil {
			say.Warn("the token could not be ended, and is valid until its time is up: %v", err)
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
	way := underPolicy(&proxy.Transport{Source: keeper, Base: proxy.NewBase(roots), Client: program}, hosts.API, profile.Name, rules)
	client := newAPIClient(hosts.API, way)
	client.Audit = hosts.Audit()
	return &calling{ctx, client, local.As{Profile: profile.Name}, end}, nil
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
