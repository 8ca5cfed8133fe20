// Package listing shows what there is at Anaplan, for people as a table: workspaces, models, and what is
// in a model.
package listing

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/agent/lookalike"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/help"
	"github.com/spf13/cobra"
)

// Order is what the flags of list say.
type Order struct {
	model, workspace string
	json             bool
	Client           string
}

// AddFlags gives the command its flags.
func (o *Order) AddFlags(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&o.model, "model", "", "the model, by name or id")
	flags.StringVar(&o.workspace, "workspace", "", "the workspace, by name or id (default: of models all; else the model's name decides)")
	flags.BoolVar(&o.json, "json", false, "print what Anaplan tells of each, as one JSON array")
	agentclient.AddClientFlag(cmd, &o.Client)
}

// Kinds returns what can be listed, in the order in which people think of it.
func Kinds() []string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

func kindOf(name string) kind {
	return kinds[slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })]
}

// Check refuses a wrong command line before a login is spent on it.
func (o *Order) Check(name string) error {
	i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == name })
	switch {
	case i < 0:
		return fmt.Errorf("%q cannot be listed; there are %s%s", name, strings.Join(Kinds(), ", "), help.DidYouMean(name, Kinds(), "list "))
	case kinds[i].inModel && o.model == "":
		return errors.New("of which model? give --model NAME")
	case !kinds[i].inModel && o.model != "":
		return fmt.Errorf("--model does not apply to %s", name)
	case name == string(integration.Workspaces) && o.workspace != "":
		return errors.New("--workspace does not apply to workspaces")
	}
	return nil
}

// thing is one of a list, as Anaplan tells it.
type thing map[string]any

// Show lists what there is of a kind.
func Show(api *agentclient.API, order *Order, name string, say *console.Messenger) error {
	kind := kindOf(name)
	path, where, err := order.path(api, kind)
	var all []thing
	if err == nil {
		all, err = fetch(api, path, kind)
	}
	if err != nil {
		return api.MayNot(err, "see what there is", "list")
	}
	switch {
	case order.json:
		return console.PrintJSON(all)
	case len(all) == 0:
		say.Note("there are no %s%s", kind.name, where)
		return nil
	}
	return console.PrintResult(table(kind, all))
}

// path returns where a list is, and where that is for people.
func (o *Order) path(api *agentclient.API, kind kind) (path, where string, err error) {
	switch {
	case kind.inModel:
		model, err := api.Client.FindModel(api.Ctx, o.model, o.workspace)
		return model.Path() + "/" + kind.name, " in model " + console.QuotedName(model.Name, model.ID), err
	case o.workspace != "":
		workspace, err := api.Client.FindWorkspace(api.Ctx, o.workspace)
		return "/2/0/workspaces/" + workspace.ID + "/models", " in workspace " + console.QuotedName(workspace.Name, workspace.ID), err
	}
	return "/2/0/" + kind.name, "", nil
}

// fetch returns a whole list.
func fetch(api *agentclient.API, path string, kind kind) ([]thing, error) {
	query := url.Values{"limit": {"5000"}} // the longest page that Anaplan gives, as anaplan-sdk has it
	if kind.details != "" {
		query.Set(kind.details, "true")
	}
	var text bytes.Buffer
	if err := api.Client.Paginate(api.Ctx, path, query, &text); err != nil {
		return nil, err
	}
	var fields map[string]json.RawMessage
	all := []thing{}
	decoder := json.NewDecoder(&text)
	if decoder.Decode(&fields) != nil {
		return nil, fmt.Errorf("%s: %w: it is not a JSON object", path, integration.ErrResponse)
	}
	raw, ok := fields[kind.name]
	if !ok {
		return all, nil // Anaplan leaves out what is empty
	}
	decoder = json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if decoder.Decode(&all) != nil {
		return nil, fmt.Errorf("%s: %w: there is no list of %s in it", path, integration.ErrResponse, kind.name)
	}
	return all, nil
}

// shownName is the name of a thing, in quotes and with escapes where it is not what it looks like.
func shownName(all []thing) func(thing) string {
	var names []string
	for _, t := range all {
		names = append(names, text("name")(t))
	}
	shown := map[string]string{}
	for i, name := range lookalike.Shown(names) {
		shown[names[i]] = name
	}
	return func(t thing) string { return shown[text("name")(t)] }
}

// table puts a list into columns. One that is empty in all rows is left out.
func table(kind kind, all []thing) string {
	columns := slices.DeleteFunc(slices.Concat([]column{{"NAME", shownName(all)}, {"ID", text("id")}}, kind.columns), func(c column) bool {
		return !slices.ContainsFunc(all, func(t thing) bool { return c.of(t) != "" })
	})
	var out strings.Builder
	writeTable(&out, rowsUnder(columns, all))
	return out.String()
}

// rowsUnder are the columns' titles, and a row for each thing.
func rowsUnder(columns []column, all []thing) [][]string {
	var titles []string
	for _, c := range columns {
		titles = append(titles, c.title)
	}
	rows := [][]string{titles}
	for _, t := range all {
		var row []string
		for _, c := range columns {
			row = append(row, c.of(t))
		}
		rows = append(rows, row)
	}
	return rows
}

// writeTable writes rows below each other, with an empty line in front if there is something already.
func writeTable(out *strings.Builder, rows [][]string) {
	if out.Len() > 0 && len(rows) > 0 {
		out.WriteString("\n")
	}
	var table strings.Builder
	to := tabwriter.NewWriter(&table, 0, 8, 2, ' ', 0)
	for _, row := range rows {
		for _, cell := range row {
			fmt.Fprint(to, console.OneLine(console.Printable(cell)), "\t")
		}
		fmt.Fprintln(to)
	}
	to.Flush()
	for line := range strings.Lines(table.String()) {
		out.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
}
