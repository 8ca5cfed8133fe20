package anaplantest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"strings"
	"sync"
	"time"
)

// session is one token and its state.
type session struct {
	value     string // the token itself: a secret
	id        string
	refreshID string
	user      string
	expiresAt time.Time
	revoked   bool
}

// sessions holds the tokens. Its zero value is empty.
type sessions struct {
	mu      sync.Mutex
	byValue map[string]*session
}

// forgetAfter is how long an ended token is remembered as expired rather than
// unknown.
const forgetAfter = time.Hour

// open starts a session at now.
func (l *sessions) open(user string, now time.Time, life time.Duration) session {
	opened := &session{value: newTokenValue(), id: newUUID(now), user: user}
	opened.extend(now, life)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byValue == nil {
		l.byValue = make(map[string]*session)
	}
	// An emulator may run for weeks, and a client that never logs out must not
	// fill its memory.
	for value, old := range l.byValue {
		if now.Sub(old.expiresAt) > forgetAfter {
			delete(l.byValue, value)
		}
	}
	l.byValue[opened.value] = opened
	return *opened
}

// extend gives the session a new life from now. Expiry is in milliseconds
// (contract section 2.1).
func (n *session) extend(now time.Time, life time.Duration) {
	n.expiresAt = now.Truncate(time.Millisecond).Add(life)
	n.refreshID = newUUID(now)
}

// why says why the session cannot be used at now; "" if it is live.
func (n *session) why(now time.Time) string {
	switch {
	case n == nil:
		return "the token is unknown"
	case n.revoked:
		return "the token is revoked"
	case !now.Before(n.expiresAt):
		return "the token has expired"
	}
	return ""
}

// find returns the live session of a token, or why there is none.
func (l *sessions) find(value string, now time.Time) (found session, why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.byValue[value]
	if why := n.why(now); why != "" {
		return session{}, why
	}
	return *n, ""
}

// renew extends the live session of a token, under a new value if rotate is set
// (contract section 3).
func (l *sessions) renew(value string, now time.Time, life time.Duration, rotate bool) (renewed session, why string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.byValue[value]
	if why := n.why(now); why != "" {
		return session{}, why
	}
	n.extend(now, life)
	// The old value dies at once. What Anaplan does with it is not documented;
	// this is the harder case for a client.
	if rotate {
		delete(l.byValue, value)
		n.value = newTokenValue()
		l.byValue[n.value] = n
	}
	return *n, ""
}

// Revoke ends the token of that value, as an administrator or a logout
// elsewhere does, and reports whether there was one.
func (l *sessions) Revoke(value string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := l.byValue[value]
	// What was never there is told from what has ended: a script may have a wrong token.
	if n == nil {
		return false
	}
	n.revoked = true
	return true
}

// RevokeAll ends every token and returns how many were live.
func (s *Service) RevokeAll() int {
	now := s.Now()
	s.sessions.mu.Lock()
	defer s.sessions.mu.Unlock()
	live := 0
	for _, n := range s.sessions.byValue {
		if n.why(now) == "" {
			live++
		}
		n.revoked = true
	}
	return live
}

// tokenInfo is the token part of an answer. What is empty is left out, for
// validate shows less than login does.
type tokenInfo struct {
	TokenID        string `json:"tokenId"`
	TokenValue     string `json:"tokenValue,omitempty"`
	ExpiresAt      int64  `json:"expiresAt"`
	RefreshTokenID string `json:"refreshTokenId,omitempty"`
}

// userInfo is whose token it is.
type userInfo struct {
	UserGUID     string `json:"userGuid"`
	UserID       string `json:"userId"`
	CustomerGUID string `json:"customerGuid"`
}

// tokenBody is the answer of login, refresh and validate (contract sections 2.1
// and 3).
type tokenBody struct {
	Meta struct {
		ValidationURL string `json:"validationUrl"`
	} `json:"meta"`
	authStatus
	TokenInfo tokenInfo `json:"tokenInfo"`
	UserInfo  *userInfo `json:"userInfo,omitempty"`
}

// tokenAnswer is the body that tells a caller of session n.
func (s *Service) tokenAnswer(r *http.Request, text string, n session) tokenBody {
	body := tokenBody{
		authStatus: authStatus{codeSuccess, text},
		TokenInfo:  tokenInfo{n.id, n.value, n.expiresAt.UnixMilli(), n.refreshID},
	}
	body.Meta.ValidationURL = baseURL(r) + "/token/validate"
	return body
}

// baseURL is the service's address as the caller knows it.
func baseURL(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// bearer returns the token of a request; false if the header has another form.
func bearer(r *http.Request) (token string, ok bool) {
	token, ok = strings.CutPrefix(r.Header.Get("Authorization"), "AnaplanAuthToken ")
	return token, ok && token != ""
}

// badToken answers a token that cannot be used.
func badToken(why string) answer {
	return authFailure(http.StatusUnauthorized, codeBadCredential, why)
}

// noToken answers a request without a token, with the status that the endpoint
// has for it (contract section 3).
func noToken(status int) answer {
	return authFailure(status, codeBadHeader, "there is no AnaplanAuthToken header")
}

// refresh is POST /token/refresh.
func (s *Service) refresh(r *http.Request) answer {
	token, ok := bearer(r)
	if !ok {
		return noToken(http.StatusBadRequest)
	}
	renewed, why := s.sessions.renew(token, s.Now(), s.options.TokenLife, s.options.RotateTokens)
	if why != "" {
		return badToken(why)
	}
	s.tally.refresh()
	return answer{status: http.StatusOK, body: s.tokenAnswer(r, "Token refreshed", renewed)}
}

// validate is GET /token/validate.
func (s *Service) validate(r *http.Request) answer {
	token, ok := bearer(r)
	if !ok {
		return noToken(http.StatusBadRequest)
	}
	n, why := s.sessions.find(token, s.Now())
	if why != "" {
		return badToken(why)
	}
	// Validate must not hand out the token or the refresh id again.
	body := s.tokenAnswer(r, "Token validated", session{id: n.id, expiresAt: n.expiresAt})
	body.UserInfo = &userInfo{guidOf(n.user), n.user, guidOf("customer")}
	return answer{status: http.StatusOK, body: body}
}

// logout is POST /token/logout.
func (s *Service) logout(r *http.Request) answer {
	token, ok := bearer(r)
	if !ok {
		return noToken(http.StatusUnauthorized)
	}
	if _, why := s.sessions.find(token, s.Now()); why != "" {
		return badToken(why)
	}
	s.Revoke(token)
	s.tally.logout()
	return answer{status: http.StatusNoContent}
}

// newTokenValue makes a token that looks like Anaplan's: three parts of standard
// base64, 24, 448 and 44 characters long, so with the characters + / = and the
// dot (contract section 2.1).
func newTokenValue() string {
	// 335 bytes and not 336, so that the middle part ends in padding too.
	part := func(length int) string {
		random := make([]byte, length)
		rand.Read(random)
		return base64.StdEncoding.EncodeToString(random)
	}
	return part(16) + "." + part(335) + "." + part(32)
}

// guidOf makes a user's or customer's id: 32 lower-case hex digits, the same for
// the same name.
func guidOf(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:16])
}
