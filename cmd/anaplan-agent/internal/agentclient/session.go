package agentclient

// The commands' side of the agent: whether one runs, and what it needs from the person who waits.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/authority"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/login"
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

// notSharedError is ErrNotShared of one socket.
type notSharedError struct{ socket string }

func (e *notSharedError) Error() string { return fmt.Sprintf("%v: %s", ErrNotShared, e.socket) }

func (e *notSharedError) Unwrap() error { return ErrNotShared }

// errAgentEnded says that the agent went away while it was asked.
var errAgentEnded = errors.New("the agent has ended before it answered")

// errOverridden says that settings were given that the agent does not know.
var errOverridden = fmt.Errorf("%w: the agent takes these settings from its own configuration", settings.ErrSettings)

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

// CA returns the agent's CA as PEM, or a new one.
func (a *Session) CA(renew bool) ([]byte, error) {
	ask := a.Client.CA
	if renew {
		ask = a.Client.RenewCA
	}
	bundle, err := ask(a.Ctx)
	if err != nil {
		return nil, a.InTime(err)
	}
	if err := authority.Check(bundle); err != nil {
		return nil, a.notAgent("its CA", err)
	}
	return bundle, nil
}

// errNotAgent says that something else answers at the socket.
var errNotAgent = errors.New("what answers is not an anaplan-agent")

// notAgent says who has answered instead of an agent.
func (a *Session) notAgent(wanted string, err error) error {
	who := ""
	if conn, failed := a.Client.Dial(a.Ctx); failed == nil {
		defer conn.Close()
		if peer, failed := local.PeerOf(conn); failed == nil && peer.PID > 0 {
			who = strings.TrimSuffix(fmt.Sprintf(" (process %d, %s", peer.PID, peer.Executable()), ", ") + ")"
		}
	}
	return fmt.Errorf("%w at %s%s: it was asked for %s, and in the answer %w", errNotAgent, a.Socket, who, wanted, err)
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
