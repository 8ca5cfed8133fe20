package main

// Secrets of the agent's clients. The configuration holds their hash only, so that who can
// read it still cannot be the client.

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/agent/atomicfile"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/subprocess"
)

const clientHelp = `A client is a program that may do what its policy allows and nothing else. It stands
in the agent's configuration:

  [client.nightly]
  profile = 'default'
  secret  = 'sha256:...'                             what 'client new' prints
  policy  = ['run process "Nightly load" in model "Plan"']

It logs in at the agent with its name and secret (HTTP Basic), or is a user of this
machine: users = ['user:etl'], who must reach the socket (share_socket). The agent's own
user, and whoever may use the profile, is it without a secret: --client NAME.

The secret, and the phantom token that it is exchanged for, are for whoever has them, from
this machine and within the policy: keep them as you would a password. A phantom token
that was had on the socket, without a secret, is only that user's (on Linux).`

const clientNewHelp = `new makes the secret of a client, writes it to a file that only this user can read, and
prints the table for the agent's configuration, which holds the secret's hash only:

  anaplan-agent client new nightly --output nightly.secret >> config.toml

Then edit the policy, and run: anaplan-agent reload. With --output - the secret goes to
standard output and the table to standard error. Nothing is sent and nothing is
remembered: a secret that is lost is replaced by a new one, for which --secret-only prints
the line that changes in the table, secret = ..., alone.`

// newClientCommand returns the client command.
func newClientCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "client",
		Short: "make secrets for programs that may use the agent",
		Long:  clientHelp,
		Args:  cobra.ArbitraryArgs, // so that a wrong word reaches RunE and its own words
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return explain.Usagef(cmd.CommandPath(), "unknown command %q", "client "+args[0])
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(newClientNewCommand(say))
	return cmd
}

// newClientNewCommand returns the new command of client.
func newClientNewCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "make a client's secret, and print its table for the configuration",
		Long:  clientNewHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return explain.Usagef(cmd.CommandPath(), "which client? give one name, as: client new nightly")
			}
			return nil
		},
	}
	output := cmd.Flags().String("output", "", "file for the secret, which must not exist, or - for standard output")
	profile := cmd.Flags().String("profile", "default", "the profile for which the client acts")
	secretOnly := cmd.Flags().Bool("secret-only", false, "print the line secret = ... alone, to replace that of a client that there is")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *output == "" {
			return explain.Usagef(cmd.CommandPath(), "where to write the secret? give --output FILE, or --output - for standard output")
		}
		if err := config.CheckClientName(args[0]); err != nil {
			return &explain.UsageError{Err: err, Command: cmd.CommandPath()}
		}
		return newClientSecret(cmd.Context(), say, clientOrder{args[0], *profile, *output, *secretOnly})
	}
	return cmd
}

// clientOrder is a client that is wanted.
type clientOrder struct {
	name, profile string
	output        string // where the secret goes
	secretOnly    bool
}

// newClientSecret makes a secret of 160 random bits, and tells it and its table apart.
func newClientSecret(ctx context.Context, say *console.Messenger, order clientOrder) error {
	secret := make([]byte, 20)
	rand.Read(secret)
	text := hex.EncodeToString(secret)
	table := order.table(text)
	if order.output == "-" {
		if err := console.PrintResult(text + "\n"); err != nil {
			return err
		}
		say.Plain(table)
		return nil
	}
	file, err := openSecretFile(ctx, order.output)
	if err != nil {
		return err
	}
	if err := console.PrintResult(table); err != nil { // without it the secret is of no use
		return errors.Join(err, file.Discard())
	}
	if err := file.Finish([]byte(text + "\n")); err != nil {
		return err
	}
	if order.secretOnly {
		say.Note("the secret is in %s; put the line in the place of secret = ... in [client.%s], and run: %s reload", order.output, tomlKey(order.name), build.Program)
		return nil
	}
	say.Note("the secret is in %s, and its hash in the table, which belongs into the agent's configuration", order.output)
	say.Note("if there is a [client.%s] already, only replace its line secret = ...", tomlKey(order.name))
	say.Note("where http_proxy or HTTP_PROXY is set, start the client with NO_PROXY=%[1]s and no_proxy=%[1]s, or that proxy is sent the secret in clear", strings.Join(subprocess.LoopbackHosts, ","))
	return nil
}

// table returns the client's table, or the line that a new secret changes in it. Its policy is
// a beginning that can do no harm. The empty line before it is for the file that it is added to.
func (o clientOrder) table(secret string) string {
	hash := sha256.Sum256([]byte(secret))
	line := "secret = 'sha256:" + hex.EncodeToString(hash[:]) + "'\n"
	if o.secretOnly {
		return line
	}
	return fmt.Sprintf(`
[client.%s]
profile = %s
%spolicy = [
  'list',                                            # see what there is, by name
  # 'run process "Nightly load" in model "Plan"',
  # 'upload file "Sales.csv" in model "Plan"',
  # 'run export "Report.csv" in model "Plan"',
]
`, tomlKey(o.name), tomlText(o.profile), line)
}

// tomlKey quotes a name that has a dot in it, which in TOML would make two of it.
func tomlKey(name string) string {
	if strings.Contains(name, ".") {
		return `"` + name + `"`
	}
	return name
}

// tomlText quotes a text, in the kind of quotation marks that rules do not need themselves
// where that can be.
func tomlText(text string) string {
	if strings.ContainsAny(text, "'\r\n") {
		return strconv.Quote(text)
	}
	return "'" + text + "'"
}

// openSecretFile begins a new file. One that is there is not replaced: it may be the
// secret that a running program uses.
func openSecretFile(ctx context.Context, path string) (*atomicfile.File, error) {
	file, err := atomicfile.Create(ctx, path, atomicfile.Options{New: true})
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s is there already, and a program may use the secret in it; remove it first, or choose another name", path)
	}
	return file, err
}
