package main

import (
	"encoding/json"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// formatToken returns the token as --output wants it.
func formatToken(token agent.Token, format string) string {
	value := token.Value.Reveal()
	switch format {
	case "json":
		return tokenJSON(token)
	case "header":
		return "Authorization: AnaplanAuthToken " + value + "\n"
	case "env":
		return "export " + tokenVariable + "=" + shellQuote(value) + "\n"
	case "curl":
		return "header = \"Authorization: AnaplanAuthToken " + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(value) + "\"\n"
	}
	return value + "\n"
}

// shellQuote quotes text for a POSIX shell.
func shellQuote(text string) string {
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}

// tokenInfo is Anaplan's own shape of a token (contract section 2.1).
type tokenInfo struct {
	ID        string `json:"tokenId"`
	Value     string `json:"tokenValue"`
	ExpiresAt int64  `json:"expiresAt"` // milliseconds since 1970
	RefreshID string `json:"refreshTokenId"`
}

// tokenJSON returns the token for programs.
func tokenJSON(token agent.Token) string {
	data, _ := json.MarshalIndent(tokenInfo{ // strings and a number always encode
		ID:        token.ID,
		Value:     token.Value.Reveal(),
		ExpiresAt: token.ExpiresAt.UnixMilli(),
		RefreshID: token.RefreshID,
	}, "", "  ")
	return printable(string(data)) + "\n"
}
