package anaplan_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

// rig is a service and a client in one bubble, under virtual time.
type rig struct {
	*testing.T
	service *anaplantest.Service
	client  *anaplan.Client
	login   *agent.Login
}

func (r *rig) requests(path string) int { return r.service.Counts().Requests[path] }

// inBubble runs test with a rig; the bubble's clock moves only while all wait.
func inBubble(t *testing.T, format agent.Format, options *anaplantest.Options, test func(*rig)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cert := issue(t) // in here, for its dates are the bubble's
		service := anaplantest.New(options)
		if _, err := service.RegisterCertificate(cert); err != nil {
			t.Fatal(err)
		}
		client := newClient(t, anaplan.Config{AuthURL: "http://127.0.0.1", HTTP: pipe(t, service)})
		test(&rig{t, service, client, sign(t, cert, format, time.Now())})
	})
}

const authenticate = "/token/authenticate"

// redirect points to a host that must never hear of it.
func redirect(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
	w.Header().Set("Location", "https://elsewhere.example/take?it=all")
	w.WriteHeader(http.StatusTemporaryRedirect)
}

func TestAuthenticateRetries(t *testing.T) {
	tests := []struct {
		name     string
		times    int
		fault    anaplantest.Fault
		requests int
		err      error         // nil: it works in the end
		least    time.Duration // of waiting
		most     time.Duration
	}{
		{"no fault", 0, nil, 1, nil, 0, 0},
		{"503 once", 1, anaplantest.Unavailable(), 2, nil, 250 * time.Millisecond, 500 * time.Millisecond},
		{"503 four times", 4, anaplantest.Unavailable(), 5, nil, 1750 * time.Millisecond, 3500 * time.Millisecond},
		{"503 for ever", 9, anaplantest.Unavailable(), 5, anaplan.ErrUnavailable, 1750 * time.Millisecond, 3500 * time.Millisecond},
		{"500", 1, anaplantest.Failing(500), 2, nil, 250 * time.Millisecond, 500 * time.Millisecond},
		{"502", 1, anaplantest.Failing(502), 2, nil, 250 * time.Millisecond, 500 * time.Millisecond},
		{"408", 1, anaplantest.Failing(408), 2, nil, 250 * time.Millisecond, 500 * time.Millisecond},
		{"429 with seconds", 1, anaplantest.TooManyRequests("7"), 2, nil, 7 * time.Second, 7500 * time.Millisecond},
		{"429 with a date", 1, anaplantest.TooManyRequests("Sat, 01 Jan 2000 00:00:09 GMT"), 2, nil, 9 * time.Second, 9500 * time.Millisecond},
		{"429 with a date gone by", 1, anaplantest.TooManyRequests("Fri, 31 Dec 1999 00:00:00 GMT"), 2, nil, 10 * time.Second, 10500 * time.Millisecond},
		{"429 without", 1, anaplantest.TooManyRequests(""), 2, nil, 10 * time.Second, 10500 * time.Millisecond},
		{"429 with rubbish", 1, anaplantest.TooManyRequests("soon"), 2, nil, 10 * time.Second, 10500 * time.Millisecond},
		{"429 for ever", 9, anaplantest.TooManyRequests("1"), 5, anaplan.ErrRateLimited, 4 * time.Second, 6 * time.Second},
		{"429 longer than a payload is fresh", 1, anaplantest.TooManyRequests("60"), 1, anaplan.ErrRateLimited, 0, 0},
		{"429 longer than anybody waits", 1, anaplantest.TooManyRequests("3600"), 1, anaplan.ErrRateLimited, 0, 0},
		{"cut", 2, anaplantest.Cut(), 3, nil, 750 * time.Millisecond, 1500 * time.Millisecond},
		{"cut for ever", 9, anaplantest.Cut(), 5, anaplan.ErrUnavailable, 1750 * time.Millisecond, 3500 * time.Millisecond},
		{"cut after the work", 1, anaplantest.CutAfter(), 2, nil, 250 * time.Millisecond, 500 * time.Millisecond},
		{"cut inside the answer", 1, anaplantest.CutInside(), 2, nil, 250 * time.Millisecond, 500 * time.Millisecond},
		{"silence once", 1, anaplantest.Hang(nil), 2, nil, 15250 * time.Millisecond, 15500 * time.Millisecond},
		// 15 s four times and the waits between them: the fourth begins at 46 to 48 s, while the
		// payload is fresh.
		{"silence for ever", 9, anaplantest.Hang(nil), 4, anaplan.ErrUnavailable, 61250 * time.Millisecond, 62500 * time.Millisecond},
		{"400", 1, anaplantest.Failing(400), 1, anaplan.ErrBadRequest, 0, 0},
		{"401 without a code", 1, anaplantest.Failing(401), 1, anaplan.ErrRefused, 0, 0},
		{"403", 1, anaplantest.Failing(403), 1, anaplan.ErrRefused, 0, 0},
		{"406", 1, anaplantest.Failing(406), 1, anaplan.ErrRefused, 0, 0},
		{"firewall", 1, anaplantest.Blocked(), 1, anaplan.ErrBlocked, 0, 0},
		{"portal", 1, anaplantest.NotJSON(), 1, anaplan.ErrBlocked, 0, 0},
		{"redirect", 1, redirect, 1, anaplan.ErrRedirect, 0, 0},
		{"cut JSON", 1, anaplantest.Truncated(), 1, anaplan.ErrResponse, 0, 0},
		{"endless JSON", 1, anaplantest.Endless(1 << 20), 1, anaplan.ErrResponse, 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, agent.V2, nil, func(r *rig) {
				if test.times > 0 {
					r.service.Fault(authenticate, test.times, test.fault)
				}
				begun := time.Now()
				token, err := r.client.Authenticate(r.Context(), r.login)
				took := time.Since(begun)
				if !errors.Is(err, test.err) || (err == nil) != token.Live(time.Now()) {
					r.Errorf("error %v, want %v; token live: %v", err, test.err, token.Live(time.Now()))
				}
				if got := r.requests("POST " + authenticate); got != test.requests {
					r.Errorf("%d requests, want %d", got, test.requests)
				}
				if took < test.least || took > test.most {
					r.Errorf("it took %v, want %v to %v", took, test.least, test.most)
				}
			})
		})
	}
}

func TestV1IsBoundedByAttemptsAlone(t *testing.T) {
	inBubble(t, agent.V1, &anaplantest.Options{AcceptV1: true}, func(r *rig) {
		r.service.Fault(authenticate, 3, anaplantest.TooManyRequests("50"))
		if _, err := r.client.Authenticate(r.Context(), r.login); err != nil {
			r.Error(err)
		}
		if got := r.requests("POST " + authenticate); got != 4 {
			r.Errorf("%d requests, want 4", got)
		}
	})
}

func TestStaleLoginIsSentOnce(t *testing.T) {
	inBubble(t, agent.V2, nil, func(r *rig) {
		time.Sleep(time.Minute) // virtual
		r.service.Fault(authenticate, 1, anaplantest.Unavailable())
		if _, err := r.client.Authenticate(r.Context(), r.login); !errors.Is(err, anaplan.ErrUnavailable) {
			r.Errorf("error %v, want ErrUnavailable", err)
		}
		if got := r.requests("POST " + authenticate); got != 1 {
			r.Errorf("%d requests, want 1", got)
		}
	})
}

func TestOneLoginIsOnePayload(t *testing.T) {
	inBubble(t, agent.V2, nil, func(r *rig) {
		var bodies, headers []string
		r.service.Fault(authenticate, 3, func(w http.ResponseWriter, request *http.Request, _ http.Handler) {
			body, _ := io.ReadAll(request.Body)
			bodies, headers = append(bodies, string(body)), append(headers, request.Header.Get("Authorization"))
			w.WriteHeader(http.StatusBadGateway)
		})
		if _, err := r.client.Authenticate(r.Context(), r.login); err != nil {
			r.Error(err)
		}
		want, err := anaplan.MarshalPayload(r.login)
		if err != nil {
			r.Fatal(err)
		}
		for i, body := range bodies {
			if body != string(want) || headers[i] != anaplan.Authorization(r.login.Certificate, anaplan.FormPEM) {
				r.Errorf("attempt %d sent another body or header", i+1)
			}
		}
		if len(bodies) != 3 {
			r.Errorf("%d attempts were seen, want 3", len(bodies))
		}
	})
}

func TestRefusalOfAResendSaysSo(t *testing.T) {
	inBubble(t, agent.V2, &anaplantest.Options{RefuseReplays: true}, func(r *rig) {
		r.service.Fault(authenticate, 1, anaplantest.CutAfter())
		_, err := r.client.Authenticate(r.Context(), r.login)
		refusal, ok := errors.AsType[*anaplan.AnswerError](err)
		if !ok || !errors.Is(err, anaplan.ErrBadCredential) || refusal.Attempts != 2 {
			r.Errorf("error %v, want ErrBadCredential at attempt 2", err)
		}
	})
}

func TestCallerBoundsTheRetries(t *testing.T) {
	cause := errors.New("the agent is stopping")
	tests := []struct {
		name     string
		fault    anaplantest.Fault
		context  func(context.Context) (context.Context, context.CancelFunc)
		err      error
		requests int
		most     time.Duration
	}{
		{"a wait past the deadline is not begun", anaplantest.TooManyRequests("20"), timeout(10 * time.Second), anaplan.ErrRateLimited, 1, 0},
		{"deadline during an attempt", anaplantest.Hang(nil), timeout(4 * time.Second), context.DeadlineExceeded, 1, 4 * time.Second},
		{"cancelled during an attempt", anaplantest.Hang(nil), cancelled(time.Second, cause), cause, 1, time.Second},
		{"cancelled during a wait", anaplantest.TooManyRequests("20"), cancelled(time.Second, cause), cause, 1, time.Second},
		{"cancelled before", anaplantest.TooManyRequests("20"), cancelled(0, cause), cause, 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, agent.V2, nil, func(r *rig) {
				r.service.Fault(authenticate, 9, test.fault)
				ctx, cancel := test.context(r.Context())
				defer cancel()
				begun := time.Now()
				_, err := r.client.Authenticate(ctx, r.login)
				if !errors.Is(err, test.err) {
					r.Errorf("error %v, want %v", err, test.err)
				}
				if took := time.Since(begun); took > test.most {
					r.Errorf("it took %v, want at most %v", took, test.most)
				}
				if got := r.requests("POST " + authenticate); got != test.requests {
					r.Errorf("%d requests, want %d", got, test.requests)
				}
			})
		})
	}
}

func timeout(after time.Duration) func(context.Context) (context.Context, context.CancelFunc) {
	return func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, after)
	}
}

func cancelled(after time.Duration, cause error) func(context.Context) (context.Context, context.CancelFunc) {
	return func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancelCause(ctx)
		if after == 0 {
			cancel(cause)
		}
		timer := time.AfterFunc(after, func() { cancel(cause) })
		return ctx, func() { timer.Stop() }
	}
}

// The siblings of the login know the same rules, but no freshness.
func TestTokenCallsRetry(t *testing.T) {
	calls := map[string]func(*rig, agent.Token) error{
		"POST /token/refresh": func(r *rig, token agent.Token) error { _, err := r.client.Refresh(r.Context(), token); return err },
		"GET /token/validate": func(r *rig, token agent.Token) error { _, err := r.client.Validate(r.Context(), token); return err },
		"POST /token/logout":  func(r *rig, token agent.Token) error { return r.client.Logout(r.Context(), token) },
	}
	for route, call := range calls {
		t.Run(route, func(t *testing.T) {
			inBubble(t, agent.V2, nil, func(r *rig) {
				token, err := r.client.Authenticate(r.Context(), r.login)
				if err != nil {
					r.Fatal(err)
				}
				_, path, _ := strings.Cut(route, " ")
				r.service.Fault(path, 1, anaplantest.TooManyRequests("59"))
				r.service.Fault(path, 1, anaplantest.Cut())
				r.service.Fault(path, 1, anaplantest.Unavailable())
				if err := call(r, token); err != nil {
					r.Error(err)
				}
				r.service.RevokeAll()
				if err := call(r, token); !errors.Is(err, anaplan.ErrTokenRefused) {
					r.Errorf("a revoked token: %v, want ErrTokenRefused", err)
				}
				if got := r.requests(route); got != 5 {
					r.Errorf("%d requests, want 5", got)
				}
			})
		})
	}
}

func TestRetryLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cert := issue(t)
		service := anaplantest.New(nil)
		service.Fault("/", 100, anaplantest.Failing(503))
		client := newClient(t, anaplan.Config{AuthURL: "http://localhost", HTTP: pipe(t, service), Retry: anaplan.Retry{Attempts: 1}})
		_, err := client.Authenticate(t.Context(), sign(t, cert, agent.V2, time.Now()))
		got, _ := errors.AsType[*anaplan.AnswerError](err)
		want := anaplan.AnswerError{Kind: anaplan.ErrUnavailable, Host: "localhost", Status: 503, Attempts: 1}
		if got == nil || *got != want {
			t.Errorf("error %#v, want %#v", got, want)
		}
		if requests := service.Counts().Requests["POST /token/authenticate"]; requests != 1 {
			t.Errorf("%d requests, want 1", requests)
		}
	})
}
