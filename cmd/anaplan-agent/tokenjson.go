package main

import (
	"encoding/json"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

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
