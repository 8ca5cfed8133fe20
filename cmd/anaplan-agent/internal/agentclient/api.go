package agentclient

// The way to Anaplan's API for commands: through the agent, which puts its token in; or
// without one, with a token of the command's own.

import (
	"cmp"
	"context"
	"errors"
	"net/url"
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
	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/login"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
	"github.com/spf13/cobra"
)

// API is a command's way to the API.
type API struct {
	Ctx    context.Context // ends when the person interrupts
	Client *integration.Client
	As     local.As
	Close  func() // call it once
}

// OpenAPI returns the way to the API: as a client of the agent's, "" for the profile itself. When
// it returns, the person has done what the login needed.
func OpenAPI(s *settings.Settings, say *console.Messenger, client string) (*API, error) {
	if err := CheckClient(s, client); err != nil {
		return nil, err
	}
	ctx, stop := signal.NotifyContext(s.Command.Context(), os.Interrupt, syscall.SIGTERM)
	api, err := wayFor(ctx, s, say, client)
	if err != nil {
		stop()
		return nil, err
	}
	end := api.Close
	api.Close = func() { end(); stop() }
	api.Client.Notify = func(text string) { say.Note("%s", text) }
	return api, nil
}

// wayFor returns the way through the agent, or without one where that can be done.
func wayFor(ctx context.Context, s *settings.Settings, say *console.Messenger, client string) (*API, error) {
	session, err := Connect(s, say)
	if client != "" && session == nil && err == nil {
		session, err = Require(s, say) // its error says that no agent runs
	}
	switch {
	case err != nil:
		return nil, err
	case session != nil:
		if client, err = session.Be(s, client); err != nil {
			session.Close()
			return nil, err
		}
		return session.api(ctx, client)
	}
	tellOwnLogin(say, WhyAlone(s))
	return openAlone(ctx, s, say)
}

// WhyAlone says why a command works by itself, where Connect has returned nil.
func WhyAlone(s *settings.Settings) string {
	if overridden := overridden(s); len(overridden) > 0 {
		return given(overridden)
	}
	if value, ok := s.Override(config.Setting{Name: "socket"}); ok && value.Text == "none" {
		return value.From + " is none"
	}
	return NoAgent
}

// NoAgent is why most commands do their work by themselves.
const NoAgent = "no agent runs"

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

// CheckClient refuses settings of a profile together with a client, which is the agent's; client ""
// means none.
func CheckClient(s *settings.Settings, client string) error {
	if client == "" {
		return nil
	}
	if !s.Command.Flags().Changed("client") {
		return RefuseOverrides(s, ClientVariable+"="+client)
	}
	return RefuseOverrides(s, "--client "+client)
}

// RefuseOverrides refuses settings of a profile beside a flag that is about the agent.
func RefuseOverrides(s *settings.Settings, flag string) error {
	overridden := overridden(s)
	if len(overridden) == 0 {
		return nil
	}
	problem := agent.Problemf(agent.CodeSettings, "%s, but %s goes through the agent, which has its own settings", given(overridden), flag)
	first := remedy.Here().Unset(overridden...)
	if strings.HasPrefix(overridden[0], "--") {
		first = "leave out " + strings.Join(overridden, " ")
	}
	or := "leave " + strings.Fields(flag)[0] + " out"
	if name, _, isVariable := strings.Cut(flag, "="); isVariable {
		or = remedy.Here().Unset(name)
	}
	problem.Hints = []string{first + ", or " + or}
	return problem
}

// api goes through the agent.
func (a *Session) api(ctx context.Context, client string) (*API, error) {
	if a.Profile != "" {
		err := a.Prepare()
		problem, ok := errors.AsType[*agent.Problem](err)
		// Of a client the profile may be somebody else's to prepare.
		if err != nil && !(ok && client != "" && IsOthers(problem)) {
			a.Close()
			return nil, err
		}
	}
	return a.Ready(ctx, client), nil
}

// Ready returns the way to the API for a profile that needs nothing of a person.
func (a *Session) Ready(ctx context.Context, client string) *API {
	as := local.As{Profile: a.Profile, Client: client}
	return &API{ctx, settings.NewAPIClient(AgentURL, a.Client.Transport(as)), as, a.Close}
}

// IsOthers reports whether a profile is not this user's to use, or not known by that name.
func IsOthers(problem *agent.Problem) bool {
	return problem.Code == agent.CodeNotAllowed || problem.Code == agent.CodeUnknownProfile
}

// ProfileFor returns the profile that counts: for a client the one that it acts for, or "" if the
// configuration that this user can read does not have the client; with client "" that of the
// settings.
func ProfileFor(s *settings.Settings, client string) (string, error) {
	name := s.ProfileName()
	if client == "" {
		return name, nil
	}
	file, err := s.ReadConfig()
	if err != nil {
		return "", err
	}
	all := file.Clients()
	i := slices.IndexFunc(all, func(c *config.Client) bool { return c.Name == client })
	switch {
	case i < 0:
		return "", nil
	case all[i].Profile != name && (s.Profile != "" || name != "default"):
		problem := agent.Problemf(agent.CodeBadRequest, "client %s acts for profile %s, but profile %s was requested", client, all[i].Profile, name)
		problem.Hints = []string{"leave --profile (and ANAPLAN_AGENT_PROFILE) out: a client has one profile"}
		return "", problem
	}
	return all[i].Profile, nil
}

// InWords words a refusal by the agent for a person who types commands.
func (c *API) InWords(err error) error {
	problem, ok := errors.AsType[*agent.Problem](err)
	if !ok {
		return err
	}
	return forCommands(problem, c.As.Profile)
}

// openAlone logs in, keeps the token alive as the agent would, and ends it at Close.
func openAlone(ctx context.Context, s *settings.Settings, say *console.Messenger) (*API, error) {
	device.WatchModules()
	profile, err := s.Load()
	if err != nil {
		return nil, err
	}
	hosts, err := settings.HostsOf(profile)
	if err != nil {
		return nil, err
	}
	rules, err := settings.NewPolicy(profile)
	if err != nil {
		return nil, err
	}
	exchange, err := settings.NewClient(profile, nil)
	if err != nil {
		return nil, err
	}
	roots, err := settings.ReadRoots(profile.CAFile)
	if err != nil {
		return nil, err
	}
	keeper := agent.NewKeeper(agent.KeeperConfig{
		Sign: signAlone(s, exchange, say), Exchange: exchange, Explain: say.Errors().Problem, Timeout: profile.Timeout,
		Refused: func(err error) bool { return errors.Is(err, anaplan.ErrTokenRefused) },
	})
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var kept sync.WaitGroup
	kept.Go(func() { keeper.Run(running) })
	end := func() {
		logoutCtx, done := context.WithTimeout(running, login.LogoutTimeout)
		if err := keeper.Logout(logoutCtx); err != nil {
			say.Warn("the token could not be ended, and stays valid until it expires: %v", err)
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
	way := underPolicy(&proxy.Transport{Source: keeper, Base: proxy.NewBase(roots), Client: build.Program, Confirm: login.NewConfirmer(exchange).Confirm}, hosts.API, profile.Name, rules)
	client := settings.NewAPIClient(hosts.API, way)
	client.Audit = hosts.Audit()
	return &API{ctx, client, local.As{Profile: profile.Name}, end}, nil
}

// signAlone returns what signs a login in this process, while the command waits for it.
func signAlone(s *settings.Settings, exchange *anaplan.Client, say *console.Messenger) func(context.Context, bool, agent.NotifyFunc) (*agent.Login, error) {
	return func(ctx context.Context, attended bool, _ agent.NotifyFunc) (*agent.Login, error) {
		if !attended {
			return nil, agent.Problemf(agent.CodePINNeeded, "the login may need a person, and the next call asks one")
		}
		run, err := device.StartRun(ctx, s, say)
		if err != nil {
			return nil, err
		}
		defer run.End()
		return login.Sign(run, exchange)
	}
}

// AloneHelp ends the help of commands that hide the flags of a login.
const AloneHelp = `
And the flags of 'token', for a login without an agent: see anaplan-agent token --help.`

// HideLoginFlags leaves the flags of a login out of a command's help: they outnumber its own, and
// do nothing where an agent runs.
func HideLoginFlags(cmd *cobra.Command) {
	for _, setting := range slices.Concat(config.Settings(), []config.Setting{{Name: "pin_changed"}}) {
		if flag := cmd.Flags().Lookup(setting.Flag()); flag != nil {
			flag.Hidden = true
		}
	}
}

// CheckHost refuses a URL of another host than the profile's API: its path would go to a host that
// the user did not name.
func CheckHost(s *settings.Settings, target, client string) error {
	asked, err := url.Parse(target)
	if err != nil || asked.Host == "" || strings.HasPrefix(target, "/") {
		return nil
	}
	file, err := s.ReadConfig()
	if err != nil {
		return err
	}
	name, err := ProfileFor(s, client)
	if err != nil {
		return err
	}
	profile, err := s.ProfileIn(file, cmp.Or(name, s.ProfileName()))
	if err != nil {
		return err
	}
	hosts, err := settings.HostsOf(profile)
	if err != nil {
		return err
	}
	if api, err := url.Parse(hosts.Of(asked.EscapedPath())); err == nil && !strings.EqualFold(api.Host, asked.Host) {
		return explain.Usagef(s.Command.CommandPath(),
			"the URL names the host %s, but profile %s has that part of the API at %s; to call it there, give only the path", asked.Host, profile.Name, api.Host)
	}
	return nil
}

// AddClientFlag gives a command the flag that says as which client it goes through the agent.
func AddClientFlag(cmd *cobra.Command, client *string) {
	cmd.Flags().StringVar(client, "client", "", "act as client NAME, and under its policy (default: ANAPLAN_AGENT_CLIENT, else this user)")
}

// ClientVariable is the environment variable that does the same for all commands that a program
// calls.
const ClientVariable = "ANAPLAN_AGENT_CLIENT"

// RefuseClient refuses to give a client Anaplan's token, which no client gets.
func RefuseClient() error {
	client := os.Getenv(ClientVariable)
	if client == "" {
		return nil
	}
	problem := agent.Problemf(agent.CodeSettings, "%s says that this is the client %s, and clients are not given Anaplan's token", ClientVariable, client)
	problem.Hints = []string{"a token of the agent's own: " + build.Program + " exec --phantom -- PROGRAM", "to be the user again: " + remedy.Here().Unset(ClientVariable)}
	return problem
}

// ClientOf returns as which client a command goes through the agent.
func ClientOf(cmd *cobra.Command, client string) string {
	if cmd.Flags().Changed("client") {
		return client
	}
	return os.Getenv(ClientVariable)
}

// QueryOf returns the query of what a person has written as a path.
func QueryOf(target string) url.Values {
	_, query, _ := strings.Cut(target, "?")
	values, _ := url.ParseQuery(query)
	return values
}

// AgentURL stands for the agent where it is called on its socket.
const AgentURL = "http://" + build.Program

// PathOf returns the path of what a person has copied: a path, or a URL.
func PathOf(target string) string {
	target, _, _ = strings.Cut(target, "?")
	if strings.HasPrefix(target, "/") {
		return target
	}
	if u, err := url.Parse(target); err == nil && u.Host != "" {
		return u.EscapedPath()
	}
	return target
}
