package login

import (
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/certlint"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// Identity is what whoami prints; docs/schema/whoami.json describes its JSON.
type Identity struct {
	UserID           string     `json:"user_id"`
	UserGUID         string     `json:"user_guid"`
	CustomerGUID     string     `json:"customer_guid"`
	TokenExpiresAt   time.Time  `json:"token_expires_at,omitzero"`
	CertificateUntil *time.Time `json:"certificate_until,omitempty"`
}

// Whoami validates the given token, or one that it makes and ends. It does not end a given token.
func Whoami(r *device.Run, from string) (Identity, error) {
	client, err := settings.NewClient(r.Profile, nil)
	if err != nil {
		return Identity{}, err
	}
	if from != "" {
		token, err := ReadToken(from)
		if err != nil {
			return Identity{}, err
		}
		return validate(r, client, token, nil)
	}
	signed, err := Sign(r, client)
	if err != nil {
		return Identity{}, err
	}
	token, err := client.Authenticate(r.Ctx, signed)
	if err != nil {
		return Identity{}, err
	}
	who, err := validate(r, client, token, signed.Certificate)
	if ended := EndToken(r.Ctx, client, token); ended != nil { // the answer is good all the same
		r.Say.Warn("the token of this login could not be ended, and stays valid until it expires: %v", ended)
	}
	return who, err
}

// validate asks Anaplan about a token. cert is what the token was got with, nil if
// that is not known. A user other than the certificate's is a warning: Anaplan maps
// by the e-mail address when the certificate is registered (contract section 5.2),
// and an address that was changed since is a job that runs as somebody unexpected.
func validate(r *device.Run, client *anaplan.Client, token agent.Token, cert *x509.Certificate) (Identity, error) {
	found, err := client.Validate(r.Ctx, token)
	if err != nil {
		return Identity{}, err
	}
	who := Identity{UserID: found.UserID, UserGUID: found.UserGUID, CustomerGUID: found.CustomerGUID, TokenExpiresAt: found.ExpiresAt.UTC()}
	if cert == nil {
		return who, nil
	}
	until := cert.NotAfter.UTC()
	who.CertificateUntil = &until
	if email := agent.Email(cert); email != "" && found.UserID != "" && !strings.EqualFold(email, found.UserID) {
		r.Say.Warn("the certificate names %s, but Anaplan says %s", email, found.UserID)
	}
	return who, nil
}

// WhileFresh is how a person reads the rest of a token's life.
func WhileFresh(until, now time.Time) string {
	return fmt.Sprintf("%s (%v)", console.Time(until), until.Sub(now).Round(time.Second))
}

// Text returns the identity for a person. Its values are the server's, so each is
// kept to its line.
func (i Identity) Text(now time.Time) string {
	var text strings.Builder
	row := func(name, value string) { fmt.Fprintf(&text, "%-18s %s\n", name, console.OneLine(value)) }
	row("user", i.UserID)
	row("user GUID", i.UserGUID)
	row("customer GUID", i.CustomerGUID)
	if !i.TokenExpiresAt.IsZero() {
		row("token ends", WhileFresh(i.TokenExpiresAt, now))
	}
	if i.CertificateUntil != nil {
		// In days, by which people plan a renewal: the CA takes some of them.
		row("certificate ends", fmt.Sprintf("%s (%s)", i.CertificateUntil.Local().Format(time.DateOnly), certlint.DaysLeft(i.CertificateUntil.Sub(now))))
	}
	return text.String()
}
