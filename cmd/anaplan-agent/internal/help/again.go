package help

import (
	"slices"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
)

// After returns what to say about an error of a command to the person who has just run it. What was
// run with more than is in a hint is another command than the hint's.
func After(cmd *cobra.Command, explained explain.Explanation) explain.Explanation {
	if cmd == nil || !cmd.HasParent() || cmd.HasAvailableSubCommands() || !isBare(cmd) {
		return explained
	}
	profile := ""
	if flag := cmd.Flags().Lookup("profile"); flag != nil {
		profile = flag.Value.String()
	}
	return explained.After(below(cmd.Parent(), cmd.Name()), profile)
}

// isBare reports whether a command was run with nothing that changes what it does: only with flags
// that say to whom.
func isBare(cmd *cobra.Command) bool {
	bare := cmd.Flags().NArg() == 0
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		bare = bare && slices.Contains([]string{"profile", "socket", "config"}, flag.Name)
	})
	return bare
}
