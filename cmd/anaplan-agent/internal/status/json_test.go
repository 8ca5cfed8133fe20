package status

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// Whatever the agent's clock shows, programs get UTC.
func TestForProgramsIsUTC(t *testing.T) {
	at := time.Date(2026, 11, 30, 12, 0, 0, 0, time.FixedZone("here", 3600))
	status := local.Status{
		StartedAt: at, ConfiguredAt: at, Refusals: []local.Refusal{{At: at}},
		Fleet: &local.FleetStatus{Since: at, Members: []local.FleetMember{{Member: local.Member{Time: at, Since: at}}}},
		Profiles: []local.ProfileStatus{{
			Status: agent.Status{
				ExpiresAt: at, RenewAt: at, WaitUntil: at, UsedAt: at,
				Certificate: &agent.CertificateStatus{NotAfter: at},
			},
			Details: local.Details{HeldUntil: at},
		}},
	}
	data, err := json.Marshal(ForPrograms(status))
	if got, want := strings.Count(string(data), `"2026-11-30T11:00:00Z"`), 12; err != nil || got != want || strings.Contains(string(data), "+01:00") {
		t.Errorf("%d times in UTC, want %d; %v: %s", got, want, err, data)
	}
}
