package anaplan_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
	"github.com/google/go-cmp/cmp"
)

// overTLS returns a service on a real socket and a client that trusts its CA.
func overTLS(t *testing.T, options *anaplantest.Options, change func(*anaplan.Config)) (*anaplantest.Server, *anaplan.Client) {
	t.Helper()
	server := anaplantest.NewServer(t, options)
	config := anaplan.Config{AuthURL: server.URL, Roots: server.CA.Pool, Retry: anaplan.Retry{Attempts: 1}}
	if change != nil {
		change(&config)
	}
	return server, newClient(t, config)
}

func TestLifeOfAToken(t *testing.T) {
	for _, rotate := range []bool{false, true} {
		server, client := overTLS(t, &anaplantest.Options{RotateTokens: rotate}, nil)
		cert := server.Enroll(&rsaKey().PublicKey, nil)

		token, err := client.Authenticate(t.Context(), sign(t, cert, agent.V2, time.Now()))
		if err != nil {
			t.Fatal(err)
		}
		if !token.Live(time.Now()) || token.ID == "" || token.RefreshID == "" {
			t.Errorf("the login gave %+v", token)
		}
		fresh, err := client.Refresh(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		if changed := fresh.Value.Reveal() != token.Value.Reveal(); changed != rotate || fresh.ExpiresAt.Before(token.ExpiresAt) {
			t.Errorf("rotate %v: the value changed: %v; it ends %v after %v", rotate, changed, fresh.ExpiresAt, token.ExpiresAt)
		}
		identity, err := client.Validate(t.Context(), fresh)
		if err != nil {
			t.Fatal(err)
		}
		if identity.UserID != agent.Email(cert) || len(identity.UserGUID) != 32 || len(identity.CustomerGUID) != 32 || !identity.ExpiresAt.Equal(fresh.ExpiresAt) {
			t.Errorf("identity %+v, want that of %s until %v", identity, agent.Email(cert), fresh.ExpiresAt)
		}
		if err := client.Logout(t.Context(), fresh); err != nil {
			t.Error(err)
		}
		if _, err := client.Validate(t.Context(), fresh); !errors.Is(err, anaplan.ErrTokenRefused) {
			t.Errorf("validating after logout: %v", err)
		}
		if err := client.Logout(t.Context(), fresh); !errors.Is(err, anaplan.ErrTokenRefused) {
			t.Errorf("logging out twice: %v", err)
		}
	}
}

func TestAuthenticateVariants(t *testing.T) {
	der := func(config *anaplan.Config) { config.HeaderForm = anaplan.FormDER }
	tests := []struct {
		name    string
		options anaplantest.Options
		change  func(*anaplan.Config)
		format  agent.Format
		fault   anaplantest.Fault
	}{
		{"PEM header", anaplantest.Options{}, nil, agent.V2, nil},
		{"DER header", anaplantest.Options{}, der, agent.V2, nil},
		{"v1", anaplantest.Options{AcceptV1: true}, nil, agent.V1, nil},
		{"200 in place of 201", anaplantest.Options{}, nil, agent.V2, anaplantest.WithStatus(200)},
		{"another 2xx", anaplantest.Options{}, nil, agent.V2, anaplantest.WithStatus(203)},
		{"unknown fields", anaplantest.Options{}, nil, agent.V2, anaplantest.WithExtraFields()},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server, client := overTLS(t, &test.options, test.change)
			cert := server.Enroll(&rsaKey().PublicKey, nil)
			if test.fault != nil {
				server.Fault(authenticate, 1, test.fault)
			}
			token, err := client.Authenticate(t.Context(), sign(t, cert, test.format, time.Now()))
			if err != nil || !token.Live(time.Now()) {
				t.Errorf("Authenticate() = %+v, %v", token, err)
			}
		})
	}
}

func TestRefusedLogins(t *testing.T) {
	expired := &anaplantest.IssueOptions{NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(-24 * time.Hour)}
	tests := []struct {
		name   string
		enroll *anaplantest.IssueOptions
		spoil  func(*anaplantest.Server, *agent.Login)
		reason anaplantest.Reason
	}{
		{"disabled", nil, func(s *anaplantest.Server, _ *agent.Login) { s.Disable(s.Certificates()[0].ID) }, anaplantest.Disabled},
		{"unregistered", nil, func(s *anaplantest.Server, _ *agent.Login) { s.Delete(s.Certificates()[0].ID) }, anaplantest.NotRegistered},
		{"expired", expired, func(*anaplantest.Server, *agent.Login) {}, anaplantest.Expired},
		{"wrong signature", nil, func(_ *anaplantest.Server, l *agent.Login) { l.Signature.Bytes()[9] ^= 1 }, anaplantest.BadSignature},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server, client := overTLS(t, nil, nil)
			login := sign(t, server.Enroll(&rsaKey().PublicKey, test.enroll), agent.V2, time.Now())
			test.spoil(server, login)
			_, err := client.Authenticate(t.Context(), login)
			refusal, ok := errors.AsType[*anaplan.AnswerError](err)
			if !ok || !errors.Is(err, anaplan.ErrBadCredential) || refusal.Status != 401 || refusal.Code != "FAILURE_BAD_CREDENTIAL" || refusal.Message == "" {
				t.Errorf("error %#v: %v", refusal, err)
			}
			if counts := server.Counts(); counts.Refused[test.reason] != 1 {
				t.Errorf("the service refused for %v, want %q", counts.Refused, test.reason)
			}
		})
	}
}

func TestAuthenticateWithoutALogin(t *testing.T) {
	server, client := overTLS(t, nil, nil)
	cert := issue(t)
	for name, login := range map[string]*agent.Login{
		"none":           nil,
		"no certificate": {Format: agent.V2},
		"not signed":     {Format: agent.V2, Certificate: cert, Message: agent.NewSecret("message")},
		"no format":      {Certificate: cert, Message: agent.NewSecret("message"), Signature: agent.NewSecret("signature")},
	} {
		if _, err := client.Authenticate(t.Context(), login); !errors.Is(err, anaplan.ErrPayload) {
			t.Errorf("%s: %v, want ErrPayload", name, err)
		}
	}
	if requests := server.Counts().Requests; len(requests) != 0 {
		t.Errorf("requests were sent: %v", requests)
	}
}

func TestTokensThatCannotBeSent(t *testing.T) {
	server, client := overTLS(t, nil, nil)
	for _, value := range []string{"", "two words", "line\nbreak", "umläut", "rub\x7fout"} {
		token := agent.Token{Value: agent.NewSecret(value)}
		_, refresh := client.Refresh(t.Context(), token)
		_, validate := client.Validate(t.Context(), token)
		for _, err := range []error{refresh, validate, client.Logout(t.Context(), token)} {
			if !errors.Is(err, anaplan.ErrTokenRefused) || value != "" && strings.Contains(err.Error(), value) {
				t.Errorf("%q: %v, want ErrTokenRefused", value, err)
			}
		}
	}
	if requests := server.Counts().Requests; len(requests) != 0 {
		t.Errorf("requests were sent: %v", requests)
	}
}

// The clocks: of the service (skew), and of the signer of the login (age, before now).
func TestRefusedTimes(t *testing.T) {
	const minute = time.Minute
	tests := []struct {
		name      string
		skew, age time.Duration
		words     string // begins the error, after "logging in: "
	}{
		{"this clock is ahead", -12 * minute, 0, "this machine's clock is 12m0s ahead of the service's"},
		{"this clock is behind", 12 * minute, 0, "this machine's clock is 12m0s behind the service's"},
		{"an old payload", 0, 12 * minute, "the payload was made 12m0s ago"},
		{"a payload from the future", 0, -12 * minute, "the payload is dated 12m0s ahead of the service's clock"},
		{"a future that a clock ahead explains as well as anything", -6 * minute, -6 * minute, "this machine's clock is 6m0s ahead of the service's"},
		{"an old payload and a clock behind", 2 * minute, 12 * minute, "the payload was made 14m0s ago"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, agent.V2, &anaplantest.Options{ClockSkew: test.skew}, func(r *rig) {
				login := sign(r.T, r.login.Certificate, agent.V2, time.Now().Add(-test.age))
				_, err := r.client.Authenticate(r.Context(), login)
				if !errors.Is(err, anaplan.ErrBadCredential) || !strings.HasPrefix(err.Error(), "logging in: "+test.words) {
					r.Errorf("error %v, want ErrBadCredential with the words %q", err, test.words)
				}
				if refusal, ok := errors.AsType[*anaplan.AnswerError](err); !ok || refusal.Status != 401 {
					r.Errorf("the error does not carry the answer: %#v", refusal)
				}
				skewed, ok := errors.AsType[*anaplan.ClockSkewError](err)
				if ok != strings.HasPrefix(test.words, "this") || ok && (skewed.Skew != -test.skew || skewed.Status != 401) {
					r.Errorf("skew error %#v", skewed)
				}
				stale, ok := errors.AsType[*anaplan.StalePayloadError](err)
				if ok != strings.HasPrefix(test.words, "the payload") || ok && (stale.Age != test.age+test.skew || stale.Code == "") {
					r.Errorf("stale error %#v", stale)
				}
			})
		})
	}
}

// No clock is blamed for a refusal that the time in the login does not explain.
func TestRefusalWithGoodTimes(t *testing.T) {
	tests := []struct {
		name   string
		format agent.Format
		skew   time.Duration // of the service
		age    time.Duration
	}{
		{"clocks agree", agent.V2, 0, 0},
		{"clocks differ little", agent.V2, time.Minute, 0},
		{"the payload fits the service's clock", agent.V2, 12 * time.Minute, -12 * time.Minute},
		{"v1 has no time", agent.V1, 12 * time.Minute, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, agent.V2, &anaplantest.Options{ClockSkew: test.skew}, func(r *rig) {
				r.service.Disable(r.service.Certificates()[0].ID)
				_, err := r.client.Authenticate(r.Context(), sign(r.T, r.login.Certificate, test.format, time.Now().Add(-test.age)))
				_, skewed := errors.AsType[*anaplan.ClockSkewError](err)
				_, stale := errors.AsType[*anaplan.StalePayloadError](err)
				if !errors.Is(err, anaplan.ErrBadCredential) || skewed || stale {
					r.Errorf("error %v, want ErrBadCredential and no clock", err)
				}
			})
		})
	}
}

// answering returns a client of a server that gives one answer to everything.
func answering(t *testing.T, status int, header map[string]string, body string) *anaplan.Client {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for name, value := range header {
			w.Header().Set(name, value)
		}
		w.WriteHeader(status)
		w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	return newClient(t, anaplan.Config{AuthURL: server.URL, HTTP: server.Client(), Retry: anaplan.Retry{Attempts: 1}})
}

func TestUnusableAnswers(t *testing.T) {
	const good = `{"tokenInfo":{"tokenValue":"a.b.c","expiresAt":4102444800000},"userInfo":{"userId":"u@example.com"}}`
	edit := func(old, with string) string { return strings.Replace(good, old, with, 1) }
	tests := []struct {
		name  string
		body  string
		words string
	}{
		{"empty", "", "cut off, or not the JSON of a token"},
		{"cut off", good[:40], "cut off, or not the JSON of a token"},
		{"another type", `[1]`, "cut off, or not the JSON of a token"},
		{"two objects", good + good, "cut off, or not the JSON of a token"},
		{"null", `null`, "no tokenInfo.tokenValue"},
		{"no token", `{"status":"FAILURE_ODD","statusMessage":"no"}`, "no tokenInfo.tokenValue (HTTP 200, FAILURE_ODD): \"no\""},
		{"number for a token", edit(`"a.b.c"`, `7`), "not the JSON of a token"},
		{"line break in the token", edit(`a.b.c`, `a\r\nb: c`), "characters that no header can carry"},
		{"no end", edit(`,"expiresAt":4102444800000`, ``), "it has no tokenInfo.expiresAt"},
		{"end in seconds", edit(`4102444800000`, `4102444800`), "the token has ended before it came"},
		{"end below zero", edit(`4102444800000`, `-1`), "expiresAt is not a time"},
		{"end beyond the calendar", edit(`4102444800000`, `253402300800000`), "expiresAt is not a time"},
		{"end no integer", edit(`4102444800000`, `1e99`), "not the JSON of a token"},
		{"too long", good + strings.Repeat(" ", 64<<10), "longer than 65536 bytes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			client := answering(t, 200, nil, test.body)
			_, err := client.Refresh(t.Context(), agent.Token{Value: agent.NewSecret("old")})
			if !errors.Is(err, anaplan.ErrResponse) || !strings.Contains(err.Error(), test.words) {
				t.Errorf("error %v, want ErrResponse with the words %q", err, test.words)
			}
		})
	}
}

// The longest answer that is taken, and the last end of a token that is a time.
func TestAnswersThatJustFit(t *testing.T) {
	body := `{"tokenInfo":{"expiresAt":253402300799999},"userInfo":{"userId":"u"}}`
	body += strings.Repeat(" ", 64<<10-len(body))
	got, err := answering(t, 200, nil, body).Validate(t.Context(), agent.Token{Value: agent.NewSecret("value")})
	if diff := cmp.Diff(anaplan.Identity{UserID: "u"}, got); err != nil || diff != "" {
		t.Errorf("error %v, identity (-want +got):\n%s", err, diff)
	}
}

// A token may consist of all that a header can carry.
func TestTokensOfAnyVisibleCharacter(t *testing.T) {
	const most = "!\"#$%&'()*+,-./0123456789:;<=>?@AZ[\\]^_`az{|}~"
	value, err := json.Marshal(most)
	if err != nil {
		t.Fatal(err)
	}
	end := time.Now().Add(time.Minute).UnixMilli()
	client := answering(t, 200, nil, fmt.Sprintf(`{"tokenInfo":{"tokenValue":%s,"expiresAt":%d}}`, value, end))
	if got, err := client.Refresh(t.Context(), agent.Token{Value: agent.NewSecret(most)}); err != nil || got.Value.Reveal() != most {
		t.Errorf("%q, %v", got.Value.Reveal(), err)
	}
}

func TestUnusableIdentities(t *testing.T) {
	for name, body := range map[string]string{
		"no user":              `{"tokenInfo":{"expiresAt":4102444800000}}`,
		"no object":            `"u@example.com"`,
		"end below zero":       `{"tokenInfo":{"expiresAt":-1},"userInfo":{"userId":"u"}}`,
		"end past year 9999":   `{"tokenInfo":{"expiresAt":253402300800000},"userInfo":{"userId":"u"}}`,
		"longer than is taken": `{"userInfo":{"userId":"u"}}` + strings.Repeat(" ", 64<<10),
	} {
		client := answering(t, 200, nil, body)
		if _, err := client.Validate(t.Context(), agent.Token{Value: agent.NewSecret("old")}); !errors.Is(err, anaplan.ErrResponse) {
			t.Errorf("%s: %v, want ErrResponse", name, err)
		}
	}
}

func TestValidateTakesLittle(t *testing.T) {
	client := answering(t, 200, nil, `{"userInfo":{"userId":"u@example.com\u001b[2J"}}`)
	got, err := client.Validate(t.Context(), agent.Token{Value: agent.NewSecret("value")})
	if diff := cmp.Diff(anaplan.Identity{UserID: "u@example.com [2J"}, got); err != nil || diff != "" {
		t.Errorf("error %v, identity (-want +got):\n%s", err, diff)
	}
}

func TestExpiredTokenNamesBothClocks(t *testing.T) {
	header := map[string]string{"Date": "Mon, 03 Jan 2000 12:00:00 GMT"}
	client := answering(t, 200, header, `{"tokenInfo":{"tokenValue":"a.b.c","expiresAt":946903000000}}`)
	_, err := client.Refresh(t.Context(), agent.Token{Value: agent.NewSecret("old")})
	if !errors.Is(err, anaplan.ErrResponse) || !strings.Contains(err.Error(), "the service's 2000-01-03T12:00:00Z") {
		t.Errorf("error %v, want ErrResponse with the service's time", err)
	}
}

func TestAnswersInWords(t *testing.T) {
	const html = "<html>Attention Required!</html>"
	page := map[string]string{"Content-Type": "text/html; charset=UTF-8"}
	plain := map[string]string{"Content-Type": "text/plain"}
	to := func(location string) map[string]string { return map[string]string{"Location": location} }
	tests := []struct {
		name   string
		status int
		header map[string]string
		body   string
		login  error
		token  error // of a refresh
		words  string
	}{
		{"bad header", 401, nil, `{"status":"FAILURE_BAD_HEADER","statusMessage":"Invalid header."}`, anaplan.ErrBadHeader, anaplan.ErrTokenRefused, `(HTTP 401, FAILURE_BAD_HEADER): "Invalid header."`},
		{"bad header by 400", 400, nil, `{"status":"FAILURE_BAD_HEADER"}`, anaplan.ErrBadHeader, anaplan.ErrBadRequest, "(HTTP 400, FAILURE_BAD_HEADER)"},
		{"bad credential by 403", 403, nil, `{"status":"FAILURE_BAD_CREDENTIAL"}`, anaplan.ErrBadCredential, anaplan.ErrTokenRefused, "(HTTP 403, FAILURE_BAD_CREDENTIAL)"},
		{"unknown code", 401, nil, `{"status":"FAILURE_NEW"}`, anaplan.ErrBadCredential, anaplan.ErrTokenRefused, "(HTTP 401, FAILURE_NEW)"},
		{"no code", 401, nil, `nothing`, anaplan.ErrRefused, anaplan.ErrRefused, "not in the service's form: a proxy or a portal in between may have sent it (HTTP 401)"},
		{"not a code", 401, nil, `{"status":"<script>"}`, anaplan.ErrRefused, anaplan.ErrRefused, "(HTTP 401)"},
		{"sibling's shape", 400, nil, `{"status":{"code":400,"message":"x"},"statusMessage":7}`, anaplan.ErrBadRequest, anaplan.ErrBadRequest, "(HTTP 400)"},
		{"web page by 401", 401, page, html, anaplan.ErrBlocked, anaplan.ErrBlocked, "(HTTP 401)"},
		{"web page by 403", 403, page, html, anaplan.ErrBlocked, anaplan.ErrBlocked, "(HTTP 403)"},
		{"web page that says it is text", 404, plain, "\n" + html, anaplan.ErrBlocked, anaplan.ErrBlocked, "(HTTP 404)"},
		{"web page by 200", 200, page, html, anaplan.ErrBlocked, anaplan.ErrBlocked, "(HTTP 200)"},
		{"web page by 503", 503, page, html, anaplan.ErrUnavailable, anaplan.ErrUnavailable, "a web page came instead of an answer (HTTP 503)"},
		{"web page by 429", 429, page, html, anaplan.ErrRateLimited, anaplan.ErrRateLimited, "(HTTP 429)"},
		{"not found", 404, plain, "no", anaplan.ErrRefused, anaplan.ErrRefused, "(HTTP 404)"},
		{"redirect to a host", 307, to("https://user:pass@login.example:8443/a?b#c"), "", anaplan.ErrRedirect, anaplan.ErrRedirect, "it points to login.example:8443 (HTTP 307)"},
		{"redirect to a path", 302, to("/login"), "", anaplan.ErrRedirect, anaplan.ErrRedirect, "it points to another path of the same host (HTTP 302)"},
		{"redirect to nowhere", 301, nil, "", anaplan.ErrRedirect, anaplan.ErrRedirect, "it points to nowhere (HTTP 301)"},
		{"rate limit", 429, map[string]string{"Retry-After": "90"}, "", anaplan.ErrRateLimited, anaplan.ErrRateLimited, "(HTTP 429); it asks to wait 1m30s"},
		{"message with controls", 400, nil, `{"statusMessage":"a\u001b[31m\u202e\r\nb` + strings.Repeat("x ", 300) + `"}`, anaplan.ErrBadRequest, anaplan.ErrBadRequest, `"a [31m bx x x`},
	}
	login := sign(t, issue(t), agent.V2, time.Now())
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			client := answering(t, test.status, test.header, test.body)
			_, loginErr := client.Authenticate(t.Context(), login)
			_, tokenErr := client.Refresh(t.Context(), agent.Token{Value: agent.NewSecret("old")})
			if !errors.Is(loginErr, test.login) || !errors.Is(tokenErr, test.token) {
				t.Errorf("errors %v and %v, want %v and %v", loginErr, tokenErr, test.login, test.token)
			}
			refusal, ok := errors.AsType[*anaplan.AnswerError](tokenErr)
			if !ok || refusal.Status != test.status || len([]rune(refusal.Message)) > 201 || !strings.Contains(tokenErr.Error(), test.words) {
				t.Errorf("error %v (%#v), want the words %q", tokenErr, refusal, test.words)
			}
		})
	}
}

func TestRequestHeaders(t *testing.T) {
	var got http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r.Header.Clone()
		got.Set("Line", r.Method+" "+r.URL.Path)
	}))
	defer server.Close()
	client := newClient(t, anaplan.Config{AuthURL: server.URL + "/base/", UserAgent: "anaplan-agent/1.2.3"})
	client.Logout(t.Context(), agent.Token{Value: agent.NewSecret("a.b+/c=")})
	want := map[string]string{
		"Line": "POST /base/token/logout", "Authorization": "AnaplanAuthToken a.b+/c=", "User-Agent": "anaplan-agent/1.2.3",
		"Accept": "application/json", "Content-Type": "", "X-Aconnect-Client": "",
	}
	for name, value := range want {
		if got.Get(name) != value {
			t.Errorf("%s: %q, want %q", name, got.Get(name), value)
		}
	}
}

// lateReader is a transport that answers at once and reads the request's body only
// later, as transports may.
type lateReader struct{ body io.ReadCloser }

func (l *lateReader) RoundTrip(request *http.Request) (*http.Response, error) {
	l.body = request.Body
	return &http.Response{StatusCode: http.StatusUnauthorized, Body: http.NoBody, Request: request}, nil
}

// TestBodyEndsWithTheCall: what a transport reads late is an error. It is not zeros, which
// it would send.
func TestBodyEndsWithTheCall(t *testing.T) {
	late := &lateReader{}
	cert := issue(t)
	client := newClient(t, anaplan.Config{AuthURL: "https://auth.example", HTTP: &http.Client{Transport: late}})
	if _, err := client.Authenticate(t.Context(), sign(t, cert, agent.V2, time.Now())); !errors.Is(err, anaplan.ErrRefused) {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(late.body); err == nil || len(body) > 0 {
		t.Errorf("the transport reads %d bytes, %v", len(body), err)
	}
}

// copier is a transport that reads all of a body before it sends it.
type copier struct {
	http.RoundTripper
	body []byte
}

func (c *copier) RoundTrip(request *http.Request) (*http.Response, error) {
	var err error
	if c.body, err = io.ReadAll(request.Body); err != nil {
		return nil, err
	}
	again := request.Clone(request.Context())
	again.Body = io.NopCloser(bytes.NewReader(bytes.Clone(c.body)))
	return c.RoundTripper.RoundTrip(again)
}

// TestOtherTransportsKeepTheirMemory: only the copies of our own are overwritten.
func TestOtherTransportsKeepTheirMemory(t *testing.T) {
	server := anaplantest.NewServer(t, nil)
	cert := server.Enroll(&rsaKey().PublicKey, nil)
	transport := &copier{RoundTripper: server.Client().Transport}
	client := newClient(t, anaplan.Config{AuthURL: server.URL, HTTP: &http.Client{Transport: transport}})
	client.Connect(t.Context()) // does nothing, nor does the other
	client.Disconnect()
	if _, err := client.Authenticate(t.Context(), sign(t, cert, agent.V2, time.Now())); err != nil || !json.Valid(transport.body) {
		t.Errorf("%v; the transport's memory is still JSON: %v", err, json.Valid(transport.body))
	}
}
