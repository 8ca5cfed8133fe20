package main

// Which user a certificate stands for. Validating a token tells it (contract section
// 3) without a call of the integration API, whose host a firewall may not allow.

import (
	"crypto/x509"
	"fmt"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/spf13/cobra"
)

const whoamiHelp = `whoami logs in, asks Anaplan which user the certificate stands for, and logs out. The
login is its own, also where an agent runs: it tries the key.

With --token-from it asks about a token that is there already, and ends nothing.`

// identity is what whoami prints. Its JSON names are those of Anaplan's answer
// (contract section 3) where it has one.
type identity struct {
	UserID           string     `json:"userId"`
	UserGUID         string     `json:"userGuid"`
	CustomerGUID     string     `json:"customerGuid"`
	TokenExpiresAt   time.Time  `json:"tokenExpiresAt"`
	CertificateUntil *time.Time `json:"certificateUntil,omitempty"`
}

// newWhoamiCommand returns the whoami command. It is the check after a registration,
// from key to user, and leaves no token behind.
func newWhoamiCommand(say *messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "whoami",
		Short: "show which Anaplan user the certificate stands for, and until when",
		Long:  whoamiHelp,
		Args:  noArguments,
	}
	settings := addSettings(cmd, signSettings, serverSettings)
	from := addTokenFrom(cmd, "")
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = onDevice(settings, say, func(run *deviceRun) error {
		if err := notEmpty(cmd, "token-from"); err != nil {
			return err
		}
		if *from == "" {
			settings.tellOwnTry(say)
		}
		who, err := run.whoami(*from)
		if err != nil {
			return err
		}
		if *asJSON {
			return printJSON(who)
		}
		return printResult(printable(who.text(time.Now())))
	})
	return cmd
}

// whoami validates the given token, or one that it makes and ends. A token that was
// given is somebody else's to end.
func (r *deviceRun) whoami(from string) (identity, error) {
	client, err := newClient(r.profile, nil)
	if err != nil {
		return identity{}, err
	}
	if from != "" {
		token, err := readToken(from)
		if err != nil {
			return identity{}, err
		}
		return r.validate(client, token, nil)
	}
	login, err := r.signLogin()
	if err != nil {
		return identity{}, err
	}
	token, err := client.Authenticate(r.ctx, login)
	if err != nil {
		return identity{}, err
	}
	who, err := r.validate(client, token, login.Certificate)
	if ended := endToken(r.ctx, client, token); ended != nil { // the answer is good all the same
		r.say.Warn("the token that this took could not be ended, and stays valid until its time is up: %v", ended)
	}
	return who, err
}

// validate asks Anaplan about a token. cert is what the token was got with, nil if
// that is not known. A user other than the certificate's is a warning: Anaplan maps
// by the e-mail address when the certificate is registered (contract section 5.2),
// and an address that was changed since is a job that runs as somebody unexpected.
func (r *deviceRun) validate(client *anaplan.Client, token agent.Token, cert *x509.Certificate) (identity, error) {
	found, err := client.Validate(r.ctx, token)
	if err != nil {
		return identity{}, err
	}
	who := identity{UserID: found.UserID, UserGUID: found.UserGUID, CustomerGUID: found.CustomerGUID, TokenExpiresAt: found.ExpiresAt}
	if cert == nil {
		return who, nil
	}
	who.CertificateUntil = &cert.NotAfter
	if email := agent.Email(cert); email != "" && found.UserID != "" && !strings.EqualFold(email, found.UserID) {
		r.say.Warn("the certificate names %s, but Anaplan says %s", email, found.UserID)
	}
	return who, nil
}

// whileFresh is how a person reads the rest of a token's life.
func whileFresh(until, now time.Time) string {
	return fmt.Sprintf("%s (%v)", until.UTC().Format(time.RFC3339), until.Sub(now).Round(time.Second))
}

// text returns the identity for a person. Its values are the server's, so each is
// kept to its line.
func (i identity) text(now time.Time) string {
	var text strings.Builder
	row := func(name, value string) { fmt.Fprintf(&text, "%-18s %s\n", name, oneLine(value)) }
	row("user", i.UserID)
	row("user GUID", i.UserGUID)
	row("customer GUID", i.CustomerGUID)
	if !i.TokenExpiresAt.IsZero() {
		row("token until", whileFresh(i.TokenExpiresAt, now))
	}
	if i.CertificateUntil != nil {
		// In days, by which people plan a renewal: the CA takes some of them.
		days := int(i.CertificateUntil.Sub(now).Hours() / 24)
		row("certificate until", fmt.Sprintf("%s (%d days)", i.CertificateUntil.Format("2006-01-02"), days))
	}
	return text.String()
}
