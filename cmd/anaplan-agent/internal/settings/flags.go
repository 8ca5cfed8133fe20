package settings

import (
	"os"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// NotEmpty refuses a flag that is given and empty, as by "$FILE" where FILE is not set: the command
// would do something else than the script intends.
func NotEmpty(cmd *cobra.Command, flag string) error {
	if f := cmd.Flags().Lookup(flag); f.Changed && f.Value.String() == "" {
		return explain.Usagef(cmd.CommandPath(), "--%s is empty", flag)
	}
	return nil
}

// NoArguments refuses arguments, as a wrong call.
func NoArguments(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return explain.Usagef(cmd.CommandPath(), "%s takes no arguments, but got %q", cmd.CommandPath(), args)
}

// FlagsBut returns the flags that were given, except some, as a shell reads them, each with a blank
// before it.
func FlagsBut(cmd *cobra.Command, over []string) string {
	var words strings.Builder
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		switch {
		case slices.Contains(over, flag.Name):
		case flag.Value.Type() == "bool":
			words.WriteString(" --" + flag.Name)
		default:
			words.WriteString(" --" + flag.Name + " " + shell.Word(flag.Value.String()))
		}
	})
	return words.String()
}

// ConfigFlag returns --config as it was given, with a blank before it: a command that is told to a
// person as the next one needs it, too. A pipe is not there for a second one.
func ConfigFlag(cmd *cobra.Command) string {
	path := flagValue(cmd, "config")
	if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
		return ""
	}
	return " --config " + shell.Word(path)
}

// Of returns the settings of a command whose flags are parsed: for what is asked about a command
// line beside the command itself.
func Of(cmd *cobra.Command) *Settings {
	s := &Settings{Command: cmd, config: flagValue(cmd, "config"), Profile: flagValue(cmd, "profile")}
	for _, setting := range slices.Concat(config.Settings(), config.AgentSettings()) {
		if cmd.Flags().Lookup(setting.Flag()) != nil {
			s.names = append(s.names, setting.Name)
		}
	}
	return s
}

// flagValue returns the value of a flag; "" if the command does not have it.
func flagValue(cmd *cobra.Command, name string) string {
	if flag := cmd.Flags().Lookup(name); flag != nil {
		return flag.Value.String()
	}
	return ""
}
