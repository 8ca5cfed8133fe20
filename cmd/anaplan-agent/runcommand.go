package main

// Processes, imports, exports, actions and files of a model, from the start to Anaplan's
// word that it went well.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

const runHelp = `run runs something of a model and waits until it has ended. It exits with 0 only if
Anaplan says that all of it was successful:

  anaplan-agent run process "Nightly load" --model Plan
  anaplan-agent run process "Nightly load" --model Plan --upload Sales.csv=sales.csv --dumps failed/
  anaplan-agent run import  "Sales from Sales.csv" --model Plan --input sales.csv
  anaplan-agent run export  Report.csv --model Plan --output report.csv
  anaplan-agent run action  "Delete old sales" --model Plan
  anaplan-agent run file    Sales.csv --model Plan --input sales.csv      upload
  anaplan-agent run file    Report.csv --model Plan --output report.csv   download

An import that leaves rows out is a success for Anaplan: with --fail-on-rejected it is none
here, and --dumps fetches the rows.

Standard output is Anaplan's JSON of the task, unless --output - puts the content of the file
or the result of the export there; of a file that is moved it is nothing else.

Things, models and workspaces are given by name or id; in names capital letters count. What can
be done again is, when a connection is lost: chunks are sent again, downloads go on where they
broke off, and nothing is started twice. If the command itself is ended the task goes on at
Anaplan; --task waits for it again.

Calls go through the agent if one runs, within its policy; otherwise through a login of this
command's own, within the profile's.
` + aloneHelp

// runKinds are what can be run, by the words of the command line.
var runKinds = map[string]integration.Kind{
	"process": integration.Processes, "import": integration.Imports, "export": integration.Exports,
	"action": integration.Actions, "file": integration.Files,
}

// runWords are the keys of runKinds in the order in which people think of them.
var runWords = []string{"process", "import", "export", "action", "file"}

// runOrder is what a person has ordered.
type runOrder struct {
	model, workspace string
	input, output    string
	dumps            string
	task             string
	failOnRejected   bool
	again            string // the command that comes back to a task, but for --task
	fetch            string // the same without --dumps
	same             string // the flags for another command about the same model
	locale           string
	chunk            int64 // MiB
	client           string

	uploads []uploadOrder
	mapping []integration.Mapping
}

// uploadOrder is a file of this machine for a file of the model.
type uploadOrder struct{ name, path string }

// newRunCommand returns the run command.
func newRunCommand(say *messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run process|import|export|action|file NAME",
		Short: "run a process, import, export or action, or move a file, and wait for it",
		Long:  runHelp,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) != 2 {
				return explain.Usagef(cmd.CommandPath(), `what to run? give a kind and a name, as: run process "Nightly load" --model Plan`)
			}
			return nil
		},
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
			if len(args) > 0 {
				return nil, cobra.ShellCompDirectiveNoFileComp
			}
			return runWords, cobra.ShellCompDirectiveNoFileComp
		},
	}
	settings := addSettings(cmd, signSettings, serverSettings, socketSettings)
	order := &runOrder{}
	uploads, mapping := order.addFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		kind, err := order.check(args[0], *uploads, *mapping)
		if err != nil {
			return &explain.UsageError{Err: err, Command: cmd.CommandPath()}
		}
		if err := checkStdout(); err != nil {
			return err
		}
		order.remember(cmd, args)
		order.client = clientOf(cmd, order.client)
		way, err := settings.callAnaplan(say, order.client)
		if err != nil {
			return err
		}
		defer way.end()
		bar := newProgressBar()
		way.client.Notify = func(text string) { bar.clear(); say.Note("%s", text) }
		return way.inWords((&running{calling: way, order: order, kind: kind, say: say, bar: bar}).run(args[1]))
	}
	hideLoginFlags(cmd)
	return cmd
}

// startFlags are about the start of a task, and are over once it has been started.
var startFlags = []string{"task", "input", "upload", "map", "locale", "chunk-size"}

// remember keeps what was typed, to say how to come back to it.
func (o *runOrder) remember(cmd *cobra.Command, args []string) {
	command := strings.Join(append([]string{program, cmd.Name()}, quoted(args...)...), " ")
	o.again = command + flagsBut(cmd, startFlags)
	o.fetch = command + flagsBut(cmd, append(startFlags, "dumps"))
	o.same = flagsBut(cmd, append(startFlags, "output", "dumps", "fail-on-rejected"))
}

// flagsBut returns the flags that were given, but for some, as a shell reads them, each with a
// blank before it.
func flagsBut(cmd *cobra.Command, over []string) string {
	var words strings.Builder
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		switch {
		case slices.Contains(over, flag.Name):
		case flag.Value.Type() == "bool":
			words.WriteString(" --" + flag.Name)
		default:
			words.WriteString(" --" + flag.Name + " " + quoted(flag.Value.String())[0])
		}
	})
	return words.String()
}

// quoted returns words as a shell reads them.
func quoted(words ...string) []string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,"
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = word
		if word == "" || strings.Trim(word, plain) != "" {
			quoted[i] = "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
		}
	}
	return quoted
}

// addFlags gives the command its flags. Those that can be given more than once are returned,
// to be read by check.
func (o *runOrder) addFlags(cmd *cobra.Command) (uploads, mapping *[]string) {
	flags := cmd.Flags()
	flags.StringVar(&o.model, "model", "", "the model, by name or id")
	flags.StringVar(&o.workspace, "workspace", "", "its workspace, by name or id (default: the model's name decides)")
	flags.StringVar(&o.input, "input", "", "file to upload first: what the import reads, or the file's new content; - for standard input")
	flags.StringVar(&o.output, "output", "", "file for what the export has written, or for the file's content; - for standard output")
	uploads = flags.StringArray("upload", nil, "NAME=FILE: before the process, upload FILE as the model's file NAME; can be given more than once")
	flags.StringVar(&o.dumps, "dumps", "", "directory for the rows that were not imported (default: they are left at Anaplan)")
	flags.BoolVar(&o.failOnRejected, "fail-on-rejected", false, "exit with 1 if rows were not imported, which for Anaplan is a success")
	mapping = flags.StringArray("map", nil, "TYPE=NAME: what the import asks for at each run, as Version=Actual; can be given more than once")
	flags.StringVar(&o.locale, "locale", "", "language of Anaplan's remarks (default en_US)")
	flags.StringVar(&o.task, "task", "", "start nothing, and wait for this task")
	flags.Int64Var(&o.chunk, "chunk-size", 0, "of uploads, in MiB, up to 47 (default 10)")
	addClientFlag(cmd, &o.client)
	return uploads, mapping
}

// check refuses what makes no sense, before a login is spent on it.
func (o *runOrder) check(word string, uploads, mapping []string) (integration.Kind, error) {
	kind, ok := runKinds[word]
	if !ok {
		return "", fmt.Errorf("%q cannot be run; there are %s", word, strings.Join(runWords, ", "))
	}
	if o.model == "" {
		return "", errors.New("which model? give --model NAME")
	}
	if o.chunk < 0 || o.chunk > 47 {
		return "", fmt.Errorf("--chunk-size %d: it is 1 to 47 MiB, the most that Anaplan takes", o.chunk)
	}
	if err := o.checkFlow(kind); err != nil {
		return "", err
	}
	if err := o.checkPlaces(); err != nil {
		return "", err
	}
	if err := o.checkTask(len(uploads) > 0); err != nil {
		return "", err
	}
	for _, text := range uploads {
		name, path, ok := strings.Cut(text, "=")
		if !ok || name == "" || path == "" {
			return "", fmt.Errorf("--upload %q: write NAME=FILE, as Sales.csv=sales.csv", text)
		}
		o.uploads = append(o.uploads, uploadOrder{name, path})
	}
	for _, text := range mapping {
		kind, name, ok := strings.Cut(text, "=")
		if !ok || kind == "" || name == "" {
			return "", fmt.Errorf("--map %q: write TYPE=NAME, as Version=Actual", text)
		}
		o.mapping = append(o.mapping, integration.Mapping{Type: kind, Name: name})
	}
	return kind, nil
}

// checkFlow checks what is read and written by whom.
func (o *runOrder) checkFlow(kind integration.Kind) error {
	has := func(kinds ...integration.Kind) bool { return slices.Contains(kinds, kind) }
	switch {
	case has(integration.Files) && (o.input == "") == (o.output == ""):
		return errors.New("upload or download? give either --input or --output")
	case has(integration.Files) && (o.task != "" || o.dumps != "" || o.failOnRejected):
		return errors.New("a file has no task, and no rows that are not imported")
	case o.input != "" && !has(integration.Files, integration.Imports):
		return errors.New("--input is for imports and files; a process takes --upload NAME=FILE")
	case o.output != "" && !has(integration.Files, integration.Exports):
		return errors.New("--output is for exports and files")
	}
	return nil
}

// checkPlaces refuses places that nothing can be written to: after the task it would be too late.
func (o *runOrder) checkPlaces() error {
	if err := checkOutput(o.output); err != nil {
		return fmt.Errorf("--output %s: %w", o.output, err)
	}
	if o.dumps == "" {
		return nil
	}
	info, err := os.Stat(o.dumps)
	switch {
	case errors.Is(err, fs.ErrNotExist): // it will be made
		return nil
	case err == nil && !info.IsDir():
		err = errors.New("it is a file, and a directory is wanted")
	}
	if err != nil {
		return fmt.Errorf("--dumps %s: %w", o.dumps, rootCause(err))
	}
	return nil
}

// checkTask refuses what comes too late for a task that has been started.
func (o *runOrder) checkTask(uploads bool) error {
	late := ""
	switch {
	case o.task == "":
		return nil
	case o.input != "":
		late = "--input"
	case uploads:
		late = "--upload"
	default:
		return nil
	}
	return fmt.Errorf("--task waits for what has been started, so %s comes too late: leave it out", late)
}
