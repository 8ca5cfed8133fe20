// Package completion tells a shell what can stand at a place of a command line: keys of the devices
// that are here, names of what is at Anaplan, clients, paths of the API.
//
// The program uses it when a shell asks, and at no other start. Tab must not hang, cost a try of a
// PIN or start a login: devices are looked at by a process of their own without a PIN, Anaplan is asked
// through a running agent that has a token already, and all of it ends in time.
package completion

import (
	"cmp"
	"context"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// How long a shell waits: as long as a person does, or as the variable says.
const (
	patience         = 2 * time.Second
	grace            = 500 * time.Millisecond // after it, to bring together what has come
	patienceVariable = "ANAPLAN_AGENT_COMPLETION_TIMEOUT"
)

func limit() time.Duration {
	if wanted, err := time.ParseDuration(os.Getenv(patienceVariable)); err == nil {
		return wanted
	}
	return patience
}

// Requested reports whether the command line args is a shell's question.
func Requested(args []string) bool {
	return len(args) > 0 && (args[0] == cobra.ShellCompRequestCmd || args[0] == cobra.ShellCompNoDescRequestCmd)
}

// completer returns what can stand at a place: a text each, with a tab before what it means. An error
// has no place on a half-written command line, so there is none.
type completer func(cmd *cobra.Command, args []string, toComplete string) []string

// Register has root's commands ask here for what settings do not know.
func Register(root *cobra.Command) {
	for _, cmd := range root.Commands() {
		Register(cmd)
		for flag, words := range flags {
			if cmd.Flags().Lookup(flag) != nil {
				cmd.RegisterFlagCompletionFunc(flag, bounded(words, cobra.ShellCompDirectiveNoFileComp))
			}
		}
		switch cmd.Name() {
		case "run":
			cmd.ValidArgsFunction = bounded(runArguments, cobra.ShellCompDirectiveNoFileComp)
		case "api":
			cmd.ValidArgsFunction = bounded(apiArguments, cobra.ShellCompDirectiveNoFileComp|cobra.ShellCompDirectiveNoSpace)
		}
	}
}

// flags are those that commands have in common.
var flags = map[string]completer{
	"key":       func(cmd *cobra.Command, _ []string, toComplete string) []string { return keys(cmd, toComplete) },
	"client":    func(cmd *cobra.Command, _ []string, _ string) []string { return clients(cmd) },
	"model":     func(cmd *cobra.Command, _ []string, _ string) []string { return names(cmd, "models") },
	"workspace": func(cmd *cobra.Command, _ []string, _ string) []string { return names(cmd, "workspaces") },
}

// bounded returns what cobra wants, with an end.
func bounded(words completer, directive cobra.ShellCompDirective) cobra.CompletionFunc {
	return func(cmd *cobra.Command, args []string, toComplete string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmp.Or(cmd.Context(), context.Background()), limit())
		defer cancel()
		cmd.SetContext(ctx)
		late, giveUp := context.WithTimeout(context.Background(), limit()+grace)
		defer giveUp()
		found := make(chan []string, 1)
		go func() { found <- words(cmd, args, toComplete) }() // ends with the process, which ends after this
		select {
		case all := <-found:
			return beginning(all, toComplete), directive
		case <-late.Done():
			return nil, directive
		}
	}
}

// beginning returns the words that begin with what is written already.
func beginning(words []string, toComplete string) []string {
	var some []string
	for _, word := range words {
		if strings.HasPrefix(word, toComplete) {
			some = append(some, word)
		}
	}
	return some
}

// described returns a word with what it means. Neither may break the line.
func described(word, meaning string) string {
	word, meaning = console.OneLine(console.Printable(word)), console.OneLine(console.Printable(meaning))
	if meaning == "" || strings.Contains(word, "\t") {
		return word
	}
	return word + "\t" + meaning
}

// session returns the conversation with the running agent; nil if there is none.
func session(cmd *cobra.Command) *agentclient.Session {
	found, err := agentclient.Connect(settings.Of(cmd), &console.Messenger{Out: io.Discard})
	if err != nil {
		return nil
	}
	return found
}

// clients returns those that this user is at the agent.
func clients(cmd *cobra.Command) (found []string) {
	agent := session(cmd)
	if agent == nil {
		return nil
	}
	defer agent.Close()
	status, err := agent.Client.Status(agent.Ctx)
	if err != nil {
		return nil
	}
	for _, client := range status.Clients {
		found = append(found, described(client.Name, "of profile "+client.Profile))
	}
	return found
}
