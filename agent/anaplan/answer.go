package anaplan

import (
	"bytes"
	"encoding/json"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/printable"
	"github.com/anaplan-agent/anaplan-agent/agent/upstream"
)

// Codes of the service (contract section 2.2). Those of its refusals begin with failure.
const (
	failure           = "FAILURE_"
	codeBadCredential = failure + "BAD_CREDENTIAL"
	codeBadHeader     = failure + "BAD_HEADER"
)

// code is what the service's codes look like. Anything else in their place is
// not repeated to anybody.
var code = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[A-Z][A-Z0-9_]{0,63}$`)
})

// maxTime is the end of the year 9999 in Unix milliseconds, past which JSON
// cannot write a time.
const maxTime = 253402300799999

// answer is a response of the service, read to its end or to maxBody.
type answer struct {
	host     string
	status   int
	header   http.Header
	body     []byte
	arrived  time.Time     // by this machine's clock
	took     time.Duration // since it was asked for
	attempts int
	secrets  secrets
}

// success is what a good answer holds; the rest of it is ignored (contract
// sections 2.1 and 3).
type success struct {
	TokenInfo struct {
		TokenID        string `json:"tokenId"`
		TokenValue     string `json:"tokenValue"`
		ExpiresAt      int64  `json:"expiresAt"` // Unix milliseconds
		RefreshTokenID string `json:"refreshTokenId"`
	} `json:"tokenInfo"`
	UserInfo struct {
		UserID       string `json:"userId"`
		UserGUID     string `json:"userGuid"`
		CustomerGUID string `json:"customerGuid"`
	} `json:"userInfo"`
}

// token returns the token in the answer to a login or a refresh.
func (a *answer) token() (agent.Token, error) {
	good, err := a.success()
	if err != nil {
		return agent.Token{}, err
	}
	info := good.TokenInfo
	if info.TokenValue == "" {
		return agent.Token{}, a.unusable("it has no tokenInfo.tokenValue")
	}
	// From here on the server may not make us repeat this one either.
	a.secrets = append(a.secrets, []byte(info.TokenValue))
	if !visible(info.TokenValue) {
		return agent.Token{}, a.unusable("tokenInfo.tokenValue has characters that no header can carry")
	}
	expires, err := a.end(info.ExpiresAt)
	if err != nil {
		return agent.Token{}, err
	}
	return agent.Token{
		Value:     agent.NewSecret(info.TokenValue),
		ID:        printable.Cut(a.secrets.clean(info.TokenID), maxID),
		RefreshID: printable.Cut(a.secrets.clean(info.RefreshTokenID), maxID),
		ExpiresAt: expires,
	}, nil
}

// identity returns the user in the answer to a validate.
func (a *answer) identity() (Identity, error) {
	good, err := a.success()
	if err != nil {
		return Identity{}, err
	}
	if good.UserInfo.UserID == "" {
		return Identity{}, a.unusable("it has no userInfo.userId")
	}
	identity := Identity{
		UserID:       a.secrets.clean(good.UserInfo.UserID),
		UserGUID:     printable.Cut(a.secrets.clean(good.UserInfo.UserGUID), maxID),
		CustomerGUID: printable.Cut(a.secrets.clean(good.UserInfo.CustomerGUID), maxID),
	}
	if expires, err := a.end(good.TokenInfo.ExpiresAt); err == nil {
		identity.ExpiresAt = expires
	}
	return identity, nil
}

// ended returns nil if the answer to a logout is one. It has no body (contract section 3), and
// one that has says so: what answers for another may take the token for ended, which lives on.
func (a *answer) ended() error {
	if len(bytes.TrimSpace(a.body)) == 0 {
		return nil
	}
	var said struct{ Status string }
	if json.Unmarshal(a.body, &said) != nil || said.Status != "SUCCESS" {
		return a.unusable("it does not say that the token has been ended")
	}
	return nil
}

// success decodes the body of a 2xx. What encoding/json has to say about it stays
// here: it may quote the token.
func (a *answer) success() (success, error) {
	if len(a.body) > maxBody {
		return success{}, a.unusable(fmt.Sprintf("it is longer than %d bytes", maxBody))
	}
	var good success
	// Of a name that comes twice the last one counts, as for most readers of JSON (RFC
	// 8259 section 4).
	if json.Unmarshal(a.body, &good) != nil {
		return success{}, a.unusable("it is cut off, or not the JSON of a token")
	}
	if at := good.TokenInfo.ExpiresAt; at < 0 || at > maxTime {
		return success{}, a.unusable("tokenInfo.expiresAt is not a time in milliseconds")
	}
	return good, nil
}

// clocks adds to a complaint about time how the two clocks differ, if they do.
func (a *answer) clocks() string {
	if a.arrived.Sub(a.date()).Abs() <= clockTolerance {
		return ""
	}
	return fmt.Sprintf("; this machine's clock says %s, the service's %s",
		a.arrived.UTC().Format(time.RFC3339), a.date().UTC().Format(time.RFC3339))
}

// unusable returns the error of a success that cannot be used.
func (a *answer) unusable(detail string) error {
	refusal := a.newError(ErrResponse)
	refusal.Detail = detail
	return refusal
}

// refusal returns the error that the answer is, nil for a success: any 2xx that is not a web page.
// unauthorized is what a 401 means here.
func (a *answer) refusal(unauthorized error) error {
	if a.status/100 == 2 && !a.isHTML() {
		return nil
	}
	refusal := a.newError(nil)
	refusal.Kind = a.kind(refusal.Code, unauthorized)
	switch {
	case refusal.Kind == ErrRedirect:
		refusal.Detail = "it points to " + a.target()
	case refusal.Kind == ErrUnavailable && a.isHTML():
		refusal.Detail = "a web page came instead of an answer"
	case (refusal.Kind == ErrRefused || refusal.Kind == ErrBadRequest) && !a.isOwn(refusal.Code):
		refusal.Detail = "the answer is not in the service's form: a proxy or a portal in between may have sent it"
	}
	return refusal
}

// isOwn reports whether a refusal is the service's own word, by the form that its refusals
// have. Anything between here and there can send a status: a proxy that wants a password,
// a portal, a gateway of another product.
func (a *answer) isOwn(code string) bool {
	return strings.HasPrefix(code, failure) && !a.isHTML()
}

// kind maps statuses and codes to sentinels, here and nowhere else. The texts
// beside them are for people (contract section 2.2).
//
// What it returns for a certificate or a token that is refused (unauthorized, ErrBadHeader) is
// final to others, so only the service's own word is that. Everything else may pass.
func (a *answer) kind(code string, unauthorized error) error {
	switch {
	case a.status == http.StatusTooManyRequests:
		return ErrRateLimited
	case a.status >= 500 || a.status == http.StatusRequestTimeout:
		return ErrUnavailable
	case a.status/100 == 3:
		return ErrRedirect
	case a.isOwn(code) && code == codeBadHeader && unauthorized == ErrBadCredential:
		return ErrBadHeader
	case a.isOwn(code) && (a.status == http.StatusUnauthorized || code == codeBadCredential):
		return unauthorized
	case a.isHTML():
		return ErrBlocked
	case a.status == http.StatusBadRequest:
		return ErrBadRequest
	}
	return ErrRefused
}

func (a *answer) newError(kind error) *AnswerError {
	var said struct {
		Status        any `json:"status"` // an object on sibling APIs
		StatusMessage any `json:"statusMessage"`
	}
	// The answer may not be JSON; then the status alone has to do.
	_ = json.Unmarshal(a.body, &said)
	refusal := &AnswerError{Kind: kind, Host: a.host, Status: a.status, Attempts: a.attempts, RetryAfter: a.retryAfter()}
	if text, ok := said.Status.(string); ok && code().MatchString(text) {
		refusal.Code = a.secrets.clean(text)
	}
	if text, ok := said.StatusMessage.(string); ok {
		refusal.Message = a.secrets.clean(text)
	}
	return refusal
}

// isHTML reports whether the answer is a web page, which the service never sends
// and what stands in front of it does.
func (a *answer) isHTML() bool {
	media, _, _ := mime.ParseMediaType(a.header.Get("Content-Type"))
	return media == "text/html" || media == "application/xhtml+xml" || bytes.HasPrefix(bytes.TrimSpace(a.body), []byte("<"))
}

// target returns the host that a redirect points to, and no more of it: the rest
// of the address may carry anything.
func (a *answer) target() string {
	location, err := url.Parse(a.header.Get("Location"))
	switch {
	case err != nil || location.String() == "":
		return "nowhere"
	case location.Host == "":
		return "another path of the same host"
	}
	return a.secrets.clean(location.Host)
}

// date returns the service's time of the answer; this machine's where the
// answer carries none.
func (a *answer) date() time.Time {
	return upstream.Date(a.header, a.arrived)
}

func (a *answer) retryAfter() time.Duration {
	wait, _ := upstream.RetryAfter(a.header, a.arrived)
	return wait
}
