package agent

import "time"

// Token is what Anaplan gives for a login. It lives 35 minutes unless it is
// refreshed.
type Token struct {
	// Value is what goes into the Authorization header after the scheme
	// AnaplanAuthToken. It is opaque.
	Value Secret

	// ID is the server's name for the token, a UUID. It is not secret.
	ID string

	// RefreshID is the server's name for the next refresh, a UUID.
	RefreshID string

	// ExpiresAt is when the server ends the token, by this machine's clock: how long it
	// lives is right also where that is wrong.
	ExpiresAt time.Time
}

// Live reports whether the token has a value and has not ended at now.
func (t Token) Live(now time.Time) bool {
	return !t.Value.IsZero() && now.Before(t.ExpiresAt)
}
