package main

// A program with the token in its environment, where other users of the machine cannot
// read it, and without a shell that would write it into its history.

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/login"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/subprocess"
)

const execHelp = `exec runs a program with a token in its environment, as ANAPLAN_TOKEN, and when the
token ends as ANAPLAN_TOKEN_EXPIRES_AT:

  anaplan-agent exec -- ./nightly.sh --all
  anaplan-agent exec -- sh -c 'curl -H "Authorization: AnaplanAuthToken $ANAPLAN_TOKEN" URL'

With --phantom it gets a token that is worth something only to the running agent, and
the agent's address, as ANAPLAN_API_URL and ANAPLAN_AUTH_URL (if the agent listens on a
TCP port) and ANAPLAN_SOCKET: calls that go there with it are made with Anaplan's token,
within the policy of the profile, and of the client that --client names; that client's name
is in ANAPLAN_AGENT_CLIENT, which api, run, policy check and exec --phantom go by, and with
which token, and exec without --phantom, refuse to hand out Anaplan's token. The phantom token
is ended when the program ends. NO_PROXY and no_proxy get this machine's names, so that no
proxy of http_proxy is sent the token on its way to the agent.

  anaplan-agent exec --phantom --client nightly -- ./nightly.py

A program that shows no token at the socket is whoever runs it, with what that user may do.
To bind a program that is not trusted, run it as a user of its own: users, in the client.

The program gets the signals, and its exit code is the command's; 126 and 127 say that
it could not be started, or is not there. Without an agent the token is this run's own,
and is ended when the program ends.`

// newExecCommand returns the exec command.
func newExecCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "exec [flags] -- PROGRAM [ARGUMENT...]",
		Short: "run a program with the token in its environment",
		Long:  execHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return explain.Usagef(cmd.CommandPath(), "which program? write it behind --, as: exec -- ./nightly.sh")
			}
			return nil
		},
	}
	cmd.Flags().SetInterspersed(false) // what stands behind the program is its own
	s := settings.Add(cmd, settings.SignFlags, settings.ServerFlags, settings.SocketFlags)
	phantom := cmd.Flags().Bool("phantom", false, "give the program a token of the agent's own, and the agent's address, in the place of Anaplan's")
	client := cmd.Flags().String("client", "", "with --phantom: as which [client.NAME] of the agent's configuration, whose policy counts (default: that of ANAPLAN_AGENT_CLIENT)")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if cmd.Flags().Changed("client") && !*phantom {
			return explain.Usagef(cmd.CommandPath(), "--client is for phantom tokens: add --phantom")
		}
		path, err := subprocess.FindProgram(args[0])
		if err != nil {
			return err
		}
		if *phantom {
			return execPhantom(s, say, agentclient.ClientOf(cmd, *client), path, args)
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

// callVariables are what tells a program how to call Anaplan. Those of somebody else's are
// not passed on with a token of ours.
var callVariables = []string{login.TokenVariable, login.TokenVariable + "_EXPIRES_AT", "ANAPLAN_API_URL", "ANAPLAN_AUTH_URL", "ANAPLAN_SOCKET"}

// socketVariable is that of the setting.
const socketVariable = "ANAPLAN_AGENT_SOCKET"

// execPhantom runs the program with a phantom token, and ends that.
func execPhantom(s *settings.Settings, say *console.Messenger, client, path string, args []string) error {
	err := agentclient.RefuseOverrides(s, "--phantom")
	if client != "" {
		err = agentclient.CheckClient(s, client)
	}
	if err != nil {
		return err
	}
	profile, err := agentclient.ProfileFor(s, client)
	if err != nil {
		return err
	}
	session, err := agentclient.Require(s, say)
	if err != nil {
		return err
	}
	session.Profile = profile
	token, address, err := session.Phantom(client)
	session.Close()
	if err != nil {
		return err
	}
	env := withToken(agent.Token{Value: token.Value, ExpiresAt: token.ExpiresAt}, pinVariables(s))
	// Of a variable that is there twice the last one counts (os/exec).
	env = append(env, "ANAPLAN_SOCKET="+session.Socket, socketVariable+"="+session.Socket, agentclient.ClientVariable+"="+client)
	if address != "" {
		env = append(env, "ANAPLAN_API_URL=http://"+address, "ANAPLAN_AUTH_URL=http://"+address)
		env = append(env, subprocess.NoProxyEnv(address)...)
	} else {
		say.Note("the agent listens on no TCP port (listen, in [agent]), so the program must use the socket in ANAPLAN_SOCKET")
	}
	err = subprocess.RunProgram(path, args, env)
	if ended := endPhantom(s.Command.Context(), session.Socket, token); ended != nil {
		say.Warn("the phantom token could not be ended, and is worth something to the agent until its time is up: %v", ended)
	}
	return err
}

// endPhantom ends a phantom token. An agent that has ended has ended it.
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
	err = subprocess.RunProgram(path, args, withToken(token, pinVariables(s)))
	if ended := login.EndToken(ctx, client, token); ended != nil {
		say.Warn("the token could not be ended, and is valid until its time is up: %v", ended)
	}
	return err
}

// pinVariables names the variables that hold the PIN of some profile. What is wrong with
// another profile than the one that is used is of no account here.
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
