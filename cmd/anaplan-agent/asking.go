package main

// The commands' side of the agent: whether there is one to ask, what it needs from the
// person who waits, and how that is said.

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/spf13/cobra"
)

// asking is one command's conversation with the agent.
type asking struct {
	ctx      context.Context
	client   *local.Client
	socket   string
	profile  string
	patience *patience
	resume   func() // of patience, while a person is waited for; nil: nobody is
	say      *messenger
	end      func() // call it once
}

// errNoAgent says that a command that is for the agent found none.
var errNoAgent = errors.New("no agent runs")

// errNotShared says that an agent is somebody else's.
var errNotShared = errors.New("the agent's socket is not open to this user")

// errAgentEnded says that the agent went away while it was asked.
var errAgentEnded = errors.New("the agent has ended before it answered")

// errOverridden says that settings were given that the agent knows nothing of.
var errOverridden = fmt.Errorf("%w: what the agent has from its own configuration cannot be given to a command", errSettings)

// askAgent returns the conversation with the agent that a command shall ask; nil if the
// command is to do its work by itself: where no agent runs and none was asked for, or
// where it was given settings that are not the agent's. A socket that is named for this command
// asks for an agent; one in the configuration says where an agent is, if one runs.
func (s *settings) askAgent(say *messenger) (*asking, error) {
	own, err := s.agent()
	if err != nil || own.Socket == "none" {
		return nil, err
	}
	if overridden := s.overridden(); len(overridden) > 0 {
		if s.isGiven("socket") {
			return nil, fmt.Errorf("%w: %s: leave that out, or say --socket none to do without the agent", errOverridden, strings.Join(overridden, ", "))
		}
		return nil, nil
	}
	asking, err := s.firstRunning(own.Socket, say)
	if errors.Is(err, errNoAgent) && !s.isGiven("socket") {
		return nil, nil
	}
	return asking, err
}

// mustAskAgent is askAgent for commands that are for the agent and for nothing else.
func (s *settings) mustAskAgent(say *messenger) (*asking, error) {
	own, err := s.agent()
	if err != nil {
		return nil, err
	}
	if own.Socket == "none" {
		return nil, fmt.Errorf("%w: socket is \"none\"", errNoAgent)
	}
	asking, err := s.firstRunning(own.Socket, say)
	if asking == nil && err == nil {
		for _, socket := range usualSockets() { // one that is somebody else's explains more than none
			if err := findAgent(socket); errors.Is(err, errNotShared) {
				return nil, err
			}
		}
		err = fmt.Errorf("%w: nobody listens at %s", errNoAgent, strings.Join(usualSockets(), " or "))
	}
	return asking, err
}

// firstRunning returns the conversation with the agent at socket, or at the first of the
// usual ones where one runs; nil if there is none.
func (s *settings) firstRunning(socket string, say *messenger) (*asking, error) {
	if socket != "" {
		if err := findAgent(socket); err != nil {
			return nil, err
		}
		return s.converse(socket, say), nil
	}
	for _, socket := range usualSockets() {
		switch err := findAgent(socket); {
		case err == nil:
			return s.converse(socket, say), nil
		case errors.Is(err, local.ErrSocketGone): // a login beside it would be one too many
			return nil, err
		}
	}
	return nil, nil
}

// socketPatience is how long an agent is given to make its socket, or to make it anew where
// somebody has removed it.
const (
	socketPatience = 3 * time.Second
	socketPause    = 20 * time.Millisecond
)

// findAgent returns nil if somebody listens at a socket. So it is where too many wait in
// its queue: the client waits for a place there, and a login of its own would be one more
// for each of them.
func findAgent(path string) error {
	for deadline := time.Now().Add(socketPatience); ; time.Sleep(socketPause) {
		err := knock(path)
		switch {
		case !errors.Is(err, errNoAgent) || !local.RunsWithoutSocket(path):
			return err
		case time.Now().After(deadline):
			return fmt.Errorf("%w: %s", local.ErrSocketGone, path)
		}
	}
}

// knock is findAgent at one moment.
func knock(path string) error {
	conn, err := net.Dial("unix", path)
	switch {
	case err == nil:
		conn.Close()
		return nil
	case errors.Is(err, syscall.EAGAIN):
		return nil
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: %s", errNotShared, path)
	}
	return fmt.Errorf("%w: nobody listens at %s", errNoAgent, path)
}

// converse begins the conversation.
func (s *settings) converse(socket string, say *messenger) *asking {
	ctx, patience, end := withPatience(s.command.Context(), s.answerTime())
	client := local.NewClient(socket)
	return &asking{ctx: ctx, client: client, socket: socket, profile: s.profileName(), patience: patience, say: say, end: func() {
		end()
		client.Close()
	}}
}

// answerTime is how long the agent is waited for: as long as it may take itself, and some
// more, so that its words about it arrive.
func (s *settings) answerTime() time.Duration {
	const more = 15 * time.Second
	if value, ok := s.override(config.Setting{Name: "timeout"}); ok {
		if limit, err := time.ParseDuration(value.Text); err == nil {
			return limit
		}
	}
	if profile, err := s.load(); err == nil {
		return profile.Timeout*time.Duration(max(1, len(profile.Keys))) + more
	}
	return time.Minute + more
}

// overridden names the settings of a profile that flags or environment give. With them
// the command means something else than the agent's profile of that name.
func (s *settings) overridden() (names []string) {
	for _, setting := range config.Settings() {
		if value, ok := s.override(setting); ok && setting.Name != "timeout" {
			names = append(names, value.From)
		}
	}
	if s.pinChanged {
		names = append(names, "--pin-changed")
	}
	if s.unrecorded {
		names = append(names, "--pin-unrecorded")
	}
	return names
}

// isGiven reports whether a flag or a variable gives a setting of the agent.
func (s *settings) isGiven(name string) bool {
	_, ok := s.override(config.Setting{Name: name})
	return ok
}

// notify tells the person what the agent has to tell. The time that a person takes is not
// the agent's.
func (a *asking) notify(notice agent.Notice) {
	switch notice.Kind {
	case agent.NoticeTouch:
		a.say.now(notice.Message)
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
func (a *asking) pause() {
	if a.resume == nil {
		a.resume = a.patience.pause()
	}
}

func (a *asking) unpause() {
	if a.resume != nil {
		a.resume()
		a.resume = nil
	}
}

// token returns the profile's token.
func (a *asking) token() (token local.Token, err error) {
	err = a.withPIN(func(pin []byte, word local.Word) (err error) {
		if pin != nil {
			if _, err := a.client.UnlockWith(a.ctx, a.profile, pin, word, a.notify); err != nil {
				return err
			}
		}
		token, err = a.client.Token(a.ctx, a.profile, a.notify)
		return err
	})
	return token, err
}

// phantom returns a phantom token of the profile, or of a client; and the address of the
// agent's TCP port, "" for none.
func (a *asking) phantom(client string) (token local.Phantom, address string, err error) {
	as := local.As{Profile: a.profile, Client: client}
	ask := func(pin []byte, word local.Word) (err error) {
		if pin != nil {
			if _, err := a.client.UnlockWith(a.ctx, a.profile, pin, word, a.notify); err != nil {
				return err
			}
		}
		token, err = a.client.Phantom(a.ctx, as, a.notify)
		return err
	}
	if a.profile == "" { // and then nobody knows whose PIN to ask for
		err = a.inTime(ask(nil, local.Word{}))
	} else {
		err = a.withPIN(ask)
	}
	if err != nil {
		return local.Phantom{}, "", err
	}
	status, err := a.client.Status(a.ctx)
	return token, status.Address, a.inTime(err)
}

// prepare sees to it that the profile has a token, and asks the person for what that takes.
func (a *asking) prepare() error {
	return a.withPIN(func(pin []byte, word local.Word) error {
		if pin != nil {
			if _, err := a.client.UnlockWith(a.ctx, a.profile, pin, word, a.notify); err != nil {
				return err
			}
		}
		return a.client.Prepare(a.ctx, a.profile, a.notify)
	})
}

// login has the agent log in anew.
func (a *asking) login() (token local.Token, err error) {
	err = a.withPIN(func(pin []byte, word local.Word) (err error) {
		if pin != nil {
			token, err = a.client.UnlockWith(a.ctx, a.profile, pin, word, a.notify)
		} else {
			token, err = a.client.Login(a.ctx, a.profile, a.notify)
		}
		return err
	})
	return token, err
}

// unlock lifts a lock, and has the agent log in. changed: the PIN which was not taken is the
// right one. Otherwise a person who unlocks may type one in place of one that is not sent.
func (a *asking) unlock(changed bool) (token local.Token, err error) {
	call := func(pin []byte, word local.Word) (err error) {
		word.PINChanged = changed && pin == nil
		token, err = a.client.UnlockWith(a.ctx, a.profile, pin, word, a.notify)
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

// atTerminal has a hint of unlock's that says to call unlock, on a terminal, say what is missing.
func atTerminal(err error) error {
	problem, ok := errors.AsType[*agent.Problem](err)
	if !ok || problem.Code != agent.CodePINNeeded {
		return err
	}
	told := *problem
	told.Hints = slices.Clone(problem.Hints)
	for i, hint := range told.Hints {
		if strings.HasPrefix(hint, program+" unlock") {
			told.Hints[i] = "run it on a terminal: it asks for the PIN there"
		}
	}
	return &told
}

// withPIN calls the agent, without a PIN. Where that says that it needs one the person at
// this terminal is asked for it, once, and it is called with it.
func (a *asking) withPIN(call func(pin []byte, word local.Word) error) error {
	err := a.inTime(call(nil, local.Word{}))
	problem, ok := errors.AsType[*agent.Problem](err)
	if !ok || problem.Code != agent.CodePINNeeded || problem.PIN == nil {
		return err
	}
	return a.withTyped(problem, call)
}

// withTyped calls the agent with a PIN that the person at this terminal types, or returns the
// problem if there is none.
func (a *asking) withTyped(problem *agent.Problem, call func(pin []byte, word local.Word) error) error {
	pin, err := a.askPIN(problem.PIN)
	switch {
	case errors.Is(err, console.ErrNoTerminal):
		return problem // it says what else can be done
	case err != nil:
		return err
	}
	defer clear(pin)
	return a.inTime(call(pin, local.Word{LastTry: problem.PIN.LastTry != ""}))
}

// askPIN asks the person at this terminal.
func (a *asking) askPIN(prompt *agent.PINPrompt) ([]byte, error) {
	terminal, err := console.OpenTerminal()
	if err != nil {
		return nil, err
	}
	defer terminal.Close()
	defer a.patience.pause()()
	if prompt.LastTry != "" {
		if err := pin.ConfirmLastTry(a.ctx, terminal, prompt.LastTry); err != nil {
			return nil, err
		}
	}
	return askPIN(a.ctx, terminal, prompt.Question)
}

// askPIN asks on the terminal, and returns what can be a PIN.
func askPIN(ctx context.Context, terminal *console.Terminal, question string) ([]byte, error) {
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

// inTime puts the limit into an error of a call that it has ended, or the agent's own end.
func (a *asking) inTime(err error) error {
	switch {
	case err != nil && a.ctx.Err() != nil:
		return fmt.Errorf("the agent did not answer: %w", context.Cause(a.ctx))
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return fmt.Errorf("%w: %w", errAgentEnded, err)
	}
	if problem, ok := errors.AsType[*agent.Problem](err); ok {
		return forCommands(problem, a.profile)
	}
	return err
}

// agentCommands are in hints, and are about a profile.
var agentCommands = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(program + ` (unlock|login|logout|lock)\b`)
})

// forCommands returns a problem with hints for who types commands, about the profile that it
// is a problem of: the agent's own are for programs, too, and leave the profile out.
func forCommands(problem *agent.Problem, profile string) *agent.Problem {
	told := *problem
	told.Hints = nil
	for _, hint := range problem.Hints {
		switch {
		case strings.HasPrefix(hint, "/v1/status "):
			hint = program + " status lists those that you may use"
		case strings.HasPrefix(hint, "/v1/reload "):
			hint = "was it just added? " + program + " reload"
		case profile != "" && profile != "default" && !strings.Contains(hint, "--profile"):
			hint = agentCommands().ReplaceAllString(hint, "$0 --profile "+profile)
		}
		told.Hints = append(told.Hints, hint)
	}
	if problem.Code == agent.CodeNotAllowed && strings.Contains(problem.Message, " may not be the client ") && len(told.Hints) == 0 {
		told.Hints = []string{"was it just added? " + program + " reload"}
	}
	return &told
}

// toAgent returns the body of a command that is for the agent only.
func toAgent(settings *settings, say *messenger, work func(*asking) error) func(*cobra.Command, []string) error {
	return func(*cobra.Command, []string) error {
		asking, err := settings.mustAskAgent(say)
		if err != nil {
			return err
		}
		defer asking.end()
		return work(asking)
	}
}

// profilesOf returns the profiles that a command is for: the one that is named, or all of
// the agent's that this user may use.
func (a *asking) profilesOf(all bool) ([]string, error) {
	if !all {
		return []string{a.profile}, nil
	}
	status, err := a.client.Status(a.ctx)
	if err != nil {
		return nil, a.inTime(err)
	}
	var names []string
	for _, profile := range status.Profiles {
		names = append(names, profile.Name)
	}
	return slices.Sorted(slices.Values(names)), nil
}

// isTerminal reports whether a stream is a terminal.
func isTerminal(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
