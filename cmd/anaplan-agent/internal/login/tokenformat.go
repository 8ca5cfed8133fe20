package login

// The forms in which a token is printed. Each is safe to read back by the program it
// is for, whatever characters a server may put into a token: it is opaque (contract
// section 2.1).

import (
	"encoding/json"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

// FormatToken returns the token as --output wants it. The scheme's name is
// AnaplanAuthToken: Bearer is refused by the authentication host (contract section 3).
func FormatToken(token agent.Token, format string) string {
	value := token.Value.Reveal()
	switch format {
	case "json":
		return tokenJSON(token)
	case "header":
		return "Authorization: AnaplanAuthToken " + value + "\n"
	case "env":
		return "export " + TokenVariable + "=" + shell.Quote(value) + "\n"
	case "powershell":
		return "$env:" + TokenVariable + " = " + shell.PowerShell(value) + "\n"
	case "curl":
		return "header = \"Authorization: AnaplanAuthToken " + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + "\"\n"
	}
	return value + "\n"
}

// tokenInfo is Anaplan's own shape of a token (contract section 2.1).
type tokenInfo struct {
	ID        string `json:"tokenId"`
	Value     string `json:"tokenValue"`
	ExpiresAt int64  `json:"expiresAt"` // milliseconds since 1970
	RefreshID string `json:"refreshTokenId,omitempty"`
}

// tokenJSON returns the token for programs, in the shape and with the names of
// Anaplan's own answer, so that what reads that reads this.
func tokenJSON(token agent.Token) string {
	data, _ := json.MarshalIndent(tokenInfo{ // strings and a number always encode
		ID:        token.ID,
		Value:     token.Value.Reveal(),
		ExpiresAt: token.ExpiresAt.UnixMilli(),
		RefreshID: token.RefreshID,
	}, "", "  ")
	return console.Printable(string(data)) + "\n"
}
