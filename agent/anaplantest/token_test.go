package anaplantest_test

import (
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

// The table of contract section 3: what each endpoint answers to each header.
func TestTokenEndpointStatus(t *testing.T) {
	c := newCaller(t, nil)
	revoked := c.token()
	if !c.server.Revoke(strings.TrimPrefix(revoked, "AnaplanAuthToken ")) {
		t.Fatal("the token could not be revoked")
	}
	for _, test := range []struct {
		name, header              string
		refresh, validate, logout int
	}{
		{"live", c.token(), 200, 200, 204},
		{"revoked", revoked, 401, 401, 401},
		{"unknown", "AnaplanAuthToken abc", 401, 401, 401},
		{"no header", "", 400, 400, 401},
		{"no value", "AnaplanAuthToken ", 400, 400, 401},
		{"bearer", "Bearer abc", 400, 400, 401},
	} {
		t.Run(test.name, func(t *testing.T) {
			c.do("POST", "/token/refresh", test.header, "").want(test.refresh)
			c.do("GET", "/token/validate", test.header, "").want(test.validate)
			out := c.do("POST", "/token/logout", test.header, "").want(test.logout)
			if test.logout == 204 && len(out.body) > 0 {
				t.Errorf("logout answered %q, want nothing", out.body)
			}
		})
	}
}

func TestLogoutEndsToken(t *testing.T) {
	c := newCaller(t, nil)
	token := c.token()
	c.do("POST", "/token/logout", token, "").want(204)
	c.get("/token/validate", token).want(401)
	c.get("/2/0/users/me", token).want(401)
	if got := c.server.Counts().Logouts; got != 1 {
		t.Errorf("%d logouts, want 1", got)
	}
}

// Refresh keeps the token's id and value and moves its end; validate shows whose
// it is and not the token.
func TestRefreshAndValidate(t *testing.T) {
	now := time.Now()
	c := newCaller(t, &anaplantest.Options{Now: func() time.Time { return now }})
	cert := c.server.Enroll(rsaKey().Public(), &anaplantest.IssueOptions{Email: "batch@example.com"})
	first := c.login(cert).want(201).token().TokenInfo

	now = now.Add(34 * time.Minute)
	answer := c.do("POST", "/token/refresh", "AnaplanAuthToken "+first.TokenValue, "").want(200).token()
	second := answer.TokenInfo
	if answer.StatusMessage != "Token refreshed" {
		t.Errorf("message %q", answer.StatusMessage)
	}
	if second.TokenValue != first.TokenValue || second.TokenID != first.TokenID || second.RefreshTokenID == first.RefreshTokenID {
		t.Error("refresh must keep value and id and change the refresh id")
	}
	if got, want := second.ExpiresAt-first.ExpiresAt, (34 * time.Minute).Milliseconds(); got != want {
		t.Errorf("the end moved %d ms, want %d", got, want)
	}

	now = now.Add(30 * time.Minute) // past the first end
	valid := c.get("/token/validate", "AnaplanAuthToken "+second.TokenValue).want(200).token()
	if valid.StatusMessage != "Token validated" || valid.UserInfo.UserID != "batch@example.com" {
		t.Errorf("message %q, user %q", valid.StatusMessage, valid.UserInfo.UserID)
	}
	if len(valid.UserInfo.UserGUID) != 32 || len(valid.UserInfo.CustomerGUID) != 32 {
		t.Errorf("ids %+v are not 32 digits long", valid.UserInfo)
	}
	if valid.TokenInfo.TokenValue != "" || valid.TokenInfo.ExpiresAt != second.ExpiresAt {
		t.Error("validate must show the end and not the token")
	}
}

func TestRotation(t *testing.T) {
	c := newCaller(t, &anaplantest.Options{RotateTokens: true})
	old := c.token()
	value := c.do("POST", "/token/refresh", old, "").want(200).token().TokenInfo.TokenValue
	c.get("/token/validate", old).want(401)
	c.get("/token/validate", "AnaplanAuthToken "+value).want(200)
}

// A token lives to the millisecond of its expiresAt and not beyond.
func TestTokenEnds(t *testing.T) {
	now := time.UnixMilli(time.Now().UnixMilli())
	c := newCaller(t, &anaplantest.Options{Now: func() time.Time { return now }, TokenLife: time.Minute})
	token := c.token()
	now = now.Add(time.Minute - time.Millisecond)
	c.get("/2/0/users/me", token).want(200)
	now = now.Add(time.Millisecond)
	c.get("/2/0/users/me", token).want(401)
	c.do("POST", "/token/refresh", token, "").want(401)

	// Long after, a login makes the service forget the old one.
	now = now.Add(2 * time.Hour)
	c.token()
	c.get("/token/validate", token).want(401)
}

func TestRevoke(t *testing.T) {
	c := newCaller(t, nil)
	if c.server.Revoke("no such token") {
		t.Error("a token that never was got revoked")
	}
	tokens := []string{c.token(), c.token()}
	if got := c.server.RevokeAll(); got != 2 {
		t.Errorf("%d live tokens revoked, want 2", got)
	}
	if got := c.server.RevokeAll(); got != 0 {
		t.Errorf("%d tokens revoked twice", got)
	}
	for _, token := range tokens {
		c.get("/token/validate", token).want(401)
	}
}
