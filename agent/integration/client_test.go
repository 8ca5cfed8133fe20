package integration

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/backoff"
)

// get asks for something by a client, and returns how that failed.
func get(ctx context.Context, c *Client) error {
	return c.ask(ctx, call{method: http.MethodGet, path: "/2/0/models/M"}, new(map[string]any))
}

func TestRefusalsInWords(t *testing.T) {
	tests := []struct {
		name   string
		status int
		header map[string]string
		body   string
		words  []string
	}{
		{"as documented", 404, nil, `{"status":{"code":404,"message":"Resource not found"}}`,
			[]string{"GET /2/0/models/M: there is no such thing, or this user may not see it (HTTP 404)", `"Resource not found"`}},
		{"as the auth host", 401, nil, `{"status":"FAILURE_BAD_CREDENTIAL","statusMessage":"bad"}`, []string{"does not take the token (HTTP 401)", `"bad"`}},
		{"as a framework", 400, nil, `{"status":400,"message":"nope"}`, []string{"does not take the request (HTTP 400)", `"nope"`}},
		{"nonsense", 409, nil, `}{`, []string{"Anaplan does not allow it there, or the model is busy with something that is in conflict with it (HTTP 409)"}},
		{"archived", 422, nil, "", []string{"the model is archived (HTTP 422)"}},
		{"locked", 423, nil, "", []string{"the model is locked (HTTP 423)"}},
		{"offline", 424, nil, "", []string{"the model is offline (HTTP 424)"}},
		{"deployed", 425, nil, "", []string{"the model is in deployed mode, which does not take that (HTTP 425)"}},
		{"other types", 403, nil, `{"status":[1],"message":{"a":1},"statusMessage":7,"problem":3}`, []string{"may not do that (HTTP 403)"}},
		{"a page", 403, map[string]string{"Content-Type": "text/html; charset=utf-8"}, "<html>", []string{"a web page came"}},
		{"a redirect", 302, map[string]string{"Location": "https://elsewhere.example/"}, "", []string{"points elsewhere, where nothing is sent"}},
		{"long", 501, nil, `{"status":{"message":"` + strings.Repeat("word ", 9999) + `"}}`, []string{"Anaplan fails (HTTP 501)", "…"}},
		{"control characters", 418, nil, `{"status":{"message":"a\u001b[31mb\nc\u202ed"}}`, []string{`"a [31mb c d"`}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			asked := 0
			client := served(func(w http.ResponseWriter, r *http.Request) {
				if asked++; asked > 1 { // what is asked again, or elsewhere, fails here and does not go on
					w.WriteHeader(http.StatusTeapot)
					return
				}
				for name, value := range test.header {
					w.Header().Set(name, value)
				}
				w.WriteHeader(test.status)
				io.WriteString(w, test.body)
			})
			err := get(t.Context(), client)
			wantError(t, err, test.words...)
			refusal, ok := errors.AsType[*APIError](err)
			if !ok || refusal.Status != test.status || refusal.Code != "" || refusal.Method != "GET" || refusal.Path != "/2/0/models/M" {
				t.Errorf("error %#v", err)
			}
			if _, ok := errors.AsType[*agent.Problem](err); ok || asked != 1 || len(err.Error()) > 600 {
				t.Errorf("asked %d times, %d bytes of error: %v", asked, len(err.Error()), err)
			}
		})
	}
}

func TestRefusalsOfTheAgent(t *testing.T) {
	client := served(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Anaplan-Agent-Problem", "pin_needed")
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, `{"status":{"code":503,"message":"a PIN is needed"},
			"problem":{"code":"pin_needed","message":"a PIN is needed","hints":["anaplan-agent unlock"],"human":true,"pin":{"question":"PIN?"}}}`)
	})
	err := get(t.Context(), client)
	wantError(t, err, "GET /2/0/models/M: refused by the agent: a PIN is needed")
	refusal, _ := errors.AsType[*APIError](err)
	problem := agent.ProblemOf(err)
	if refusal.Code != agent.CodePINNeeded || !problem.Human || problem.PIN == nil || problem.Hints[0] != "anaplan-agent unlock" {
		t.Errorf("error %#v, problem %#v", refusal, problem)
	}

	mute := served(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Anaplan-Agent-Problem", "not_allowed")
		w.WriteHeader(http.StatusForbidden)
	})
	err = get(t.Context(), mute)
	wantError(t, err, "refused by the agent", "not_allowed")
	if agent.ProblemOf(err).Code != agent.CodeNotAllowed {
		t.Errorf("error %#v", err)
	}
}

func TestNoTokenInErrors(t *testing.T) {
	// What tokens look like, and what does not.
	anaplan := strings.Repeat("Ab1+", 6) + "." + strings.Repeat("xY/9", 112) + "." + strings.Repeat("q7==", 11)
	phantom := "aap_" + strings.Repeat("dGhpc19pcyBu", 4)[:43]
	for _, token := range []string{anaplan, phantom} {
		for _, text := range []string{token, "no " + token + "!", strings.Repeat("long ", 590) + token, "é" + token + "é", `"` + token + `"`, "/" + token, token + " " + token + " " + token + token + token + token} {
			got := clean(text)
			for i := 0; i+24 < len(token); i++ {
				if strings.Contains(got, token[i:i+24]) {
					t.Fatalf("%.80q shows %q", text, got)
				}
			}
		}
	}
	for _, text := range []string{
		"dial unix /run/user/1000/anaplan-agent-of-somebody/agent.sock: no such file",
		"model 08B4AFAF5DEA463999B0A5CBCC18DF69 is gone (123e4567-e89b-12d3-a456-426614174000)",
	} {
		if got := clean(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestUnusableAnswers(t *testing.T) {
	tests := []struct{ name, contentType, body, words string }{
		{"cut JSON", "application/json", `{"a":`, "it is not the JSON that it should be"},
		{"a portal", "text/html", `<html>`, "a web page came"},
		{"empty", "", ``, "it is not the JSON"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			asked := 0
			client := served(func(w http.ResponseWriter, r *http.Request) {
				asked++
				w.Header().Set("Content-Type", test.contentType)
				io.WriteString(w, test.body)
			})
			err := get(t.Context(), client)
			wantError(t, err, "GET /2/0/models/M: the answer cannot be used: "+test.words)
			if !errors.Is(err, ErrResponse) || asked != 1 {
				t.Errorf("asked %d times: %v", asked, err)
			}
		})
	}
}

func TestEndlessAnswer(t *testing.T) {
	client := &Client{Base: "https://api.example.com", HTTP: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(zeros{}), Request: r}, nil
	})}}
	wantError(t, get(t.Context(), client), "it has more than 64 MiB")
}

// zeros never end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestUnusableAddresses(t *testing.T) {
	for _, test := range []struct{ base, path, words string }{
		{"", "/2/0/models", `the API URL "" cannot be used`},
		{"ftp://x", "/2/0/models", "cannot be used"},
		{"https://", "/2/0/models", "cannot be used"},
		{"https://x", "2/0/models", "must begin with a slash"},
		{"https://x", "/2/%zz", "must be escaped"},
		{"https://x", "/2/\x00", "must be escaped"},
	} {
		client := &Client{Base: test.base}
		_, err := client.Do(t.Context(), "GET", test.path, nil, nil, nil)
		wantError(t, err, test.words)
	}
	client := &Client{Base: "https://x"}
	_, err := client.Do(t.Context(), "G E T", "/2", nil, nil, nil)
	wantError(t, err, "G E T /2 makes no request")
}

func TestAuditHost(t *testing.T) {
	for audit, want := range map[string]string{
		"":                   "https://api.example/2/0/models https://api.example/audit/api/1/events https://api.example/auditor ",
		"https://a.example/": "https://api.example/2/0/models https://a.example/audit/api/1/events https://api.example/auditor ",
	} {
		var got string
		client := &Client{Base: "https://api.example", Audit: audit, HTTP: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			got += r.URL.String() + " "
			return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody, Request: r}, nil
		})}}
		for _, path := range []string{"/2/0/models", "/audit/api/1/events", "/auditor"} {
			if _, err := client.Do(t.Context(), "GET", path, nil, nil, nil); err != nil {
				t.Error(err)
			}
		}
		if got != want {
			t.Errorf("audit host %q: asked %s, want %s", audit, got, want)
		}
	}
}

func TestPathIsSentAsItIs(t *testing.T) {
	var seen *http.Request
	client := served(func(w http.ResponseWriter, r *http.Request) { seen = r })
	client.Base += "/"
	client.UserAgent = "test/1"
	response, err := client.Do(t.Context(), "GET", "/2/0/a%20b%2Fc?x=1&a=%2F", map[string][]string{"limit": {"5"}}, nil, http.Header{"Accept": {"text/csv"}})
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	if got, want := seen.URL.RequestURI(), "/2/0/a%20b%2Fc?x=1&a=%2F&limit=5"; got != want {
		t.Errorf("path %q, want %q", got, want)
	}
	if seen.Header.Get("User-Agent") != "test/1" || seen.Header.Get("Accept") != "text/csv" {
		t.Errorf("header %v", seen.Header)
	}
}

// tries runs a GET in a bubble against a handler, and returns how often it was asked, how long that
// took, and how it ended.
func tries(t *testing.T, ctx func() (context.Context, context.CancelFunc), handler http.HandlerFunc) (asked int, took time.Duration, told string, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		client := served(func(w http.ResponseWriter, r *http.Request) {
			asked++
			handler(w, r)
		})
		said := &notes{}
		client.Notify = said.add
		within, cancel := t.Context(), func() {}
		if ctx != nil {
			within, cancel = ctx()
		}
		defer cancel()
		begun := time.Now()
		err = get(within, client)
		took, told = time.Since(begun), said.all()
	})
	return asked, took, told, err
}

func TestTriesAgain(t *testing.T) {
	ok := func(w http.ResponseWriter) { io.WriteString(w, `{}`) }
	passing := map[string]http.HandlerFunc{
		"the connection was lost":      func(w http.ResponseWriter, r *http.Request) { cut() },
		"the connection stalled":       func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"is rerouted (HTTP 410)":       func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(410) },
		"not available (HTTP 500)":     func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(500) },
		"not available (HTTP 502)":     func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(502) },
		"not available (HTTP 503)":     func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503) },
		"not available (HTTP 504)":     func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(504) },
		"Anaplan asks for patience":    func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(429) },
		"the agent asks for patience":  problem("rate_limited", 429),
		"the agent cannot reach":       problem("unreachable", 503),
		"agent asks for patience; try": problem("too_many", 429),
	}
	for words, fail := range passing {
		t.Run(words, func(t *testing.T) {
			n := 0
			asked, _, told, err := tries(t, nil, func(w http.ResponseWriter, r *http.Request) {
				if n++; n < 8 {
					fail(w, r)
					return
				}
				ok(w)
			})
			if err != nil || asked != 8 || strings.Count(told, words) != 7 || !strings.Contains(told, "; trying again in ") {
				t.Errorf("asked %d times, told %q: %v", asked, told, err)
			}
			asked, _, _, err = tries(t, nil, fail)
			if asked != 8 {
				t.Errorf("asked %d times, want 8", asked)
			}
			wantError(t, err, "tried 8 times: GET /2/0/models/M: ")
		})
	}
}

// problem refuses as the agent does.
func problem(code agent.Code, status int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Anaplan-Agent-Problem", string(code))
		w.WriteHeader(status)
	}
}

func TestTriesNotAgain(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 405, 409, 413, 422, 423, 424, 425, 501} {
		asked, took, _, err := tries(t, nil, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) })
		if asked != 1 || took != 0 || err == nil {
			t.Errorf("HTTP %d: asked %d times in %v: %v", status, asked, took, err)
		}
	}
	for _, code := range []agent.Code{agent.CodePINNeeded, agent.CodeNotAllowed, agent.CodeLocked, agent.CodeLoginRefused, agent.CodeAuditFailed} {
		asked, _, _, err := tries(t, nil, problem(code, 503))
		if asked != 1 || err == nil {
			t.Errorf("%s: asked %d times: %v", code, asked, err)
		}
	}
}

func TestProblemsOfTheTransport(t *testing.T) {
	for code, want := range map[agent.Code]int{agent.CodePINRefused: 1, agent.CodeUnreachable: 3} {
		asked := 0
		client := &Client{Base: "https://x", Retry: Retry{Attempts: 3, Delay: time.Nanosecond}, HTTP: &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			asked++
			return nil, fmt.Errorf("no token: %w", agent.Problemf(code, "it is so"))
		})}}
		err := get(t.Context(), client)
		if asked != want || agent.ProblemOf(err).Code != code {
			t.Errorf("%s: asked %d times, want %d: %v", code, asked, want, err)
		}
	}
}

func TestPauses(t *testing.T) {
	pause := func(header, value string) http.HandlerFunc {
		n := 0
		return func(w http.ResponseWriter, r *http.Request) {
			if n++; n > 1 {
				io.WriteString(w, "{}")
				return
			}
			w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)) // another clock
			w.Header().Set(header, value)
			w.WriteHeader(429)
		}
	}
	// The date of a bubble's beginning, an hour ahead, and 20 s more.
	later := time.Date(2000, 1, 1, 1, 0, 20, 0, time.UTC).Format(http.TimeFormat)
	for _, test := range []struct {
		header, value string
		least, most   time.Duration
	}{
		{"Retry-After", "7", 7 * time.Second, 8 * time.Second},
		{"Retry-After", later, 20 * time.Second, 21 * time.Second},
		{"Retry-After", "soon", 10 * time.Second, 11 * time.Second},
		{"X-None", "", 10 * time.Second, 11 * time.Second},
	} {
		asked, took, _, err := tries(t, nil, pause(test.header, test.value))
		if err != nil || asked != 2 || took < test.least || took > test.most {
			t.Errorf("%s: %s: asked %d times in %v: %v", test.header, test.value, asked, took, err)
		}
	}
	// A day is not taken at its word, for the allowance of a whole minute is back sooner.
	asked, took, told, err := tries(t, nil, pause("Retry-After", "99999999999999999999"))
	if err != nil || asked != 2 || took < 5*time.Minute || took > 5*time.Minute+time.Second || !strings.Contains(told, "trying again in 5m") {
		t.Errorf("asked %d times in %v, told %q: %v", asked, took, told, err)
	}

	// Doubling from half a second to 30 s, half of it by chance: 0.5+1+2+4+8+16+30 at most.
	asked, took, _, _ = tries(t, nil, func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503) })
	if most := 61500 * time.Millisecond; asked != 8 || took < most/2 || took > most {
		t.Errorf("asked %d times in %v", asked, took)
	}
}

func TestContextBoundsAttempts(t *testing.T) {
	failing := func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(503) }
	short := func() (context.Context, context.CancelFunc) {
		return context.WithTimeout(context.Background(), 3*time.Second)
	}
	asked, took, _, err := tries(t, short, failing)
	if took >= 3*time.Second || asked < 2 {
		t.Errorf("asked %d times in %v", asked, took)
	}
	wantError(t, err, "there is no time to try again: GET")

	enough := errors.New("enough")
	stopped := func() (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancelCause(context.Background())
		time.AfterFunc(2*time.Second, func() { cancel(enough) })
		return ctx, func() { cancel(nil) }
	}
	_, took, _, err = tries(t, stopped, failing)
	if took != 2*time.Second || !errors.Is(err, enough) {
		t.Errorf("took %v: %v", took, err)
	}
	_, took, _, err = tries(t, stopped, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
	if took != 2*time.Second || !errors.Is(err, enough) {
		t.Errorf("took %v: %v", took, err)
	}
}

func TestAnAttemptMayTakeLongAsLongAsSomethingMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := &slowBody{left: 20, every: time.Minute}
		client := &Client{Base: "https://x", HTTP: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			body.ctx = r.Context()
			return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(body), Request: r}, nil
		})}}
		begun := time.Now()
		got, err := client.once(t.Context(), call{method: "GET", path: "/2/0/x"})
		if err != nil || len(got) != 20 || time.Since(begun) != 20*time.Minute {
			t.Errorf("%d bytes after %v: %v", len(got), time.Since(begun), err)
		}
		*body = slowBody{left: 20, every: 3 * time.Minute}
		if _, err = client.once(t.Context(), call{method: "GET", path: "/2/0/x"}); !errors.Is(err, errStalled) {
			t.Errorf("error %v, want errStalled", err)
		}
	})
}

// TestWhyThereIsNoAnswer: what holds a call is asked for after five seconds, is told, and stands in
// place of a connection that stalled.
func TestWhyThereIsNoAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begun, said := time.Now(), &notes{}
		var asked []time.Duration
		client := &Client{Base: "https://x", Retry: Retry{Attempts: 2, Delay: time.Second}, Notify: said.add,
			HTTP: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				<-r.Context().Done()
				return nil, r.Context().Err()
			})},
			Held: func(_ context.Context, path string) string {
				if path != "/2/0/models/M" {
					t.Errorf("asked about %s", path)
				}
				asked = append(asked, time.Since(begun))
				return "the model is busy"
			}}
		err := get(t.Context(), client)
		wantError(t, err, "tried 2 times: GET /2/0/models/M: ", "nothing was heard for too long (2m0s): the model is busy")
		if told := said.all(); strings.Count(told, "the model is busy; waiting for it") != 2 || !strings.Contains(told, "the model is busy; trying again in ") || strings.Contains(told, "stalled") {
			t.Errorf("told %q", told)
		}
		if len(asked) != 8 || asked[0] != 5*time.Second || asked[1] != 35*time.Second {
			t.Errorf("asked after %v", asked)
		}
	})
}

// TestNobodyIsAskedWhileSomethingMoves: a slow upload is not held.
func TestNobodyIsAskedWhileSomethingMoves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		client := &Client{Base: "https://x",
			HTTP: &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
				piece := make([]byte, 10)
				for {
					if _, err := io.ReadFull(r.Body, piece); err != nil {
						return &http.Response{StatusCode: 204, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
					}
					time.Sleep(4 * time.Second)
				}
			})},
			Held: func(context.Context, string) string { t.Error("asked"); return "" }}
		_, err := client.once(t.Context(), call{method: "PUT", path: "/2/0/x", body: strings.NewReader(strings.Repeat("x", 200)), size: 200})
		if err != nil {
			t.Error(err)
		}
	})
}

// slowBody gives a byte at a time.
type slowBody struct {
	ctx   context.Context
	left  int
	every time.Duration
}

func (b *slowBody) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	if err := backoff.Sleep(b.ctx, b.every); err != nil {
		return 0, err
	}
	b.left--
	p[0] = 'x'
	return 1, nil
}

func TestDo(t *testing.T) {
	type seen struct{ method, body, length string }
	newRecorder := func(failures int, status int) (*Client, *[]seen) {
		var all []seen
		client := served(func(w http.ResponseWriter, r *http.Request) {
			body, _ := io.ReadAll(r.Body)
			all = append(all, seen{r.Method, string(body), r.Header.Get("X-Length")})
			if len(all) <= failures {
				w.WriteHeader(status)
			}
			io.WriteString(w, "answer")
		})
		client.Retry = quick
		return client, &all
	}
	pipe := func(text string) io.Reader { return io.MultiReader(strings.NewReader(text)) }
	for _, test := range []struct {
		name, method string
		body         io.Reader
		asked        int
		status       int
	}{
		{"GET", "GET", nil, 3, 200},
		{"DELETE", "DELETE", nil, 3, 200},
		{"PUT of a file", "PUT", strings.NewReader("text"), 3, 200},
		{"PUT of a pipe", "PUT", pipe("text"), 1, 503},
		{"POST", "POST", strings.NewReader("text"), 1, 503},
		{"PATCH", "PATCH", bytes.NewReader([]byte("text")), 1, 503},
	} {
		t.Run(test.name, func(t *testing.T) {
			client, all := newRecorder(2, 503)
			client.HTTP = &http.Client{Transport: closing(t, client.HTTP.Transport)}
			response, err := client.Do(t.Context(), test.method, "/2/0/x", nil, test.body, nil)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil || string(body) != "answer" || response.StatusCode != test.status || len(*all) != test.asked {
				t.Errorf("HTTP %d %q after %d requests: %v", response.StatusCode, body, len(*all), err)
			}
			for _, one := range *all {
				if test.body != nil && one.body != "text" {
					t.Errorf("body %q", one.body)
				}
			}
		})
	}

	// A refusal that stays is what is returned, with its body.
	client, all := newRecorder(100, 503)
	response, err := client.Do(t.Context(), "GET", "/2/0/x", nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, _ := io.ReadAll(response.Body)
	if len(*all) != 8 || response.StatusCode != 503 || string(body) != "answer" {
		t.Errorf("HTTP %d %q after %d requests", response.StatusCode, body, len(*all))
	}
	response.Body = io.NopCloser(strings.NewReader(`{"status":{"message":"no"}}`))
	refusal, body := Refusal("GET", "/2/0/x", response)
	if refusal.Status != 503 || refusal.Message != "no" || string(body) != `{"status":{"message":"no"}}` {
		t.Errorf("%v, %s", refusal, body)
	}
}

func TestDoWithoutAnAnswer(t *testing.T) {
	asked := 0
	client := served(func(w http.ResponseWriter, r *http.Request) { asked++; cut() })
	client.Retry = quick
	_, err := client.Do(t.Context(), "POST", "/2/0/x?secret=1", nil, nil, nil)
	wantError(t, err, "POST /2/0/x: the connection failed: the connection was reset")
	if asked != 1 || strings.Contains(err.Error(), "secret") {
		t.Errorf("asked %d times: %v", asked, err)
	}
}

func TestWhatIsSentCannotBeRead(t *testing.T) {
	asked := 0
	client := served(func(w http.ResponseWriter, r *http.Request) { asked++ })
	broken := &brokenReader{Reader: strings.NewReader("abc")}
	_, err := client.Do(t.Context(), "PUT", "/2/0/x", nil, broken, nil)
	wantError(t, err, "reading what is to be sent: the disk is gone")
	if asked != 0 {
		t.Errorf("asked %d times", asked)
	}
}

// brokenReader fails where it should end.
type brokenReader struct{ *strings.Reader }

func (b *brokenReader) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if err == io.EOF {
		err = errors.New("the disk is gone")
	}
	return n, err
}
