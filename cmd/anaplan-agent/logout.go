package main

// The end of a token, and where commands find a token that exists already. A token is
// never an argument: every user of a machine can read every command line.

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/phantom"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/spf13/cobra"
)

const logoutHelp = `logout ends a token at once, instead of when its time is up.

The token comes from the environment variable ANAPLAN_TOKEN, where
'token --output env' has put it, or from where --token-from says. Without either it is
the agent's token of the profile that is ended, for all who use it. If that fails the
agent hands it out no more, and the next logout tries again. Of a profile with a
policy only root and the agent's user may do that.`

// tokenVariable is the environment variable that holds a token for scripts. It has
// no prefix of settings: a token is no setting, and no profile may hold one.
const tokenVariable = "ANAPLAN_TOKEN"

// errTokenSource says that no token was found where it should be. A token that was
// found and is of no use is anaplan.ErrTokenRefused, by the server's word.
var errTokenSource = errors.New("no token to be had")

// newLogoutCommand returns the logout command.
func newLogoutCommand(say *messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "logout",
		Short: "end a token",
		Long:  logoutHelp,
		Args:  noArguments,
	}
	// No setting of the device: a token is ended without the key that it came from.
	settings := addSettings(cmd, serverSettings, socketSettings)
	from := addTokenFrom(cmd, "env:"+tokenVariable)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if _, ok := os.LookupEnv(tokenVariable); !ok && !cmd.Flags().Changed("token-from") {
			asking, err := settings.askAgent(say)
			if err != nil {
				return err
			}
			if asking != nil {
				defer asking.end()
				return asking.logout()
			}
		}
		profile, err := settings.load()
		if err != nil {
			return err
		}
		// The client first: wrong settings are told before a token is read from a pipe,
		// which can be read once.
		client, err := newClient(profile, nil)
		if err != nil {
			return err
		}
		token, err := readToken(*from)
		if err != nil {
			return err
		}
		if phantom.Is(token.Value.Reveal()) {
			return settings.logoutPhantom(say, token)
		}
		// Nobody is asked here, so a plain deadline does.
		ctx, cancel := context.WithTimeout(cmd.Context(), profile.Timeout)
		defer cancel()
		if err := client.Logout(ctx, token); err != nil {
			return err
		}
		say.Note("the token is ended")
		return nil
	}
	return cmd
}

// logoutPhantom ends a phantom token at the agent that has issued it: Anaplan knows nothing of it.
func (s *settings) logoutPhantom(say *messenger, token agent.Token) error {
	asking, err := s.mustAskAgent(say)
	if err != nil {
		return fmt.Errorf("the token is a phantom token, which only its agent can end: %w", err)
	}
	defer asking.end()
	if err := asking.client.EndPhantom(asking.ctx, local.Phantom{Value: token.Value}); err != nil {
		return asking.inTime(err)
	}
	say.Note("the phantom token is ended")
	return nil
}

// logout ends the agent's token.
func (a *asking) logout() error {
	if err := a.client.Logout(a.ctx, a.profile); err != nil {
		switch agent.ProblemOf(err).Code {
		case agent.CodeServerRefused, agent.CodeUnreachable, agent.CodeRateLimited:
			a.say.Warn("the agent hands out the token no more, but it may be good until its time is up: another logout tries again to end it")
		}
		return a.inTime(err)
	}
	a.say.Note("profile %q is logged out", a.profile)
	return nil
}

// addTokenFrom gives cmd the flag that says where a token is.
func addTokenFrom(cmd *cobra.Command, fallback string) *string {
	return cmd.Flags().String("token-from", fallback, "where the token is: env:NAME, file:PATH, or - for standard input")
}

// readToken reads a token: the bare value, as 'token' prints it, or after the
// scheme of its header, so that what 'token --output header' has written is taken
// too. errTokenSource if there is none.
func readToken(from string) (agent.Token, error) {
	text, err := readTokenText(from)
	if err != nil {
		return agent.Token{}, err
	}
	// The last word is the token in "Authorization: AnaplanAuthToken TOKEN" as well.
	fields := bytes.Fields(text)
	if len(fields) == 0 {
		if from == "-" {
			from = "standard input"
		}
		return agent.Token{}, fmt.Errorf("%w: %s is empty", errTokenSource, from)
	}
	return agent.Token{Value: agent.NewSecret(fields[len(fields)-1])}, nil
}

// readTokenText reads what stands where --token-from says. An error does not show
// the flag's value, for it may be a token.
func readTokenText(from string) ([]byte, error) {
	kind, name, _ := strings.Cut(from, ":")
	switch {
	case from == "-":
		return readInput("-")
	case kind == "file" && name != "":
		text, err := readInput(name)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errTokenSource, err)
		}
		return text, nil
	case kind == "env" && name != "":
		text, err := console.ReadSecretEnv(name)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errTokenSource, err)
		}
		return text, nil
	}
	return nil, fmt.Errorf("%w: --token-from is env:NAME, file:PATH, or -; a token itself must not stand on the command line", errTokenSource)
}
