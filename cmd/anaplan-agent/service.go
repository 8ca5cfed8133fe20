package main

// The agent as a service: the command line of it. What the files hold is in
// service_files.go and units, how they get to their places in service_install.go.

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/spf13/cobra"
)

const serviceHelp = `service has systemd (Linux) or launchd (macOS) start the agent:

  anaplan-agent service install          for you, while you are logged in
  sudo anaplan-agent service install     for the machine, as a user of its own
  anaplan-agent service print            only shows what would be written

With systemd the agent starts when somebody first connects to its socket, and is
restarted when it crashes or hangs. Your changes belong into a drop-in (systemctl
edit anaplan-agent.service): a file that was changed by hand is neither replaced
nor removed without --force.`

// serviceFlags are the flags of the service commands.
type serviceFlags struct {
	user, system  bool
	program, root string
	force, dryRun bool
}

// newServiceCommand returns the service command.
func newServiceCommand(say *messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "service",
		Short: "have systemd or launchd start the agent",
		Long:  serviceHelp,
		RunE: func(cmd *cobra.Command, args []string) error {
			return explain.Usagef(cmd.CommandPath(), "service what? one of print, install, uninstall")
		},
	}
	cmd.AddCommand(newServicePrint(say), newServiceInstall(say), newServiceUninstall(say))
	return cmd
}

// newServicePrint returns the command that shows the files.
func newServicePrint(say *messenger) *cobra.Command {
	var flags serviceFlags
	cmd := &cobra.Command{
		Use:   "print [FILE]",
		Short: "print the files of the service, or one of them",
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := flags.service(cmd, say)
			if err != nil {
				return err
			}
			text, err := s.show(args)
			if err != nil {
				return &explain.UsageError{Err: err, Command: cmd.CommandPath()}
			}
			return printResult(text)
		},
	}
	flags.add(cmd)
	return cmd
}

// newServiceInstall returns the command that writes the files.
func newServiceInstall(say *messenger) *cobra.Command {
	var flags serviceFlags
	cmd := &cobra.Command{
		Use:   "install",
		Short: "write the files of the service, and say how to start it",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := flags.service(cmd, say)
			if err != nil {
				return err
			}
			return s.install()
		},
	}
	flags.add(cmd)
	flags.addChanging(cmd, "replace")
	return cmd
}

// newServiceUninstall returns the command that removes the files.
func newServiceUninstall(say *messenger) *cobra.Command {
	var flags serviceFlags
	cmd := &cobra.Command{
		Use:   "uninstall",
		Short: "end the service and remove its files",
		Args:  noArguments,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := flags.service(cmd, say)
			if err != nil {
				return err
			}
			return s.uninstall()
		},
	}
	flags.add(cmd)
	flags.addChanging(cmd, "remove")
	return cmd
}

// add gives cmd the flags that say which service is meant.
func (f *serviceFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.user, "user", false, "the service of this user (default, but for root)")
	flags.BoolVar(&f.system, "system", false, "the service of the machine (default for root)")
	flags.StringVar(&f.program, "program", "", "absolute path of the program that the service starts (default: this one)")
	flags.StringVar(&f.root, "root", "", "directory to take for /, to make a package or an image; nothing is started or stopped")
}

// addChanging gives cmd the flags of what changes files.
func (f *serviceFlags) addChanging(cmd *cobra.Command, verb string) {
	cmd.Flags().BoolVar(&f.force, "force", false, verb+" files that were changed by hand, too")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "only say what would be done")
}

// service returns the service that the flags mean.
func (f *serviceFlags) service(cmd *cobra.Command, say *messenger) (*service, error) {
	for _, flag := range []string{"program", "root"} {
		if err := notEmpty(cmd, flag); err != nil {
			return nil, err
		}
	}
	if f.user && f.system {
		return nil, explain.Usagef(cmd.CommandPath(), "--user and --system exclude each other")
	}
	s := &service{serviceFlags: *f, say: say}
	if !f.user && !f.system {
		s.system = os.Geteuid() == 0
		which, other := "you alone", "--system is for the whole machine"
		if s.system {
			which, other = "the whole machine, since you are root", "--user is for one of root's own"
		}
		say.Note("this is the service for %s; %s", which, other)
	}
	if err := s.chooseProgram(runtime.GOOS); err != nil {
		return nil, &explain.UsageError{Err: err, Command: cmd.CommandPath()}
	}
	return s, s.makeFiles(runtime.GOOS)
}

// show returns the one file that is named in args, or all of them with their paths.
func (s *service) show(args []string) (string, error) {
	if len(args) == 0 && len(s.files) == 1 {
		return s.files[0].text, nil
	}
	var all strings.Builder
	var names []string
	for _, file := range s.files {
		if slices.Equal(args, []string{file.name()}) {
			return file.text, nil
		}
		names = append(names, file.name())
		fmt.Fprintf(&all, "# %s\n%s\n", file.path, file.text)
	}
	if len(args) > 0 {
		return "", fmt.Errorf("there is no file %q; one of %s", args, strings.Join(names, ", "))
	}
	return all.String(), nil
}
