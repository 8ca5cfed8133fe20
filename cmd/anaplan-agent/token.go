package main

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
	"github.com/spf13/cobra"
)

const tokenHelp = `token logs in and prints the token that Anaplan returns. It lives 35 minutes.

Give it to another program without showing it to the machine's other users, who
can read every command line:

  value    anaplan-agent token > file               (umask 077 first)
  header   anaplan-agent token --output header | curl --header @- URL
  curl     anaplan-agent token --output curl | curl --config - URL
  env      eval "$(anaplan-agent token --output env)"        sets ANAPLAN_TOKEN
  json     Anaplan's tokenInfo: tokenId, tokenValue, expiresAt, refreshTokenId

With --payload the key is not needed: what sign has printed, here or on another
machine, is exchanged for the token.`

// errPayload says that the file of --payload is of no use.
var errPayload = errors.New("payload")

// errNoSigner is returned where a payload comes without its certificate: it does
// not hold it, and the header of the login is made from it (contract section 1.1).
var errNoSigner = errors.New("payload: the certificate that signed it must be named by --certificate")

// tokenFormats are the values of --output.
var tokenFormats = []string{"value", "json", "header", "env", "curl"}

// newTokenCommand returns the token command.
func newTokenCommand(say *messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "log in and print the token",
		Long:  tokenHelp,
		Args:  noArguments,
	}
	settings := addSettings(cmd, deviceSettings, serverSettings, []string{"format"})
	output := cmd.Flags().StringP("output", "o", "value", "how to print it: "+strings.Join(tokenFormats, ", "))
	payload := cmd.Flags().String("payload", "", "exchange this signed payload (a file, or - for standard input) instead of signing one; needs --certificate")
	cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(tokenFormats, cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = onDevice(settings, say, func(run *deviceRun) error {
		if !slices.Contains(tokenFormats, *output) {
			return &usageError{fmt.Errorf("--output %q: it is one of %s", *output, strings.Join(tokenFormats, ", ")), cmd.CommandPath()}
		}
		if err := notEmpty(cmd, "payload"); err != nil {
			return err
		}
		return run.printToken(*output, *payload)
	})
	return cmd
}

// printToken logs in and prints the token. A token that nobody got is ended.
func (r *deviceRun) printToken(format, payload string) error {
	client, err := newClient(r.profile)
	if err != nil {
		return err
	}
	login, err := r.loginFrom(payload)
	if err != nil {
		return err
	}
	token, err := client.Authenticate(r.ctx, login)
	if err != nil {
		return err
	}
	if err := printResult(formatToken(token, format)); err != nil {
		return errors.Join(err, endToken(r.ctx, client, token))
	}
	return nil
}

// loginFrom returns the login of a payload file, or a new one without a file.
func (r *deviceRun) loginFrom(payload string) (*agent.Login, error) {
	if payload == "" {
		return r.signLogin()
	}
	return readLogin(r.profile, payload)
}

// readLogin reads what sign has printed.
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

// endToken logs out in a time of its own, for the run's may be used up.
func endToken(ctx context.Context, client *anaplan.Client, token agent.Token) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), logoutTimeout)
	defer cancel()
	return client.Logout(ctx, token)
}

// logoutTimeout bounds a logout that the user did not ask for.
const logoutTimeout = 10 * time.Second
