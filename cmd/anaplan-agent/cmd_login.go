package main

// Commands that tell the agent what to do with a profile.

import (
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/login"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

const loginHelp = `Have the agent log in again now, and keep the token. Call it once a problem is solved: a
certificate is registered, a device is plugged in again. It does not wait for a time that
Anaplan has asked for.

After a problem that a retry does not solve, such as a refused PIN, only root and the
agent's user can have it log in; other users get the problem. Other users cannot log in a
profile that has a policy: the agent logs in when a call needs it.

Without an agent it logs in and out, and reports whether that works.`

// newLoginCommand returns the login command.
func newLoginCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{Use: "login", Short: "have the agent log in now", Example: "anaplan-agent login --profile prod", Long: loginHelp, Args: settings.NoArguments}
	s := settings.Add(cmd, settings.SignFlags, settings.ServerFlags, settings.SocketFlags)
	alone := device.RunE(s, say, func(run *device.Run) error {
		who, err := login.Whoami(run, "")
		if err != nil {
			return err
		}
		say.Note("logged in as %s and out again: no agent keeps the token", console.OneLine(who.UserID))
		return nil
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		session, err := agentclient.ConnectOrTell(s, say)
		if err != nil {
			return err
		}
		if session == nil {
			return alone(cmd, args)
		}
		defer session.Close()
		token, err := session.Login()
		if err != nil {
			return err
		}
		say.Note("profile %q is logged in until %s", session.Profile, login.WhileFresh(token.ExpiresAt, time.Now()))
		return nil
	}
	return cmd
}

const lockHelp = `Have the agent forget a profile's PIN, and refuse its token until 'unlock'. The token itself
is not ended; 'logout' does that.

Only root and the agent's user may lock a profile.`

// errNothingToLock is lock --all's where it fits no profile.
var errNothingToLock = errors.New("this user may not lock any profile")

// newLockCommand returns the lock command.
func newLockCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{Use: "lock", Short: "have the agent refuse the token and forget the PIN", Example: "anaplan-agent lock", Long: lockHelp, Args: settings.NoArguments}
	s := settings.Add(cmd, settings.SocketFlags)
	all := cmd.Flags().Bool("all", false, "all profiles that this user may lock (only root and the agent's user may)")
	cmd.RunE = agentclient.RunE(s, say, func(session *agentclient.Session) error {
		names, err := session.Profiles(*all)
		if err != nil {
			return err
		}
		if len(names) == 0 {
			return errNothingToLock
		}
		for _, name := range names {
			if err := session.Client.Lock(session.Ctx, name); err != nil {
				return session.InTime(err)
			}
			say.Note("profile %q is locked", name)
		}
		return nil
	})
	return cmd
}

const unlockHelp = `Undo 'lock', and have the agent log in. If the agent needs the PIN, unlock asks for it; the
agent keeps it in memory for later logins, until 'lock' or until the profile is idle.

A PIN that the device refused, or gave no clear answer to, is not sent again. The agent
notices when another PIN takes its place; if the refused one was right, say so once with
--pin-changed.

Only root and the agent's user may unlock a profile and give its PIN.`

// newUnlockCommand returns the unlock command.
func newUnlockCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{Use: "unlock", Short: "undo lock and give the agent the PIN", Example: "anaplan-agent unlock --profile prod", Long: unlockHelp, Args: settings.NoArguments}
	s := settings.Add(cmd, settings.SocketFlags)
	changed := cmd.Flags().Bool("pin-changed", false, "the PIN that was refused, or gave no clear answer, is the right one: send it again")
	cmd.RunE = agentclient.RunE(s, say, func(session *agentclient.Session) error {
		token, err := session.Unlock(*changed)
		if err != nil {
			return err
		}
		say.Note("profile %q is unlocked, and logged in until %s", session.Profile, login.WhileFresh(token.ExpiresAt, time.Now()))
		return nil
	})
	return cmd
}

const stopHelp = `Have the agent end, and wait until it has. Requests under way may finish; token files are
removed, and with logout_at_end the tokens are ended.

Only root and the agent's user may do that. Where systemd or launchd has opened its
socket, that starts the agent again at the next connection: end it as well, by systemctl stop
anaplan-agent.socket or launchctl bootout gui/$(id -u)/com.github.anaplan-agent.`

// newStopCommand returns the stop command.
func newStopCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{Use: "stop", Short: "have the agent end", Example: "anaplan-agent stop", Long: stopHelp, Args: settings.NoArguments}
	s := settings.Add(cmd, settings.SocketFlags)
	cmd.RunE = agentclient.RunE(s, say, func(session *agentclient.Session) error {
		if err := session.Stop(); err != nil {
			return err
		}
		say.Note("the agent has ended")
		return nil
	})
	return cmd
}

// newReloadCommand returns the reload command.
func newReloadCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use: "reload", Short: "have the agent read its configuration again", Example: "anaplan-agent reload", Args: settings.NoArguments,
		Long: "Have the agent read its configuration again, as SIGHUP does. Unchanged profiles keep their\ntokens. A configuration with a mistake changes nothing.",
	}
	s := settings.Add(cmd, settings.SocketFlags)
	cmd.RunE = agentclient.RunE(s, say, func(session *agentclient.Session) error {
		if err := session.Reload(); err != nil {
			return err
		}
		say.Note("the agent has read its configuration")
		return nil
	})
	return cmd
}
