package status

import (
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/google/go-cmp/cmp"
)

func TestStatusText(t *testing.T) {
	now := time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)
	status := local.Status{
		Version: "v1.0.0", PID: 7, StartedAt: now.Add(-90 * time.Second),
		Profiles: []local.ProfileStatus{
			{Name: "default", Status: agent.Status{State: agent.StateIdle}},
			{
				Name: "prod", Status: agent.Status{
					State: agent.StateDegraded, ExpiresAt: now.Add(5 * time.Minute), RenewAt: now.Add(30 * time.Second),
					UsedAt: now.Add(-time.Second), Certificate: &agent.CertificateStatus{Email: "ana@example.com", NotAfter: now.AddDate(0, 1, 0)},
					Problem: &agent.Problem{Message: "no such card:\nnone", Hints: []string{"plug it in"}},
				}, Details: local.Details{Region: "eu1"},
			},
			{
				Name: "pair", Status: agent.Status{State: agent.StateHealthy, ExpiresAt: now.Add(5 * time.Minute)},
				Details: local.Details{Keys: 2, Key: 2, Warning: "the certificate ends in 7 days", WarningDays: 7},
			},
			{Name: "new", Status: agent.Status{State: agent.StateIdle}, Details: local.Details{Keys: 2}},
			{Name: "held", Status: agent.Status{State: agent.StateIdle}, Details: local.Details{HeldUntil: now.Add(4 * time.Minute)}},
			{Name: "late", Status: agent.Status{State: agent.StateDown, ExpiresAt: now.Add(-time.Second)}},
			{Name: "busy", Status: agent.Status{State: agent.StateDown, WaitUntil: now.Add(90 * time.Second), Problem: &agent.Problem{Message: "too many requests"}}},
		},
	}
	want := `agent v1.0.0, process 7, up 1m30s
PROFILE  STATE     USER             REGION  TOKEN ENDS  RENEWAL  CERTIFICATE ENDS  LAST ASKED
default  idle      -                -       -           -        -                 never
prod     degraded  ana@example.com  eu1     in 5m0s     in 30s   2026-12-25        1s ago
pair     healthy   -                -       in 5m0s     -        -                 never
new      idle      -                -       -           -        -                 never
held     idle      -                -       -           -        -                 never
late     down      -                -       in 0s       -        -                 never
busy     down      -                -       -           -        -                 never

prod: no such card:
  none
  hint: plug it in

pair: key 2 of 2 is in use
  warning: the certificate ends in 7 days

held: Anaplan limits the rate of calls (429): none is sent until ` + console.Time(now.Add(4*time.Minute)) + `, in 4m0s

busy: too many requests
  no login is tried for another 1m30s; to try now: anaplan-agent login
`
	if diff := cmp.Diff(want, Text(status, now)); diff != "" {
		t.Errorf("status (-want +got):\n%s", diff)
	}
}
