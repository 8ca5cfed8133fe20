package help

import (
	"slices"

	"github.com/spf13/cobra"
)

// group is the commands for one purpose.
type group struct {
	title string
	names []string // in the order in which they are needed
}

// groups are all commands by purpose, in the order in which somebody new needs them.
var groups = []group{
	{"Set up a key", []string{"enroll", "keys", "cert", "import", "rotate"}},
	{"Use it every day", []string{"exec", "token", "whoami", "logout", "sign"}},
	{"The agent, which keeps a token alive", []string{"serve", "service", "as-service", "status", "login", "lock", "unlock", "reload", "stop"}},
	{"Calls that the agent makes, within policies", []string{"run", "list", "api", "policy", "client", "ca", "audit"}},
	{"Trouble and the rest", []string{"doctor", "version", "completion", "help"}},
}

// grouped returns the commands below cmd by purpose: those of the program in its groups, others in
// one.
func grouped(cmd *cobra.Command) (all []section) {
	if cmd.HasParent() {
		return []section{{"Commands", shown(cmd.Commands())}}
	}
	for _, g := range groups {
		var commands []*cobra.Command
		for _, name := range g.names {
			if i := slices.IndexFunc(cmd.Commands(), func(c *cobra.Command) bool { return c.Name() == name }); i >= 0 {
				commands = append(commands, cmd.Commands()[i])
			}
		}
		all = append(all, section{g.title, shown(commands)})
	}
	return all
}

// section is what stands under one heading.
type section struct {
	title    string
	commands []*cobra.Command
}

func shown(commands []*cobra.Command) []*cobra.Command {
	return slices.DeleteFunc(slices.Clone(commands), func(c *cobra.Command) bool { return !c.IsAvailableCommand() && c.Name() != "help" })
}

// IsGrouped reports whether a command of the program is in one of the groups.
func IsGrouped(name string) bool {
	return slices.ContainsFunc(groups, func(g group) bool { return slices.Contains(g.names, name) })
}
