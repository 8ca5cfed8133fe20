package tasks

// Lists and views, as tables of this machine.

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/agent/listitems"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

// checkTable checks the flags that are about lists and views.
func (o *Order) checkTable(kind integration.Kind, columns []string) error {
	isList, isView := kind == integration.Lists, kind == integration.Views
	switch {
	case !isList && (o.items != "" || len(columns) > 0):
		return errors.New("--items and --column are for lists: run list NAME --items add --input FILE")
	case !isList && !isView:
		return nil
	case o.format != "" && !slices.Contains([]listitems.Format{listitems.CSV, listitems.Tab, listitems.JSON}, o.format):
		return fmt.Errorf("--table %q: there are csv, tab and json", o.format)
	case isView && (o.output == "" || o.input != ""):
		return errors.New("of a view cells are read: give --output FILE, or --output - for standard output")
	case isList && (o.input == "") == (o.output == ""):
		return errors.New("read or change the list? give --output FILE, or --items add|update|upsert|delete with --input FILE")
	case isList && (o.input == "") != (o.items == ""):
		return errors.New("--items and --input belong together: run list NAME --items add --input FILE")
	case o.items != "" && !slices.Contains([]listitems.Verb{listitems.Add, listitems.Update, listitems.Upsert, listitems.Delete}, o.items):
		return fmt.Errorf("--items %q: there are add, update, upsert and delete", o.items)
	case o.task != "" || o.dumps != "" || o.failOnRejected:
		return errors.New("--task, --dumps and --fail-on-rejected do not apply to lists and views, which have no task")
	}
	o.format = cmp.Or(o.format, listitems.FormatOf(cmp.Or(o.input, o.output)))
	o.columns = map[string]string{}
	for _, text := range columns {
		column, place, ok := strings.Cut(text, "=")
		if !ok || column == "" {
			return fmt.Errorf("--column %q: write COLUMN=PLACE, as Product=name", text)
		}
		o.columns[column] = place
	}
	return nil
}

// table reads a list or a view, or changes the items of a list.
func (r *Task) table(thing integration.Thing) error {
	if r.Order.items != "" {
		return r.changeItems(thing)
	}
	r.Bar.Step("reading %s", thing)
	to, err := console.OpenResult(r.Ctx, r.Order.output)
	if err != nil {
		return err
	}
	counted := &counter{to: to}
	err = listitems.Content(r.Ctx, r.Client, thing, r.Order.format, counted, r.transferred(thing.String()))
	r.Bar.End()
	if err = to.End(r.refused(err, "read", thing)); err != nil {
		return err
	}
	r.received = counted.n
	return r.end(nameOf(thing) + ": " + r.written())
}

// counter counts what is written.
type counter struct {
	to io.Writer
	n  int64
}

// Write implements io.Writer.
func (c *counter) Write(p []byte) (int, error) {
	n, err := c.to.Write(p)
	c.n += int64(n)
	return n, err
}

// errItems says that items were refused.
var errItems = errors.New("items were refused")

// changeItems does what was ordered with the items of the input.
func (r *Task) changeItems(list integration.Thing) error {
	r.Bar.Step("reading %s", list)
	columns, err := listitems.ColumnsOf(r.Ctx, r.Client, list)
	if err != nil {
		return r.refused(err, "write", list)
	}
	items, err := r.itemsOfInput(columns)
	if err != nil {
		return err
	}
	r.Bar.Step("%s: %s of %s", list, r.Order.items, console.Counted(len(items), "item"))
	began := time.Now()
	outcome, err := listitems.Change(r.Ctx, r.Client, list, r.Order.items, items)
	r.Bar.End()
	if integration.IsLost(err) {
		r.Say.Note("it is not known whether Anaplan has done that with these rows; --items upsert and --items delete can be run again without harm")
	}
	var printed error
	if r.Order.json || !console.ResultIsRead() {
		printed = console.PrintJSON(outcome)
	}
	told := r.end(changed(nameOf(list), outcome) + " in " + roundly(time.Since(began)))
	if err == nil && len(outcome.Failures) > 0 {
		err = fmt.Errorf("%s: %w: %s", list, errItems, reasons(outcome.Failures))
	}
	return errors.Join(r.refused(err, "write", list), printed, told)
}

func (r *Task) itemsOfInput(columns listitems.Columns) ([]listitems.Item, error) {
	from, err := openInput(r.Ctx, r.Order.input)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	items, err := listitems.Read(from, r.Order.format, columns, r.Order.columns)
	if err != nil {
		return nil, fmt.Errorf("--input %s: %w", r.Order.input, err)
	}
	return items, nil
}

// changed says what was done to items: "Products: 2 added, 1 updated, 1 of 4 refused".
func changed(name string, outcome listitems.Outcome) string {
	var parts []string
	for _, done := range []struct {
		items int
		what  string
	}{{outcome.Added, "added"}, {outcome.Updated, "updated"}, {outcome.Deleted, "deleted"}} {
		if done.items > 0 {
			parts = append(parts, console.Number(done.items)+" "+done.what)
		}
	}
	if refused := len(outcome.Failures); refused > 0 {
		parts = append(parts, console.Number(refused)+" of "+console.Number(outcome.Total)+" refused")
	}
	if len(parts) == 0 {
		parts = []string{"nothing changed"}
	}
	return name + ": " + strings.Join(parts, ", ")
}

// reasons says why items were refused, with where they are in the file.
func reasons(failures []listitems.Failure) string {
	var lines []string
	for _, f := range failures[:min(len(failures), mostRemarks)] {
		lines = append(lines, listitems.Where(f.Line, f.Item)+": "+f.Reason)
	}
	if more := len(failures) - mostRemarks; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "; ")
}
