package main

// A login, from the signature to the token on standard output. The half that has the
// key and the half that has the network meet here, and --payload lets them be two
// machines.

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/spf13/cobra"
)

const tokenHelp = `token prints a token of Anaplan's, which lives 35 minutes: the agent's, if one runs
(see serve), else one of a login of its own.

Give it to another program without showing it to the machine's other users, who
can read every command line:

  value    anaplan-agent token > file               (umask 077 first)
  header   anaplan-agent token --output header | curl --header @- URL
  curl     anaplan-agent token --output curl | curl --config - URL
  env      eval "$(anaplan-agent token --output env)"        sets ANAPLAN_TOKEN
  json     Anaplan's tokenInfo: tokenId, tokenValue, expiresAt, refreshTokenId

With --payload the key is not needed: what sign has printed, here or on another
machine, is exchanged for the token.`

// errPayload says that the file of --payload is of no use. Its text never shows any
// of the content, which is as good as a password.
var errPayload = errors.New("payload")

// errNoSigner is returned where a payload comes without its certificate: it does
// not hold it, and the header of the login is made from it (contract section 1.1).
var errNoSigner = errors.New("payload: the certificate that signed it must be named by --certificate")

// tokenFormats are the values of --output.
var tokenFormats = []string{"value", "json", "header", "env", "curl"}

// newTokenCommand returns the token command. Without an agent it makes a login each time
// and keeps nothing: who wants one token for many calls (contract section 2.2) keeps it
// for its 35 minutes.
func newTokenCommand(say *messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "log in and print the token",
		Long:  tokenHelp,
		Args:  noArguments,
	}
	settings := addSettings(cmd, signSettings, serverSettings, socketSettings)
	output := cmd.Flags().StringP("output", "o", "value", "how to print it: "+strings.Join(tokenFormats, ", "))
	payload := cmd.Flags().String("payload", "", "exchange this signed payload (a file, or - for standard input) instead of signing one; needs --certificate")
	cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(tokenFormats, cobra.ShellCompDirectiveNoFileComp))
	alone := onDevice(settings, say, func(run *deviceRun) error { return run.printToken(*output, *payload) })
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		// Before the login: a token in no known form would be lost.
		if !slices.Contains(tokenFormats, *output) {
			return explain.Usagef(cmd.CommandPath(), "--output %q: it is one of %s", *output, strings.Join(tokenFormats, ", "))
		}
		if err := notEmpty(cmd, "payload"); err != nil {
			return err
		}
		if err := notAsClient(); err != nil {
			return err
		}
		if *payload != "" {
			return alone(cmd, args)
		}
		asking, err := settings.askAgentOrTell(say)
		if err != nil {
			return err
		}
		if asking == nil {
			return alone(cmd, args)
		}
		defer asking.end()
		return asking.printToken(*output)
	}
	return cmd
}

// printToken prints the agent's token. It is not ended where nobody gets it: others use
// it too.
func (a *asking) printToken(format string) error {
	if err := checkStdout(); err != nil {
		return err
	}
	token, err := a.token()
	if err != nil {
		return err
	}
	return printResult(formatToken(agent.Token{Value: token.Value, ID: token.ID, ExpiresAt: token.ExpiresAt}, format))
}

// printToken logs in and prints the token. A token that nobody got is ended: it
// would be valid for the rest of its 35 minutes. The client is made first, so that wrong settings are told before a PIN is asked for.
func (r *deviceRun) printToken(format, payload string) error {
	client, err := newClient(r.profile, nil)
	if err != nil {
		return err
	}
	login, err := r.loginFrom(payload)
	if err != nil {
		return err
	}
	// What can pass is sent again by the client, the same payload as long as it is
	// fresh: no second signature, no second PIN.
	token, err := client.Authenticate(r.ctx, login)
	if err != nil {
		return err
	}
	if err := printResult(formatToken(token, format)); err != nil {
		return errors.Join(err, endToken(r.ctx, client, token))
	}
	return nil
}

// loginFrom returns the login of a payload file, or a new one without a file. With a
// file the device is left alone, also where the profile names one.
func (r *deviceRun) loginFrom(payload string) (*agent.Login, error) {
	if payload == "" {
		return r.signLogin()
	}
	return readLogin(r.profile, payload)
}

// readLogin reads what sign has printed. The signature is checked with the
// certificate before it is sent, so that a wrong --certificate is told here and not
// by a 401 that has a dozen causes.
func readLogin(profile *config.Profile, path string) (*agent.Login, error) {
	if profile.Certificate == "" {
		return nil, errNoSigner
	}
	cert, err := readCertificate(profile.Certificate)
	if err != nil {
		return nil, err
	}
	data, err := readInput(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errPayload, err)
	}
	login, err := anaplan.ParsePayload(data, cert)
	if err != nil {
		return nil, fmt.Errorf("%w %s: %w", errPayload, path, err)
	}
	return login, nil
}

// endToken logs out in a time of its own, for the run's may be used up or its context
// be done, and a token left behind is worse than a command that takes longer.
func endToken(ctx context.Context, client *anaplan.Client, token agent.Token) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), logoutTimeout)
	defer cancel()
	return client.Logout(ctx, token)
}

// logoutTimeout bounds a logout that the user did not ask for. It is short, since
// a server that does not answer will end the token by itself.
const logoutTimeout = 10 * time.Second
