package main

// Secrets of the agent's clients. The configuration holds only their hash, so reading it does not
// let anybody act as the client.

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
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/help"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/subprocess"
)

const clientHelp = `Make secrets for clients. A client is a program that may do what its policy allows and
nothing else. The agent's configuration names it:

  [client.nightly]
  profile = 'default'
  secret  = 'sha256:...'                             what 'client new' prints
  policy  = ['run process "Nightly load" in model "Plan"']

The program logs in to the agent with its name and secret (HTTP Basic). Or it runs as a
user of this machine that the client lists, users = ['user:etl'], and that can reach the
socket (share_socket). The agent's own user, and users that may use the profile, act as
the client without a secret: --client NAME.

The secret, and the phantom token it is exchanged for, work for anybody on this machine who
has them, within the policy: keep them as you would a password. A phantom token that was
issued on the socket without a secret works for that user only (on Linux).`

const clientNewHelp = `Make the secret of a client, write it to a file that only this user can read, and print the
table for the agent's configuration, which holds only the hash of the secret:

  anaplan-agent client new nightly --output nightly.secret >> config.toml

Then edit the policy and run: anaplan-agent reload. With --output - the secret goes to
standard output and the table to standard error. Nothing is sent or remembered. To replace
a lost secret, make a new one with --secret-only, which prints only the line of the table
that changes: secret = ...`

// newClientCommand returns the client command.
func newClientCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "client",
		Short:   "make secrets for programs that may use the agent",
		Example: "anaplan-agent client new nightly --output nightly.secret",
		Long:    clientHelp,
		Args:    cobra.ArbitraryArgs, // so that a wrong word reaches RunE and its own words
		RunE:    help.OnlyCommands,
	}
	cmd.AddCommand(newClientNewCommand(say))
	return cmd
}

// newClientNewCommand returns the new command of client.
func newClientNewCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "new NAME",
		Short: "make a client's secret and print its table for the configuration",
		Long:  clientNewHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 1 {
				return explain.Usagef(cmd.CommandPath(), "one name is needed, as: client new nightly")
			}
			return nil
		},
	}
	output := cmd.Flags().String("output", "", "new file for the secret, or - for standard output")
	profile := cmd.Flags().String("profile", "default", "profile for which the client acts")
	secretOnly := cmd.Flags().Bool("secret-only", false, "print only the line secret = ..., to replace that of an existing client")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *output == "" {
			return explain.Usagef(cmd.CommandPath(), "--output is missing: --output FILE writes the secret to a new file, --output - to standard output")
		}
		if err := config.CheckClientName(args[0]); err != nil {
			return &explain.UsageError{Err: err, Command: cmd.CommandPath()}
		}
		return newClientSecret(cmd.Context(), say, clientOrder{args[0], *profile, *output, *secretOnly})
	}
	return cmd
}

// clientOrder is what the flags of client new say.
type clientOrder struct {
	name, profile string
	output        string // where the secret goes
	secretOnly    bool
}

// newClientSecret makes a secret of 160 random bits, and keeps it and its table apart.
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
		say.Note("the secret is in %s; replace the line secret = ... in [client.%s] by the one printed, and run: %s reload", order.output, tomlKey(order.name), build.Program)
		return nil
	}
	say.Note("the secret is in %s; add the printed table, which holds its hash, to the agent's configuration", order.output)
	say.Note("if [client.%s] exists already, replace only its line secret = ...", tomlKey(order.name))
	say.Note("where http_proxy or HTTP_PROXY is set, start the client with NO_PROXY=%[1]s and no_proxy=%[1]s, or it sends the secret to that proxy in clear text", strings.Join(subprocess.LoopbackHosts, ","))
	return nil
}

// table returns the client's table, or the line of it that a new secret changes. Its policy is a
// harmless start. It begins with an empty line because it is appended to a file.
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

// tomlKey quotes a name with a dot, which TOML would take for two names.
func tomlKey(name string) string {
	if strings.Contains(name, ".") {
		return `"` + name + `"`
	}
	return name
}

// tomlText quotes a text, with single quotation marks if possible, since rules contain double ones.
func tomlText(text string) string {
	if strings.ContainsAny(text, "'\r\n") {
		return strconv.Quote(text)
	}
	return "'" + text + "'"
}

// openSecretFile begins a new file. It does not replace an existing one, which may be the secret of
// a running program.
func openSecretFile(ctx context.Context, path string) (*atomicfile.File, error) {
	file, err := atomicfile.Create(ctx, path, atomicfile.Options{New: true})
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%s exists, and a program may use the secret in it; remove it first, or choose another name", path)
	}
	return file, err
}
