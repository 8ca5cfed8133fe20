package status

import (
	"slices"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// ForPrograms returns the status as programs get it: with all times in UTC.
func ForPrograms(status local.Status) local.Status {
	inUTC(&status.StartedAt, &status.ConfiguredAt)
	status.Refusals = slices.Clone(status.Refusals)
	for i := range status.Refusals {
		inUTC(&status.Refusals[i].At)
	}
	status.TLS = tlsInUTC(status.TLS)
	status.Fleet = fleetInUTC(status.Fleet)
	status.Profiles = slices.Clone(status.Profiles)
	for i := range status.Profiles {
		p := &status.Profiles[i]
		inUTC(&p.ExpiresAt, &p.RenewAt, &p.WaitUntil, &p.UsedAt, &p.HeldUntil)
		p.Certificate = certificateInUTC(p.Certificate)
	}
	return status
}

func tlsInUTC(tls *local.TLSStatus) *local.TLSStatus {
	if tls == nil {
		return nil
	}
	told := *tls
	inUTC(&told.NotAfter)
	told.Callers = slices.Clone(told.Callers)
	for i := range told.Callers {
		inUTC(&told.Callers[i].At)
	}
	return &told
}

func fleetInUTC(fleet *local.FleetStatus) *local.FleetStatus {
	if fleet == nil {
		return nil
	}
	told := *fleet
	inUTC(&told.Since)
	told.Members = slices.Clone(told.Members)
	for i := range told.Members {
		inUTC(&told.Members[i].Time, &told.Members[i].Since)
	}
	return &told
}

func certificateInUTC(cert *agent.CertificateStatus) *agent.CertificateStatus {
	if cert == nil {
		return nil
	}
	told := *cert
	inUTC(&told.NotAfter)
	return &told
}

func inUTC(times ...*time.Time) {
	for _, at := range times {
		if !at.IsZero() {
			*at = at.UTC()
		}
	}
}
