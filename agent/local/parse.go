package local

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// errNonsense is an answer that no agent gives. The answer itself is not shown, for there
// may be a token in it; nor are the errors of encoding/json, which quote it.
var errNonsense = errors.New("the agent's answer makes no sense")

// ParseToken reads the answer of /v1/token, or of /v1/login, which has no token in it.
func ParseToken(answer []byte) (Token, error) {
	var fields struct {
		Profile    string    `json:"profile"`
		Token      string    `json:"token"`
		ExpiresAt  time.Time `json:"expires_at"`
		Generation uint64    `json:"generation"`
		TokenID    string    `json:"token_id"`
	}
	switch err := json.Unmarshal(answer, &fields); {
	case err != nil:
		return Token{}, errNonsense
	case fields.Profile == "" || fields.Generation == 0 || fields.ExpiresAt.IsZero():
		return Token{}, fmt.Errorf("%w: the profile, the generation or the expiry is missing", errNonsense)
	case !isHeaderText(fields.Token):
		return Token{}, fmt.Errorf("%w: its token does not fit a header", errNonsense)
	}
	token := Token{Profile: fields.Profile, ID: fields.TokenID, ExpiresAt: fields.ExpiresAt, Generation: fields.Generation}
	if fields.Token != "" {
		token.Value = agent.NewSecret(fields.Token)
	}
	return token, nil
}

// isHeaderText reports whether a token can go into a header or an environment variable.
func isHeaderText(text string) bool {
	return strings.IndexFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) < 0
}

// parseStatus reads the answer of /v1/status.
func parseStatus(answer []byte) (Status, error) {
	var status Status
	if err := json.Unmarshal(answer, &status); err != nil || status.PID == 0 {
		return Status{}, errNonsense
	}
	return status, nil
}

func parseReload(answer []byte) (warnings []string, err error) {
	var reload ReloadAnswer
	if err := json.Unmarshal(answer, &reload); err != nil {
		return nil, errNonsense
	}
	return reload.Warnings, nil
}

func parseStop(answer []byte) (pid int, err error) {
	var stop StopAnswer
	if err := json.Unmarshal(answer, &stop); err != nil || stop.PID <= 0 {
		return 0, errNonsense
	}
	return stop.PID, nil
}

// ParseProblem reads the answer of any other HTTP status than success. Its error is an
// [*agent.Problem] if the answer makes sense.
func ParseProblem(status int, answer []byte) error {
	var problem agent.Problem
	if err := json.Unmarshal(unwrapped(answer), &problem); err != nil || problem.Code == "" || problem.Message == "" {
		return fmt.Errorf("%w: it has HTTP status %d and is not a problem that an agent reports", errNonsense, status)
	}
	return &problem
}
