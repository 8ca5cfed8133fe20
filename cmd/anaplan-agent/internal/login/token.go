package login

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// errPayload says that the file of --payload is unusable. Its text never shows the content, which
// is as good as a password.
var errPayload = errors.New("payload")

// errNoSigner is returned where a payload comes without its certificate, which the header of the
// login is made from (contract section 1.1).
var errNoSigner = errors.New("payload: --certificate must name the certificate of the key that signed it")

// TokenFormats are the values of --output.
var TokenFormats = []string{"value", "json", "header", "env", "powershell", "curl"}

// PrintToken logs in and prints the token. A token that nobody got is ended: it would stay valid
// for the rest of its 35 minutes. The client is made first, so that wrong settings are told before
// a PIN is asked for.
func PrintToken(r *device.Run, format, payload string) error {
	client, err := settings.NewClient(r.Profile, nil)
	if err != nil {
		return err
	}
	signed, err := loginFrom(r, client, payload)
	if err != nil {
		return err
	}
	// The client retries what can pass with the same payload, as long as it is fresh: no second
	// signature, no second PIN.
	token, err := client.Authenticate(r.Ctx, signed)
	if err != nil {
		return err
	}
	if err := console.PrintResult(FormatToken(token, format)); err != nil {
		return errors.Join(err, EndToken(r.Ctx, client, token))
	}
	return nil
}

// loginFrom returns the login of a payload file, or a new one without a file. With a
// file the device is left alone, also where the profile names one.
func loginFrom(r *device.Run, client *anaplan.Client, payload string) (*agent.Login, error) {
	if payload == "" {
		return Sign(r, client)
	}
	return readLogin(r.Profile, payload)
}

// readLogin reads what sign has printed. The signature is checked with the
// certificate before it is sent, so that a wrong --certificate is told here and not
// by a 401 that has a dozen causes.
func readLogin(profile *config.Profile, path string) (*agent.Login, error) {
	if profile.Certificate == "" {
		return nil, errNoSigner
	}
	cert, err := device.ReadCertificate(profile.Certificate)
	if err != nil {
		return nil, err
	}
	data, err := console.ReadText(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errPayload, err)
	}
	signed, err := anaplan.ParsePayload(data, cert)
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w", errPayload, path, err)
	}
	return signed, nil
}

// EndToken logs out with a time limit of its own, since the run's may be used up, and a token left
// behind is worse than a command that takes longer.
func EndToken(ctx context.Context, client *anaplan.Client, token agent.Token) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), LogoutTimeout)
	defer cancel()
	return client.Logout(ctx, token)
}

// LogoutTimeout bounds a logout that the user did not ask for. It is short, since
// a server that does not answer will end the token by itself.
const LogoutTimeout = 10 * time.Second
