package modelstate

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/integration"
)

const call = "/2/0/workspaces/W/models/M/processes"

// serving returns a client that is answered so.
func serving(t *testing.T, status int, body string) *integration.Client {
	transport := func(r *http.Request) (*http.Response, error) {
		if r.Method != http.MethodPost || r.URL.Path != "/2/0/workspaces/W/models/M/status" {
			t.Errorf("asked %s %s", r.Method, r.URL.Path)
		}
		return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
	}
	return &integration.Client{Base: "https://x", HTTP: &http.Client{Transport: roundTrip(transport)}}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestWords shows what is said of a model, by answers as Anaplan documents them.
func TestWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(33 * time.Hour) // the bubble's time begins at midnight UTC, and days have their own
		now := time.Now()
		at := func(ago time.Duration) string {
			text, _ := json.Marshal(now.Add(-ago).UnixMilli())
			return string(text)
		}
		for _, test := range []struct{ name, status, want string }{
			{"export", `{"exportTaskType":null,"taskId":"6EB7F52C-11","currentStep":"Processing ...","tooltip":"The system is currently processing an Export:\n\nExport started by user Jesse Smith (jesse.smith@yourcompany.com)\n\nExport started at 11:23 (UTC)\nTasks can be cancelled in Model Management.","progress":0.44110000000000005,"creationTime":` + at(4*time.Minute) + `}`,
				`model "Plan" is busy since ` + now.Add(-4*time.Minute).Local().Format("15:04") + ` (4m0s): processing an Export of user Jesse Smith (jesse.smith@yourcompany.com), 44 % done`},
			{"yesterday", `{"taskId":"A","currentStep":"Processing ...","progress":0.0,"creationTime":` + at(24*time.Hour) + `}`,
				`model "Plan" is busy since ` + now.Add(-24*time.Hour).Local().Format("2006-01-02 15:04") + ` (24h0m0s): Processing ..., task A`},
			{"other words", `{"tooltip":"Das System\u001b[31m arbeitet"}`, `model "Plan" is busy: Das System [31m arbeitet`},
			{"open", `{"progress":-1.0,"currentStep":"Open","tooltip":null,"creationTime":1,"taskId":null}`, ""},
		} {
			state, ok, err := Of(t.Context(), serving(t, 200, `{"requestStatus":`+test.status+`}`), call)
			if err != nil || !ok {
				t.Fatalf("%s: %v, %v", test.name, ok, err)
			}
			got := ""
			if state.Busy() {
				got = state.Words("Plan")
			}
			if got != test.want {
				t.Errorf("%s:\ngot  %q\nwant %q", test.name, got, test.want)
			}
		}
	})
}

// TestOfNothing: what is not about a model is not asked for, and a refusal is an error.
func TestOfNothing(t *testing.T) {
	for _, other := range []string{"/2/0/models", "/2/0/models/M", "/2/0/workspaces/W/models", "/2/0/workspaces/W/models/M/status", "/2/0/users/me", "", "/"} {
		if _, ok, err := Of(context.Background(), &integration.Client{}, other); ok || err != nil {
			t.Errorf("%s: %v, %v", other, ok, err)
		}
	}
	if model, ok := path("/2/0/models/M/files?x=1"); !ok || model != "/2/0/models/M" {
		t.Errorf("%q, %v", model, ok)
	}
	_, _, err := Of(t.Context(), serving(t, 403, `{}`), call)
	if refusal, ok := errors.AsType[*integration.APIError](err); !ok || refusal.Status != 403 {
		t.Errorf("error %v", err)
	}
	if _, _, err = Of(t.Context(), serving(t, 200, `<html>`), call); !errors.Is(err, integration.ErrResponse) {
		t.Errorf("error %v", err)
	}
}
