package agent

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/certread"
)

// State is how a profile does.
type State string

// States of a profile.
const (
	StateIdle     State = "idle"     // nobody has asked for a token, or not for long
	StateHealthy  State = "healthy"  // there is a live token
	StateDegraded State = "degraded" // there is a live token, and renewing it fails
	StateDown     State = "down"     // there is no token, and none can be had
	StateLocked   State = "locked"   // somebody has locked it
)

// Status is a profile at one moment. Its JSON leaves out what is not known.
type Status struct {
	State       State              `json:"state"`
	Problem     *Problem           `json:"problem,omitempty"`     // of the last attempt, nil if it went well
	Generation  uint64             `json:"generation,omitempty"`  // of the token; 0 without
	ExpiresAt   time.Time          `json:"expires_at,omitzero"`   // of the token; zero without
	RenewAt     time.Time          `json:"renew_at,omitzero"`     // when it will be renewed, or the next attempt made; zero: not before a caller
	WaitUntil   time.Time          `json:"wait_until,omitzero"`   // nothing is sent before, for that was asked for; zero: nothing was
	UsedAt      time.Time          `json:"used_at,omitzero"`      // when a caller last asked; zero: never
	Certificate *CertificateStatus `json:"certificate,omitempty"` // of the last login; nil before
}

// CertificateStatus is what to know about the certificate of the last login.
type CertificateStatus struct {
	Subject  string    `json:"subject"`
	Email    string    `json:"email,omitempty"`
	NotAfter time.Time `json:"not_after"`
	SHA256   string    `json:"sha256"` // fingerprint, in hex
}

func certificateStatus(cert *x509.Certificate) *CertificateStatus {
	if cert == nil {
		return nil
	}
	sum := sha256.Sum256(cert.Raw)
	return &CertificateStatus{Subject: certread.Name(cert.Subject), Email: Email(cert), NotAfter: cert.NotAfter, SHA256: hex.EncodeToString(sum[:])}
}

func lockedProblem() *Problem {
	return &Problem{
		Code: CodeLocked, Message: "the profile is locked", Hints: []string{"anaplan-agent unlock"},
		Human: true, Final: true,
	}
}

func stoppingProblem() *Problem { return Problemf(CodeStopping, "the agent is about to end") }

// asError keeps a nil *Problem from becoming an error that is not nil.
func asError(problem *Problem) error {
	if problem == nil {
		return nil
	}
	return problem
}
