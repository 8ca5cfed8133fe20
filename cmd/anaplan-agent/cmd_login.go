package main

// The commands by which a person tells the agent what to do with a profile.

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

const loginHelp = `login has the agent log in anew, now, and keep the token. It is what to call after
something was put right: a certificate registered, a device plugged in again. It does
not wait for a time that Anaplan has asked for.

After a problem that trying again does not solve, such as a refused PIN, only root and
the agent's user can have it log in; other users get the problem. With a profile that
has a policy other users do not log in: the agent does when a call needs it.

Without an agent it logs in and out, and says whether that works.`

// newLoginCommand returns the login command.
func newLoginCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{Use: "login", Short: "have the agent log in now", Long: loginHelp, Args: settings.NoArguments}
	s := settings.Add(cmd, settings.SignFlags, settings.ServerFlags, settings.SocketFlags)
	alone := device.RunE(s, say, func(run *device.Run) error {
		who, err := login.Whoami(run, "")
		if err != nil {
			return err
		}
		say.Note("logged in as %s and out again: without an agent nothing keeps the token", console.OneLine(who.UserID))
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

const lockHelp = `lock has the agent forget a profile's PIN and hand out nothing of it until
'unlock'. The token itself is not ended; 'logout' does that.

Only root and the agent's user may lock a profile.`

// errNothingToLock says that --all means no profile.
var errNothingToLock = errors.New("there is no profile that this user may lock")

// newLockCommand returns the lock command.
func newLockCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{Use: "lock", Short: "have the agent hand out nothing, and forget the PIN", Long: lockHelp, Args: settings.NoArguments}
	s := settings.Add(cmd, settings.SocketFlags)
	all := cmd.Flags().Bool("all", false, "all profiles that this user may lock: for root and the agent's user all, for others none")
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

const unlockHelp = `unlock undoes 'lock', and has the agent log in: the PIN is asked for here if the
agent needs one, and kept in its memory for later logins, until 'lock' or until the
profile was idle.

A PIN that the device has refused, or gave no clear answer to, is not sent again. Another
one in its place is noticed; if it was the right one say so once by --pin-changed.

Only root and the agent's user may unlock a profile and give its PIN.`

// newUnlockCommand returns the unlock command.
func newUnlockCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{Use: "unlock", Short: "undo lock, and give the agent the PIN", Long: unlockHelp, Args: settings.NoArguments}
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

// newReloadCommand returns the reload command.
func newReloadCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use: "reload", Short: "have the agent read its configuration again", Args: settings.NoArguments,
		Long: "reload has the agent read its configuration again, as SIGHUP does. Profiles that are the\nsame keep their tokens. A configuration with a mistake in it changes nothing.",
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
