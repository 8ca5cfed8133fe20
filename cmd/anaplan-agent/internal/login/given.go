package login

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

// TokenVariable is the environment variable that holds a token for scripts. It does not have the
// prefix of settings: a token is not a setting, and no profile may hold one.
const TokenVariable = "ANAPLAN_TOKEN"

// errTokenSource says that no token was found where it should be. A useless token is
// anaplan.ErrTokenRefused, once the server says so.
var errTokenSource = errors.New("no token available")

// AddTokenFrom gives cmd the flag that says where a token is.
func AddTokenFrom(cmd *cobra.Command, fallback string) *string {
	return cmd.Flags().String("token-from", fallback, "where the token is: env:NAME, file:PATH, or - for standard input")
}

// ReadToken reads a token: the bare value, as 'token' prints it, or after the
// scheme of its header, so that what 'token --output header' has written is taken
// too. errTokenSource if there is none.
func ReadToken(from string) (agent.Token, error) {
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
		return console.ReadText("-")
	case kind == "file" && name != "":
		text, err := console.ReadText(name)
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
