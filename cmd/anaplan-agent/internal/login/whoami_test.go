package login

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/roomtest"
)

// A certificate that Anaplan maps to somebody else is what whoami is for.
func TestWhoamiWarnsOfAnotherUser(t *testing.T) {
	for answer, warns := range map[string]bool{"Ana@Example.com": false, "bob@example.com": true} {
		server := anaplantest.NewServer(t, nil)
		server.Fault("/token/validate", 1, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			w.Write([]byte(`{"status":"SUCCESS","tokenInfo":{"expiresAt":4102444800000},"userInfo":{"userId":"` + answer + `"}}`))
		})
		client, err := anaplan.New(anaplan.Config{AuthURL: server.URL, HTTP: server.Client()})
		if err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		run := &device.Run{Ctx: t.Context(), Say: &console.Messenger{Out: &out}}
		cert := roomtest.Certificate(t, "x", false)
		cert.EmailAddresses = []string{"ana@example.com"}
		who, err := validate(run, client, agent.Token{Value: agent.NewSecret("t")}, cert)
		if err != nil || who.UserID != answer || who.CertificateUntil == nil {
			t.Errorf("%s: %+v, %v", answer, who, err)
		}
		if got := strings.Contains(out.String(), "warning: the certificate names ana@example.com, but Anaplan says bob"); got != warns {
			t.Errorf("%s: %q", answer, out.String())
		}
	}
}

func TestIdentityText(t *testing.T) {
	now := time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC)
	end := now.AddDate(0, 0, 30).Add(-time.Second) // a day that has begun counts, as for doctor
	text := Identity{UserID: "ana@example.com", UserGUID: "u", CustomerGUID: "c", TokenExpiresAt: now.Add(35 * time.Minute), CertificateUntil: &end}.Text(now)
	want := `user               ana@example.com
user GUID          u
customer GUID      c
token ends         2026-06-01 00:35:00 UTC (35m0s)
certificate ends   2026-06-30 (in 30 days)
`
	if text != want {
		t.Errorf("got:\n%swant:\n%s", text, want)
	}
}
