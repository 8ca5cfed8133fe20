package main

// A program with the token in its environment: other users of the machine cannot read it there, and
// no shell writes it into its history.

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/intercepted"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/login"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/subprocess"
)

const execHelp = `Run a program with a token in its environment: ANAPLAN_TOKEN, and ANAPLAN_TOKEN_EXPIRES_AT,
the time when the token ends:

  anaplan-agent exec -- ./nightly.sh --all
  anaplan-agent exec -- sh -c 'curl -H "Authorization: AnaplanAuthToken $ANAPLAN_TOKEN" URL'

With --phantom the program gets a phantom token, which only the running agent accepts, and
the agent's address: ANAPLAN_SOCKET, and if the agent listens on a TCP port also
ANAPLAN_API_URL and ANAPLAN_AUTH_URL. The agent makes the program's calls with Anaplan's
token, within the policy of the profile, and of the client if --client names one. That
client's name is in ANAPLAN_AGENT_CLIENT: inside the program, api, run, policy check and
exec --phantom act as that client, and token, and exec without --phantom, refuse to hand
out Anaplan's token. NO_PROXY and no_proxy name this machine, so that no proxy sees the
token on its way to the agent. The phantom token is renewed while the program runs, however
long that is, and ends with it.

  anaplan-agent exec --phantom --client nightly -- ./nightly.py

With --intercept a program that has Anaplan's addresses built in needs no change at all: what it
sends to https://api.anaplan.com and https://auth.anaplan.com the agent answers, as it does
with --phantom. Its own user, password or certificate are not looked at. HTTPS_PROXY leads
there, and SSL_CERT_FILE, REQUESTS_CA_BUNDLE, CURL_CA_BUNDLE, NODE_EXTRA_CA_CERTS and
JAVA_TOOL_OPTIONS name what the program trusts anyway and the agent's CA, in files that go when
the program ends. Other hosts get what the program sends them, unread.

  anaplan-agent exec --intercept --client nightly -- python job.py

A program that connects to the socket without a token has the rights of the user that it
runs as. To restrict an untrusted program, run it as a user of its own, and name that user
in the client: users.

Signals are passed on to the program, and exec exits with the program's exit code; 126 and
127 say that it cannot be started or does not exist. Without an agent exec logs in by
itself, renews the token while the program runs, and ends it when the program ends. Anaplan
has been seen to leave a renewed token as it is; if it does not, a program's environment
cannot be changed, and exec warns.`

// newExecCommand returns the exec command.
func newExecCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "exec [flags] -- PROGRAM [ARGUMENT...]",
		Short: "run a program with the token in its environment",
		Long:  execHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return explain.Usagef(cmd.CommandPath(), "no program given; write it after --, as: exec -- ./nightly.sh")
			}
			return nil
		},
	}
	cmd.Flags().SetInterspersed(false) // what follows the program is its own
	s := settings.Add(cmd, settings.SignFlags, settings.ServerFlags, settings.SocketFlags)
	phantom := cmd.Flags().Bool("phantom", false, "give the program a phantom token and the agent's address, in place of Anaplan's token")
	intercept := cmd.Flags().Bool("intercept", false, "make the program's calls of https://api.anaplan.com for it, in place of Anaplan (with --phantom's variables)")
	client := cmd.Flags().String("client", "", "with --phantom or --intercept: act as client NAME, and under its policy (default: ANAPLAN_AGENT_CLIENT)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if cmd.Flags().Changed("client") && !*phantom && !*intercept {
			return explain.Usagef(cmd.CommandPath(), "--client is for calls that the agent makes: add --intercept, or --phantom")
		}
		path, err := subprocess.FindProgram(args[0])
		if err != nil {
			return err
		}
		if *phantom || *intercept {
			return execPhantom(s, say, agentclient.ClientOf(cmd, *client), *intercept, path, args)
		}
		if err := agentclient.RefuseClient(); err != nil {
			return err
		}
		session, err := agentclient.ConnectOrTell(s, say)
		if err != nil {
			return err
		}
		if session == nil {
			return execAlone(cmd.Context(), s, say, path, args)
		}
		token, err := session.Token()
		session.Close()
		if err != nil {
			return err
		}
		return subprocess.Become(path, args, withToken(agent.Token{Value: token.Value, ExpiresAt: token.ExpiresAt}, pinVariables(s)))
	}
	return cmd
}

// withToken returns this process's environment with the token in it, and without the
// variables that hold PINs.
func withToken(token agent.Token, pinVariables []string) []string {
	env := slices.DeleteFunc(os.Environ(), func(entry string) bool {
		name, _, _ := strings.Cut(entry, "=")
		return slices.Contains(callVariables, name) || slices.Contains(pinVariables, name)
	})
	return append(env,
		login.TokenVariable+"="+token.Value.Reveal(),
		login.TokenVariable+"_EXPIRES_AT="+token.ExpiresAt.UTC().Format(time.RFC3339))
}

// callVariables tell a program how to call Anaplan. Inherited ones are not passed on beside our
// token.
var callVariables = []string{login.TokenVariable, login.TokenVariable + "_EXPIRES_AT", "ANAPLAN_API_URL", "ANAPLAN_AUTH_URL", "ANAPLAN_SOCKET"}

// socketVariable is the environment variable of the setting socket.
const socketVariable = "ANAPLAN_AGENT_SOCKET"

// execPhantom runs the program with a phantom token and ends the token afterwards.
func execPhantom(s *settings.Settings, say *console.Messenger, client string, intercept bool, path string, args []string) error {
	flag := "--phantom"
	if intercept {
		flag = "--intercept"
	}
	err := agentclient.RefuseOverrides(s, flag)
	if client != "" {
		err = agentclient.CheckClient(s, client)
	}
	if err != nil {
		return err
	}
	granted, err := askPhantom(s, say, client, intercept)
	if err != nil {
		return err
	}
	if granted.run != nil {
		defer granted.run.Close()
	}
	token := granted.token
	env := withToken(agent.Token{Value: token.Value, ExpiresAt: token.ExpiresAt}, pinVariables(s))
	// Of a duplicate variable the last one counts (os/exec).
	env = append(env, "ANAPLAN_SOCKET="+granted.socket, socketVariable+"="+granted.socket, agentclient.ClientVariable+"="+granted.client)
	if granted.address != "" {
		env = append(env, "ANAPLAN_API_URL=http://"+granted.address, "ANAPLAN_AUTH_URL=http://"+granted.address)
		env = append(env, subprocess.NoProxyEnv(granted.address)...)
	} else if granted.run == nil {
		say.Note("the agent does not listen on a TCP port (listen, in [agent]), so the program must use the socket in ANAPLAN_SOCKET")
	}
	if granted.run != nil {
		env = append(env, granted.run.Env...)
	}
	err = runRenewed(s.Command.Context(), say, "the phantom token", func(ctx context.Context) error {
		return agentclient.KeepPhantom(ctx, granted.socket, token)
	}, func() error { return subprocess.RunProgram(path, args, env) })
	if ended := endPhantom(s.Command.Context(), granted.socket, token); ended != nil {
		say.Warn("the phantom token could not be ended; the agent accepts it until it expires: %v", ended)
	}
	return err
}

// phantomGrant is a phantom token, and where it works.
type phantomGrant struct {
	token           local.Phantom
	client          string           // "": it is the user's own
	socket, address string           // of the agent; address "": it has no TCP port
	run             *intercepted.Run // nil: nothing is intercepted
}

// askPhantom asks the agent for a phantom token, and has it answer for Anaplan's hosts where that is
// asked for.
func askPhantom(s *settings.Settings, say *console.Messenger, client string, intercept bool) (granted phantomGrant, err error) {
	session, err := agentclient.Require(s, say)
	if err != nil {
		return granted, err
	}
	defer session.Close()
	granted.socket = session.Socket
	if granted.client, err = session.Be(s, client); err != nil {
		return granted, err
	}
	if intercept {
		if granted.run, err = session.Intercept(granted.client); err != nil {
			return granted, err
		}
	}
	granted.token, granted.address, err = session.Phantom(granted.client)
	if err != nil && granted.run != nil {
		granted.run.Close()
	}
	return granted, err
}

// runRenewed runs a program, and keeps the token alive that it has.
func runRenewed(ctx context.Context, say *console.Messenger, what string, keep func(context.Context) error, run func() error) error {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	var keeping sync.WaitGroup
	keeping.Go(func() {
		if err := keep(ctx); err != nil {
			say.Warn("%s in the program's %s could not be renewed, and its next calls may fail: %v", what, login.TokenVariable, err)
		}
	})
	err := run()
	cancel()
	keeping.Wait()
	return err
}

// endPhantom ends a phantom token. If the agent has ended, so has the token, or it does so by itself
// if the agent starts again.
func endPhantom(ctx context.Context, socket string, token local.Phantom) error {
	if errors.Is(agentclient.CheckSocket(socket), agentclient.ErrNoAgent) {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), login.LogoutTimeout)
	defer cancel()
	client := local.NewClient(socket)
	defer client.Close()
	err := client.EndPhantom(ctx, token)
	if problem, ok := errors.AsType[*agent.Problem](err); ok && problem.Code == agent.CodeUnauthorized {
		return nil // the program has ended it, or a reload
	}
	return err
}

// execAlone logs in, runs the program, and ends the token.
func execAlone(ctx context.Context, s *settings.Settings, say *console.Messenger, path string, args []string) error {
	device.WatchModules()
	run, err := device.StartRun(ctx, s, say)
	if err != nil {
		return err
	}
	defer run.End()
	client, err := settings.NewClient(run.Profile, nil)
	if err != nil {
		return err
	}
	signed, err := login.Sign(run, client)
	if err != nil {
		return err
	}
	token, err := client.Authenticate(run.Ctx, signed)
	if err != nil {
		return err
	}
	run.Device.LetGo() // the program may take hours
	err = runRenewed(ctx, say, "the token", func(ctx context.Context) error {
		return agentclient.KeepToken(ctx, client, token)
	}, func() error { return subprocess.RunProgram(path, args, withToken(token, pinVariables(s))) })
	if ended := login.EndToken(ctx, client, token); ended != nil {
		say.Warn("the token could not be ended, and stays valid until it expires: %v", ended)
	}
	return err
}

// pinVariables names the variables that hold the PIN of some profile. Mistakes in other profiles
// than the one in use do not matter here.
func pinVariables(s *settings.Settings) (names []string) {
	file, err := s.ReadConfig()
	if err != nil {
		return nil
	}
	for _, name := range append(file.Profiles(), s.ProfileName()) {
		profile, err := s.ProfileIn(file, name)
		if err != nil {
			continue
		}
		for _, source := range pin.Sources(profile) {
			if source.Kind == config.PINEnv {
				names = append(names, source.Arg)
			}
		}
	}
	return names
}
