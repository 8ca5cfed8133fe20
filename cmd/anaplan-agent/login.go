package main

// The commands by which a person tells the agent what to do with a profile.

import (
	"errors"
	"time"

	"github.com/spf13/cobra"
)

const loginHelp = `login has the agent log in anew, now, and keep the token. It is what to call after
something was put right: a certificate registered, a device plugged in again. It does
not wait for a time that Anaplan has asked for.

After a problem that trying again does not solve, such as a refused PIN, only root and
the agent's user can have it log in; other users get the problem. With a profile that
has a policy other users do not log in: the agent does when a call needs it.

Without an agent it logs in and out, and says whether that works.`

// newLoginCommand returns the login command.
func newLoginCommand(say *messenger) *cobra.Command {
	cmd := &cobra.Command{Use: "login", Short: "have the agent log in now", Long: loginHelp, Args: noArguments}
	settings := addSettings(cmd, signSettings, serverSettings, socketSettings)
	alone := onDevice(settings, say, func(run *deviceRun) error {
		who, err := run.whoami("")
		if err != nil {
			return err
		}
		say.Note("logged in as %s and out again: without an agent nothing keeps the token", oneLine(who.UserID))
		return nil
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		asking, err := settings.askAgentOrTell(say)
		if err != nil {
			return err
		}
		if asking == nil {
			return alone(cmd, args)
		}
		defer asking.end()
		token, err := asking.login()
		if err != nil {
			return err
		}
		say.Note("profile %q is logged in until %s", asking.profile, whileFresh(token.ExpiresAt, time.Now()))
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
func newLockCommand(say *messenger) *cobra.Command {
	cmd := &cobra.Command{Use: "lock", Short: "have the agent hand out nothing, and forget the PIN", Long: lockHelp, Args: noArguments}
	settings := addSettings(cmd, socketSettings)
	all := cmd.Flags().Bool("all", false, "all profiles that this user may lock: for root and the agent's user all, for others none")
	cmd.RunE = toAgent(settings, say, func(asking *asking) error {
		names, err := asking.profilesOf(*all)
		if err != nil {
			return err
		}
		if len(names) == 0 {
			return errNothingToLock
		}
		for _, name := range names {
			if err := asking.client.Lock(asking.ctx, name); err != nil {
				return asking.inTime(err)
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
func newUnlockCommand(say *messenger) *cobra.Command {
	cmd := &cobra.Command{Use: "unlock", Short: "undo lock, and give the agent the PIN", Long: unlockHelp, Args: noArguments}
	settings := addSettings(cmd, socketSettings)
	changed := cmd.Flags().Bool("pin-changed", false, "the PIN that was refused, or gave no clear answer, is the right one: send it again")
	cmd.RunE = toAgent(settings, say, func(asking *asking) error {
		token, err := asking.unlock(*changed)
		if err != nil {
			return err
		}
		say.Note("profile %q is unlocked, and logged in until %s", asking.profile, whileFresh(token.ExpiresAt, time.Now()))
		return nil
	})
	return cmd
}

// newReloadCommand returns the reload command.
func newReloadCommand(say *messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use: "reload", Short: "have the agent read its configuration again", Args: noArguments,
		Long: "reload has the agent read its configuration again, as SIGHUP does. Profiles that are the\nsame keep their tokens. A configuration with a mistake in it changes nothing.",
	}
	settings := addSettings(cmd, socketSettings)
	cmd.RunE = toAgent(settings, say, func(asking *asking) error {
		if err := asking.reload(); err != nil {
			return err
		}
		say.Note("the agent has read its configuration")
		return nil
	})
	return cmd
}

// reload has the agent read its configuration again, and tells what of it is not taken over.
func (a *asking) reload() error {
	warnings, err := a.client.Reload(a.ctx)
	if err != nil {
		return a.inTime(err)
	}
	for _, warning := range warnings {
		a.say.Warn("%s", warning)
	}
	return nil
}
