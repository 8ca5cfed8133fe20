package tasks

// Processes, imports, exports, actions and files of a model, from the start to Anaplan's result.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/agent/listitems"
	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/help"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
	"github.com/spf13/cobra"
)

// runKinds are what can be run, by the words of the command line.
var runKinds = map[string]integration.Kind{
	"process": integration.Processes, "import": integration.Imports, "export": integration.Exports,
	"action": integration.Actions, "file": integration.Files, severalFiles: integration.Files,
	"list": integration.Lists, "view": integration.Views,
}

// severalFiles is the word for those that --upload names.
const severalFiles = "files"

// RunWords are the keys of runKinds in the order in which people think of them.
var RunWords = []string{"process", "import", "export", "action", "file", severalFiles, "list", "view"}

// ListOf returns the list in which a model has what a word of RunWords runs; "" for another word, and
// for several files, which have no name of their own.
func ListOf(word string) string {
	if word == severalFiles {
		return ""
	}
	return string(runKinds[word])
}

// Order is what the flags of run say.
type Order struct {
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
	items            listitems.Verb
	format           listitems.Format
	columns          map[string]string // of --input, by their names: what they are in the list
	plain            bool              // send chunks as they are
	allowEmpty       bool              // send what has nothing in it
	json             bool              // print Anaplan's result also where a person reads
	Client           string

	uploads    []uploadOrder
	mapping    []integration.Mapping // Import is what was typed
	connectors []integration.Connector
}

// uploadOrder is a file of this machine for a file of the model.
type uploadOrder struct{ name, path string }

// startFlags are about the start of a task, and are over once it has been started.
var startFlags = []string{"task", "input", "upload", "map", "connector", "locale", "chunk-size", "no-compression", "allow-empty"}

// Remember keeps what was typed, to say how to come back to it.
func (o *Order) Remember(cmd *cobra.Command, args []string) {
	command := shell.Join(append([]string{build.Program, cmd.Name()}, args...)...)
	o.again = command + settings.FlagsBut(cmd, startFlags)
	o.fetch = command + settings.FlagsBut(cmd, append(startFlags, "dumps"))
	o.same = settings.FlagsBut(cmd, append(startFlags, "output", "dumps", "fail-on-rejected"))
}

// Repeated are the flags that can be given more than once, to be read by Check.
type Repeated struct{ uploads, mapping, connectors, columns *[]string }

// AddFlags gives the command its flags.
func (o *Order) AddFlags(cmd *cobra.Command) (repeated Repeated) {
	flags := cmd.Flags()
	flags.StringVar(&o.model, "model", "", "the model, by name or id")
	flags.StringVar(&o.workspace, "workspace", "", "its workspace, by name or id (default: the model's name decides)")
	flags.StringVar(&o.input, "input", "", "file to upload first: what the import reads, or the file's new content; - for standard input")
	flags.StringVar(&o.output, "output", "", "file for the result of the export, or for the file's content; - for standard output")
	repeated.uploads = flags.StringArray("upload", nil, "NAME=FILE: upload FILE as the model's file NAME, before a process runs; can be given more than once")
	flags.StringVar(&o.dumps, "dumps", "", "directory for the rejected rows (default: leave them at Anaplan)")
	flags.BoolVar(&o.failOnRejected, "fail-on-rejected", false, "exit with 1 if an import rejected rows, which Anaplan counts as a success")
	repeated.mapping = flags.StringArray("map", nil, "TYPE=NAME: what the import asks for at each run, as Version=Actual; of a process IMPORT/TYPE=NAME is for one of its imports; can be given more than once")
	repeated.connectors = flags.StringArray("connector", nil, "[SOURCE/]PROPERTY=VALUE: how Anaplan reaches what the import reads, such as Salesforce: INSTANCE, USERID, PASSWORD, SECURITY_TOKEN; =@FILE has the value in a file; can be given more than once")
	flags.StringVar(&o.locale, "locale", "", "language of Anaplan's messages (default: en_US)")
	flags.StringVar(&o.task, "task", "", "wait for this task, and start nothing")
	flags.Int64Var(&o.chunk, "chunk-size", 0, "size of a chunk of an upload, in MiB, up to 47 (default: 10)")
	flags.BoolVar(&o.json, "json", false, "print Anaplan's JSON of the task (default: on a terminal one line in words)")
	flags.BoolVar(&o.plain, "no-compression", false, "upload chunks as they are, not packed with gzip")
	flags.BoolVar(&o.allowEmpty, "allow-empty", false, "upload a file, or standard input, also where there is nothing in it")
	flags.StringVar((*string)(&o.items), "items", "", "what to do with the items of --input in a list: add, update, upsert (update what there is, add the rest) or delete")
	repeated.columns = flags.StringArray("column", nil, "COLUMN=PLACE: what a column of --input is in the list: name, code, parent, id, a property or a subset; COLUMN= leaves it out; can be given more than once")
	flags.StringVar((*string)(&o.format), "table", "", "of a list or a view: csv, tab (tab-separated) or json (default: by the file's name: .json; .tsv, .tab and .txt are tab; else csv)")
	agentclient.AddClientFlag(cmd, &o.Client)
	return repeated
}

// Check refuses wrong flags before a login is spent on them. Of several files there is no name.
func (o *Order) Check(args []string, repeated Repeated) (integration.Kind, error) {
	uploads, mapping := *repeated.uploads, *repeated.mapping
	word := args[0]
	kind, ok := runKinds[word]
	if !ok {
		return "", fmt.Errorf("%q cannot be run; there are %s%s", word, strings.Join(RunWords, ", "), help.DidYouMean(word, RunWords, "run "))
	}
	if err := o.checkNames(word, args[1:], len(uploads) > 0); err != nil {
		return "", err
	}
	if o.model == "" {
		return "", errors.New("which model? give --model NAME")
	}
	if o.chunk < 0 || o.chunk > 47 {
		return "", fmt.Errorf("--chunk-size %d: must be 1 to 47 MiB, the most that Anaplan accepts", o.chunk)
	}
	if err := o.checkFlow(kind, word == severalFiles); err != nil {
		return "", err
	}
	if err := o.checkTable(kind, *repeated.columns); err != nil {
		return "", err
	}
	if err := o.checkPlaces(); err != nil {
		return "", err
	}
	if err := o.checkTask(repeated); err != nil {
		return "", err
	}
	if err := o.readUploads(uploads); err != nil {
		return "", err
	}
	return kind, o.readParameters(kind, mapping, *repeated.connectors)
}

// readUploads reads what --upload says. Two files for one place would overwrite each other.
func (o *Order) readUploads(uploads []string) error {
	for _, text := range uploads {
		name, path, ok := strings.Cut(text, "=")
		if !ok || name == "" || path == "" {
			return fmt.Errorf("--upload %q: write NAME=FILE, as Sales.csv=sales.csv", text)
		}
		one := uploadOrder{name, path}
		for _, other := range o.uploads {
			if other.name == name {
				return twoForOne(other, one)
			}
		}
		o.uploads = append(o.uploads, one)
	}
	return nil
}

// twoForOne refuses two files for one of the model.
func twoForOne(a, b uploadOrder) error {
	return fmt.Errorf("--upload %s=%s and --upload %s=%s are for the same file of the model: leave one out", a.name, a.path, b.name, b.path)
}

// checkNames checks that there is a name, or the names of several files.
func (o *Order) checkNames(word string, names []string, uploads bool) error {
	switch {
	case word != severalFiles && len(names) != 1:
		return fmt.Errorf(`a kind and a name are needed, as: run process "Nightly load" --model Plan`)
	case word != severalFiles && strings.TrimSpace(names[0]) == "":
		return fmt.Errorf("the name of the %s is empty: is a variable of a script not set?", word)
	case word == severalFiles && (len(names) > 0 || !uploads):
		return errors.New("which files? give each as --upload NAME=FILE: run files --model Plan --upload Sales.csv=sales.csv --upload Prices.csv=prices.csv")
	case word == severalFiles && (o.input != "" || o.output != ""):
		return errors.New("--input and --output are about one file: run file NAME")
	case word == "file" && uploads:
		return errors.New("--upload is for several files: run files --upload NAME=FILE, or before a process")
	case uploads && o.input != "":
		return errors.New("--input and --upload both say what is uploaded: name the import's file as --upload NAME=FILE, too, or leave one out")
	}
	return nil
}

// checkFlow checks that the flags for input and output fit the kind.
func (o *Order) checkFlow(kind integration.Kind, several bool) error {
	has := func(kinds ...integration.Kind) bool { return slices.Contains(kinds, kind) }
	if has(integration.Lists, integration.Views) {
		return nil // see checkTable
	}
	switch {
	case has(integration.Files) && !several && (o.input == "") == (o.output == ""):
		return errors.New("upload or download? give either --input or --output")
	case has(integration.Files) && (o.task != "" || o.dumps != "" || o.failOnRejected):
		return errors.New("--task, --dumps and --fail-on-rejected do not apply to files, which have no task")
	case o.input != "" && !has(integration.Files, integration.Imports):
		return errors.New("--input is for imports and files; a process takes --upload NAME=FILE")
	case o.output != "" && !has(integration.Files, integration.Exports):
		return errors.New("--output is for exports and files")
	}
	return nil
}

// checkPlaces refuses paths that cannot be written to: after the task it would be too late.
func (o *Order) checkPlaces() error {
	if err := paths.CheckOutput(o.output); err != nil {
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
		err = errors.New("it is a file, not a directory")
	}
	if err != nil {
		return fmt.Errorf("--dumps %s: %w", o.dumps, paths.RootCause(err))
	}
	return nil
}

// checkTask refuses what comes too late for a task that has been started.
func (o *Order) checkTask(repeated Repeated) error {
	late := ""
	switch {
	case o.task == "":
		return nil
	case o.input != "":
		late = "--input"
	case len(*repeated.uploads) > 0:
		late = "--upload"
	case len(*repeated.mapping) > 0:
		late = "--map"
	case len(*repeated.connectors) > 0:
		late = "--connector"
	default:
		return nil
	}
	return fmt.Errorf("--task waits for a task that was started before, so %s comes too late: leave it out", late)
}
