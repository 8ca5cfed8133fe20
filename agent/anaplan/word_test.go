package anaplan_test

import (
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
)

// foreign are answers that a box between here and the service gives, or may give: none is
// the service's word about a certificate or a token.
var foreign = []struct {
	name   string
	status int
	header map[string]string
	body   string
}{
	{"a proxy's web page by 401", 401, map[string]string{"Content-Type": "text/html"}, "<html>Log in to the proxy</html>"},
	{"a web page that calls itself JSON", 401, map[string]string{"Content-Type": "application/json"}, "<!DOCTYPE html>"},
	{"JSON that calls itself a web page", 401, map[string]string{"Content-Type": "text/html"}, `{"status":"FAILURE_BAD_CREDENTIAL"}`},
	{"401 without a body", 401, nil, ""},
	{"401 by text", 401, nil, "unauthorized"},
	{"401 by another product", 401, nil, `{"error":"invalid_token","error_description":"expired"}`},
	{"401 with a number", 401, nil, `{"status":401,"message":"Unauthorized"}`},
	{"401 with a word", 401, nil, `{"status":"UNAUTHORIZED","statusMessage":"no"}`},
	{"401 with an error", 401, nil, `{"status":"error"}`},
	{"401 with a code in a list", 401, nil, `["FAILURE_BAD_CREDENTIAL"]`},
	{"401 with half an answer", 401, nil, `{"status":"FAILURE_BAD_CREDENTIAL","statusMess`},
	{"400 by a web page", 400, map[string]string{"Content-Type": "text/html"}, "<html>Bad request</html>"},
	{"400 in JSON", 400, nil, `{"error":"bad request"}`},
	{"400 of the service", 400, nil, `{"status":"FAILURE_BAD_REQUEST","statusMessage":"Invalid request."}`},
	{"403 of the service", 403, nil, `{"status":"FAILURE_UNAUTHORIZED_USER_ACTION","statusMessage":"no"}`},
	{"403", 403, nil, `{"error":"forbidden"}`},
	{"404", 404, nil, "not found"},
	{"407", 407, map[string]string{"Proxy-Authenticate": "Basic"}, ""},
	{"418", 418, nil, "a teapot"},
	{"451", 451, nil, ""},
	{"302", 302, map[string]string{"Location": "https://portal.example/"}, ""},
	{"302 with the service's code", 302, map[string]string{"Location": "/"}, `{"status":"FAILURE_BAD_CREDENTIAL"}`},
	{"304", 304, nil, ""},
	{"a portal by 200", 200, map[string]string{"Content-Type": "text/html"}, "<html>Welcome</html>"},
	{"another product's JSON by 200", 200, nil, `{"ok":true}`},
	{"503 with the service's code", 503, nil, `{"status":"FAILURE_BAD_CREDENTIAL"}`},
	{"429 with the service's code", 429, nil, `{"status":"FAILURE_BAD_CREDENTIAL"}`},
}

func TestForeignAnswersAreNobodysWord(t *testing.T) {
	login := sign(t, issue(t), agent.V2, time.Now())
	for _, test := range foreign {
		t.Run(test.name, func(t *testing.T) {
			client := answering(t, test.status, test.header, test.body)
			_, err := client.Authenticate(t.Context(), login)
			if err == nil || errors.Is(err, anaplan.ErrBadCredential) || errors.Is(err, anaplan.ErrBadHeader) {
				t.Errorf("the login is refused for good: %v", err)
			}
			if _, err := client.Refresh(t.Context(), agent.Token{Value: agent.NewSecret("old")}); err == nil || errors.Is(err, anaplan.ErrTokenRefused) {
				t.Errorf("the token is taken for a dead one: %v", err)
			}
			if err := client.Logout(t.Context(), agent.Token{Value: agent.NewSecret("old")}); err == nil || errors.Is(err, anaplan.ErrTokenRefused) {
				t.Errorf("the token is taken for an ended one: %v", err)
			}
		})
	}
}

// A box with a clock of its own does not make anybody set this machine's.
func TestForeignAnswersTellNoTime(t *testing.T) {
	login := sign(t, issue(t), agent.V2, time.Now())
	date := time.Now().Add(-3 * time.Hour).UTC().Format(http.TimeFormat)
	for _, status := range []int{400, 401} {
		client := answering(t, status, map[string]string{"Date": date}, `{"error":"no"}`)
		_, err := client.Authenticate(t.Context(), login)
		_, skewed := errors.AsType[*anaplan.ClockSkewError](err)
		_, stale := errors.AsType[*anaplan.StalePayloadError](err)
		if err == nil || skewed || stale {
			t.Errorf("HTTP %d: %v", status, err)
		}
	}
}
