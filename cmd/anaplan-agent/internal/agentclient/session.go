package agentclient

// The commands' side of the agent: whether one runs, and what it needs from the person who waits.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/login"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// Session is one command's conversation with the agent.
type Session struct {
	Ctx      context.Context
	Client   *local.Client
	Socket   string
	Profile  string
	deadline *console.Deadline
	resume   func() // of deadline, while a person is waited for; nil: nobody is
	say      *console.Messenger
	Close    func() // call it once
}

// ErrNoAgent says that a command that needs the agent found none.
var ErrNoAgent = errors.New("no agent runs")

// ErrNotShared says that the agent belongs to another user.
var ErrNotShared = errors.New("the agent's socket is not open to this user")

// errAgentEnded says that the agent went away while it was asked.
var errAgentEnded = errors.New("the agent has ended before it answered")

// errOverridden says that settings were given that the agent does not know.
var errOverridden = fmt.Errorf("%w: the agent takes these settings from its own configuration", settings.ErrSettings)

// Connect returns the session with the agent; nil if the command works by itself: where no agent
// runs and none is required, or where the command was given settings that are not the agent's. A
// socket given to this command requires an agent; one in the configuration says where an agent is,
// if one runs.
func Connect(s *settings.Settings, say *console.Messenger) (*Session, error) {
	own, err := ownAgent(s)
	if err != nil || own.Socket == "none" {
		return nil, err
	}
	if overridden := overridden(s); len(overridden) > 0 {
		if isGiven(s, "socket") {
			return nil, fmt.Errorf("%w: %s: leave that out, or bypass the agent with --socket none", errOverridden, strings.Join(overridden, ", "))
		}
		return nil, nil
	}
	session, err := ConnectTo(s, own.Socket, say)
	if errors.Is(err, ErrNoAgent) && !isGiven(s, "socket") {
		return nil, nil
	}
	return session, err
}

// Require is Connect for commands that need the agent.
func Require(s *settings.Settings, say *console.Messenger) (*Session, error) {
	own, err := ownAgent(s)
	if err != nil {
		return nil, err
	}
	if own.Socket == "none" {
		return nil, fmt.Errorf("%w: socket is \"none\"", ErrNoAgent)
	}
	session, err := ConnectTo(s, own.Socket, say)
	if session == nil && err == nil {
		for _, socket := range paths.UsualSockets() { // another user's agent explains more than none
			if err := CheckSocket(socket); errors.Is(err, ErrNotShared) {
				return nil, err
			}
		}
		err = fmt.Errorf("%w: nobody listens at %s", ErrNoAgent, strings.Join(paths.UsualSockets(), " or "))
	}
	return session, err
}

// ConnectTo returns the session with the agent at socket, or at the first of the usual sockets
// where one runs; nil if none does.
func ConnectTo(s *settings.Settings, socket string, say *console.Messenger) (*Session, error) {
	if socket != "" {
		if err := CheckSocket(socket); err != nil {
			return nil, err
		}
		return converse(s, socket, say), nil
	}
	for _, socket := range paths.UsualSockets() {
		switch err := CheckSocket(socket); {
		case err == nil:
			return converse(s, socket, say), nil
		case errors.Is(err, local.ErrSocketGone): // a login beside it would be one too many
			return nil, err
		}
	}
	return nil, nil
}

// socketPatience is how long an agent is given to make its socket, or to make it anew where
// somebody has removed it.
const (
	socketTimeout = 3 * time.Second
	socketPause   = 20 * time.Millisecond
)

// CheckSocket returns nil if an agent listens at a socket, also if its queue is full: the client
// waits for a place in it, since a login of its own would only add load.
func CheckSocket(path string) error {
	for deadline := time.Now().Add(socketTimeout); ; time.Sleep(socketPause) {
		err := knock(path)
		switch {
		case !errors.Is(err, ErrNoAgent) || !local.RunsWithoutSocket(path):
			return err
		case time.Now().After(deadline):
			return fmt.Errorf("%w: %s", local.ErrSocketGone, path)
		}
	}
}

// knock is CheckSocket at one moment.
func knock(path string) error {
	conn, err := net.Dial("unix", path)
	switch {
	case err == nil:
		conn.Close()
		return nil
	case errors.Is(err, syscall.EAGAIN):
		return nil
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: %s", ErrNotShared, path)
	}
	return fmt.Errorf("%w: nobody listens at %s", ErrNoAgent, path)
}

// converse begins the conversation.
func converse(s *settings.Settings, socket string, say *console.Messenger) *Session {
	ctx, deadline, end := console.WithDeadline(s.Command.Context(), answerTime(s))
	client := local.NewClient(socket)
	return &Session{Ctx: ctx, Client: client, Socket: socket, Profile: s.ProfileName(), deadline: deadline, say: say, Close: func() {
		end()
		client.Close()
	}}
}

// answerTime is how long to wait for the agent: as long as it may take itself, and some more, so
// that its error about that arrives.
func answerTime(s *settings.Settings) time.Duration {
	const more = 15 * time.Second
	if value, ok := s.Override(config.Setting{Name: "timeout"}); ok {
		if limit, err := time.ParseDuration(value.Text); err == nil {
			return limit
		}
	}
	if profile, err := s.Load(); err == nil {
		return profile.Timeout*time.Duration(max(1, len(profile.Keys))) + more
	}
	return time.Minute + more
}

// overridden names the settings of a profile that flags or environment give. With them
// the command means something else than the agent's profile of that name.
func overridden(s *settings.Settings) (names []string) {
	for _, setting := range config.Settings() {
		if value, ok := s.Override(setting); ok && setting.Name != "timeout" {
			names = append(names, value.From)
		}
	}
	if s.PINChanged {
		names = append(names, "--pin-changed")
	}
	if s.Unrecorded {
		names = append(names, "--pin-unrecorded")
	}
	return names
}

// isGiven reports whether a flag or a variable gives a setting of the agent.
func isGiven(s *settings.Settings, name string) bool {
	_, ok := s.Override(config.Setting{Name: name})
	return ok
}

// notify tells the person what the agent says. The time that a person takes does not count.
func (a *Session) notify(notice agent.Notice) {
	switch notice.Kind {
	case agent.NoticeTouch:
		a.say.Now(notice.Message)
		a.pause()
	case agent.NoticePerson:
		a.pause()
	case agent.NoticeTouchOver, agent.NoticeWorking:
		a.unpause()
	case agent.NoticeWarning:
		a.say.Warn("%s", notice.Message)
	default:
		a.say.Note("%s", notice.Message)
	}
}

// pause and unpause stop and start the clock. The agent may tell of a touch twice.
func (a *Session) pause() {
	if a.resume == nil {
		a.resume = a.deadline.Pause()
	}
}

func (a *Session) unpause() {
	if a.resume != nil {
		a.resume()
		a.resume = nil
	}
}

// Token returns the profile's token.
func (a *Session) Token() (token local.Token, err error) {
	err = a.withPIN(func(secret []byte, word local.UnlockOptions) (err error) {
		if secret != nil {
			if _, err := a.Client.UnlockWith(a.Ctx, a.Profile, secret, word, a.notify); err != nil {
				return err
			}
		}
		token, err = a.Client.Token(a.Ctx, a.Profile, a.notify)
		return err
	})
	return token, err
}

// Phantom returns a phantom token of the profile, or of a client; and the address of the
// agent's TCP port, "" for none.
func (a *Session) Phantom(client string) (token local.Phantom, address string, err error) {
	as := local.As{Profile: a.Profile, Client: client}
	ask := func(secret []byte, word local.UnlockOptions) (err error) {
		if secret != nil {
			if _, err := a.Client.UnlockWith(a.Ctx, a.Profile, secret, word, a.notify); err != nil {
				return err
			}
		}
		token, err = a.Client.Phantom(a.Ctx, as, a.notify)
		return err
	}
	if a.Profile == "" { // then it is not known whose PIN to ask for
		err = a.InTime(ask(nil, local.UnlockOptions{}))
	} else {
		err = a.withPIN(ask)
	}
	if err != nil {
		return local.Phantom{}, "", err
	}
	status, err := a.Client.Status(a.Ctx)
	return token, status.Address, a.InTime(err)
}

// Prepare makes sure that the profile has a token, and asks the person for what that takes.
func (a *Session) Prepare() error {
	return a.withPIN(func(secret []byte, word local.UnlockOptions) error {
		if secret != nil {
			if _, err := a.Client.UnlockWith(a.Ctx, a.Profile, secret, word, a.notify); err != nil {
				return err
			}
		}
		return a.Client.Prepare(a.Ctx, a.Profile, a.notify)
	})
}

// Login has the agent log in again.
func (a *Session) Login() (token local.Token, err error) {
	err = a.withPIN(func(secret []byte, word local.UnlockOptions) (err error) {
		if secret != nil {
			token, err = a.Client.UnlockWith(a.Ctx, a.Profile, secret, word, a.notify)
		} else {
			token, err = a.Client.Login(a.Ctx, a.Profile, a.notify)
		}
		return err
	})
	return token, err
}

// Unlock lifts a lock and has the agent log in. changed says that the PIN that was refused is
// right. Otherwise the person may type one in place of a PIN that is not sent again.
func (a *Session) Unlock(changed bool) (token local.Token, err error) {
	call := func(secret []byte, word local.UnlockOptions) (err error) {
		word.PINChanged = changed && secret == nil
		token, err = a.Client.UnlockWith(a.Ctx, a.Profile, secret, word, a.notify)
		return err
	}
	err = a.withPIN(call)
	problem, ok := errors.AsType[*agent.Problem](err)
	if ok && problem.Code == agent.CodePINRefused && problem.PIN != nil && !changed {
		a.say.Note("%s", problem.Message)
		err = a.withTyped(problem, call)
	}
	return token, atTerminal(err)
}

// atTerminal replaces a hint to call unlock, where unlock itself failed for want of a terminal.
func atTerminal(err error) error {
	problem, ok := errors.AsType[*agent.Problem](err)
	if !ok || problem.Code != agent.CodePINNeeded {
		return err
	}
	told := *problem
	told.Hints = slices.Clone(problem.Hints)
	for i, hint := range told.Hints {
		if strings.HasPrefix(hint, build.Program+" unlock") {
			told.Hints[i] = "run it on a terminal: it asks for the PIN there"
		}
	}
	return &told
}

// withPIN calls the agent, without a PIN. Where that says that it needs one the person at
// this terminal is asked for it, once, and it is called with it.
func (a *Session) withPIN(call func(secret []byte, word local.UnlockOptions) error) error {
	err := a.InTime(call(nil, local.UnlockOptions{}))
	problem, ok := errors.AsType[*agent.Problem](err)
	if !ok || problem.Code != agent.CodePINNeeded || problem.PIN == nil {
		return err
	}
	return a.withTyped(problem, call)
}

// withTyped calls the agent with a PIN that the person at this terminal types, or returns the
// problem if there is none.
func (a *Session) withTyped(problem *agent.Problem, call func(secret []byte, word local.UnlockOptions) error) error {
	secret, err := a.askPIN(problem.PIN)
	switch {
	case errors.Is(err, console.ErrNoTerminal):
		return problem // it says what else can be done
	case err != nil:
		return err
	}
	defer clear(secret)
	return a.InTime(call(secret, local.UnlockOptions{LastTry: problem.PIN.LastTry != ""}))
}

// askPIN asks the person at this terminal.
func (a *Session) askPIN(prompt *agent.PINPrompt) ([]byte, error) {
	terminal, err := console.OpenTerminal()
	if err != nil {
		return nil, err
	}
	defer terminal.Close()
	defer a.deadline.Pause()()
	if prompt.LastTry != "" {
		if err := pin.ConfirmLastTry(a.Ctx, terminal, prompt.LastTry); err != nil {
			return nil, err
		}
	}
	return AskPIN(a.Ctx, terminal, prompt.Question)
}

// AskPIN asks on the terminal, and returns what can be a PIN.
func AskPIN(ctx context.Context, terminal *console.Terminal, question string) ([]byte, error) {
	text, err := terminal.AskSecret(ctx, question)
	if err != nil {
		return nil, err
	}
	typed, err := pin.Judge(text, pin.Place(config.PINSource{Kind: config.PINPrompt}))
	if err != nil {
		clear(text)
	}
	return typed, err
}

// InTime words the error of a call: that the time was up, that the agent ended, or what the agent
// refused.
func (a *Session) InTime(err error) error {
	switch {
	case err != nil && a.Ctx.Err() != nil:
		return fmt.Errorf("the agent did not answer: %w", context.Cause(a.Ctx))
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
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

// RunE returns the cobra.Command.RunE of a command that needs the agent.
func RunE(s *settings.Settings, say *console.Messenger, work func(*Session) error) func(*cobra.Command, []string) error {
	return func(*cobra.Command, []string) error {
		session, err := Require(s, say)
		if err != nil {
			return err
		}
		defer session.Close()
		return work(session)
	}
}

// Profiles returns the profiles that a command is for: the one that is named, or all of
// the agent's that this user may use.
func (a *Session) Profiles(all bool) ([]string, error) {
	if !all {
		return []string{a.Profile}, nil
	}
	status, err := a.Client.Status(a.Ctx)
	if err != nil {
		return nil, a.InTime(err)
	}
	var names []string
	for _, profile := range status.Profiles {
		names = append(names, profile.Name)
	}
	return slices.Sorted(slices.Values(names)), nil
}

// Reload has the agent read its configuration again, and warns of what does not take effect.
func (a *Session) Reload() error {
	warnings, err := a.Client.Reload(a.Ctx)
	if err != nil {
		return a.InTime(err)
	}
	for _, warning := range warnings {
		a.say.Warn("%s", warning)
	}
	return nil
}

// LogoutPhantom ends a phantom token at the agent that has issued it: Anaplan knows nothing of it.
func LogoutPhantom(s *settings.Settings, say *console.Messenger, token agent.Token) error {
	session, err := Require(s, say)
	if err != nil {
		return fmt.Errorf("the token is a phantom token, which only its agent can end: %w", err)
	}
	defer session.Close()
	if err := session.Client.EndPhantom(session.Ctx, local.Phantom{Value: token.Value}); err != nil {
		return session.InTime(err)
	}
	say.Note("the phantom token is ended")
	return nil
}

// Logout ends the agent's token.
func (a *Session) Logout() error {
	if err := a.Client.Logout(a.Ctx, a.Profile); err != nil {
		switch agent.ProblemOf(err).Code {
		case agent.CodeServerRefused, agent.CodeUnreachable, agent.CodeRateLimited:
			a.say.Warn("the agent no longer hands out the token, but it may stay valid until it expires; another logout tries again to end it")
		}
		return a.InTime(err)
	}
	a.say.Note("profile %q is logged out", a.Profile)
	return nil
}

// PrintToken prints the agent's token. It does not end one that nobody gets: others use it too.
func (a *Session) PrintToken(format string) error {
	if err := console.CheckStdout(); err != nil {
		return err
	}
	token, err := a.Token()
	if err != nil {
		return err
	}
	return console.PrintResult(login.FormatToken(agent.Token{Value: token.Value, ID: token.ID, ExpiresAt: token.ExpiresAt}, format))
}
