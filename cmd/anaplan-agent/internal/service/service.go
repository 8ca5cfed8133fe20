package service

// The command line of the service commands. files.go and units have the content of the files,
// install.go puts them into place.

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// Flags are the flags of the service commands.
type Flags struct {
	user, System  bool
	Program, root string
	force, dryRun bool
}

// NewPrint returns the command that shows the files.
func NewPrint(say *console.Messenger) *cobra.Command {
	var flags Flags
	cmd := &cobra.Command{
		Use:     "print [FILE]",
		Short:   "print the files of the service, or one of them",
		Example: "anaplan-agent service print",
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := flags.service(cmd, say)
			if err != nil {
				return err
			}
			text, err := s.show(args)
			if err != nil {
				return &explain.UsageError{Err: err, Command: cmd.CommandPath()}
			}
			if s.Manager.registers != "" {
				say.Note("it is registered by: %s", s.Manager.registers)
			}
			return console.PrintResult(text)
		},
	}
	flags.add(cmd)
	return cmd
}

// NewInstall returns the command that writes the files.
func NewInstall(say *console.Messenger) *cobra.Command {
	var flags Flags
	cmd := &cobra.Command{
		Use:     "install",
		Short:   "write the files of the service, and say how to start it",
		Example: "anaplan-agent service install --user",
		Args:    settings.NoArguments,
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

// NewUninstall returns the command that removes the files.
func NewUninstall(say *console.Messenger) *cobra.Command {
	var flags Flags
	cmd := &cobra.Command{
		Use:     "uninstall",
		Short:   "end the service and remove its files",
		Example: "anaplan-agent service uninstall --user",
		Args:    settings.NoArguments,
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
func (f *Flags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&f.user, "user", false, "the service of this user (default, but for "+privilegedAs+")")
	flags.BoolVar(&f.System, "system", false, "the service of the machine (default for "+privilegedAs+")")
	flags.StringVar(&f.Program, "program", "", "absolute path of the program that the service starts (default: this one)")
	flags.StringVar(&f.root, "root", "", "directory to take for /, to make a package or an image; nothing is started or stopped")
}

// addChanging gives cmd the flags of what changes files.
func (f *Flags) addChanging(cmd *cobra.Command, verb string) {
	cmd.Flags().BoolVar(&f.force, "force", false, verb+" files that were changed by hand, too")
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "only say what would be done")
}

// service returns the service that the flags mean.
func (f *Flags) service(cmd *cobra.Command, say *console.Messenger) (*Service, error) {
	for _, flag := range []string{"program", "root"} {
		if err := settings.NotEmpty(cmd, flag); err != nil {
			return nil, err
		}
	}
	if f.user && f.System {
		return nil, explain.Usagef(cmd.CommandPath(), "--user and --system exclude each other")
	}
	s := &Service{Flags: *f, Say: say}
	if !f.user && !f.System {
		s.System = isPrivileged()
		which, other := "you alone", "--system is for the whole machine"
		if s.System {
			which, other = "the whole machine, since you are "+privilegedAs, "--user is for one of "+privilegedAs+"'s own"
		}
		say.Note("this is the service for %s; %s", which, other)
	}
	if err := s.chooseProgram(runtime.GOOS); err != nil {
		return nil, &explain.UsageError{Err: err, Command: cmd.CommandPath()}
	}
	return s, s.makeFiles(runtime.GOOS)
}

// show returns the one file that is named in args, or all of them with their paths.
func (s *Service) show(args []string) (string, error) {
	if len(args) == 0 && s.registration != nil {
		return s.registration.commands(), nil
	}
	if len(args) == 0 && len(s.Files) == 1 {
		return s.Files[0].text, nil
	}
	var all strings.Builder
	var names []string
	for _, file := range s.Files {
		if slices.Equal(args, []string{file.Name()}) {
			return file.text, nil
		}
		names = append(names, file.Name())
		fmt.Fprintf(&all, "# %s\n%s\n", file.path, file.text)
	}
	if len(args) > 0 {
		return "", fmt.Errorf("there is no file %q; one of %s", args, strings.Join(names, ", "))
	}
	return all.String(), nil
}
