package tasks

// What 'run' runs: it finds things by their names, brings them what they read, waits for
// them, and fetches what they leave.

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

// Task is one run of the command.
type Task struct {
	*agentclient.API
	Order *Order
	Kind  integration.Kind
	Say   *console.Messenger
	Bar   *console.ProgressBar

	held     holding
	begun    time.Time
	saved    map[string]string // files with rejected rows, by the id of what rejected them
	received int64             // bytes of the result
	rejected error             // rows were left out, and that is to be an error
}

// errTask says that Anaplan did not call a task successful.
var errTask = errors.New("it was not successful")

// Run does what was ordered with the thing of that name.
func (r *Task) Run(name string) error {
	r.begun, r.saved = time.Now(), map[string]string{}
	r.Client.Held = r.held.ask
	return r.Bar.Watch(func() error { return r.run(name) })
}

func (r *Task) run(name string) error {
	r.Bar.Step("looking for model %s", console.QuotedName(r.Order.model, ""))
	model, err := r.Client.FindModel(r.Ctx, r.Order.model, r.Order.workspace)
	if err != nil {
		return r.unseen(err)
	}
	r.held.client, r.held.model = r.Client, model.Name
	if name == "" {
		return r.uploadNamed(model)
	}
	thing, err := r.find(model, r.Kind, name)
	if err != nil {
		return err
	}
	switch r.Kind {
	case integration.Lists, integration.Views:
		return r.table(thing)
	case integration.Files:
	default:
		return r.task(thing)
	}
	if r.Order.input != "" {
		return r.upload(thing)
	}
	if err := r.download(thing, ""); err != nil {
		return err
	}
	return r.end(nameOf(thing) + ": " + r.written())
}

// find returns the thing of that kind and name.
func (r *Task) find(model integration.Model, kind integration.Kind, name string) (integration.Thing, error) {
	r.Bar.Step("looking for %s %s", kind.One(), console.QuotedName(name, ""))
	thing, err := r.Client.FindThing(r.Ctx, model, kind, name)
	if err != nil {
		return thing, r.unseen(err)
	}
	return thing, nil
}

// task brings a thing what it reads, runs it, and fetches what it has written. A place for the
// result that cannot be written to shows before anything is started.
func (r *Task) task(thing integration.Thing) error {
	if err := r.checkOutput(); err != nil {
		return err
	}
	return errors.Join(r.through(thing), r.rejected) // which takes no result away
}

// through is task without these.
func (r *Task) through(thing integration.Thing) error {
	id := r.Order.task
	if id == "" {
		start, err := r.parameters(thing)
		if err != nil {
			return err
		}
		if err := r.feed(thing); err != nil {
			return err
		}
		r.Bar.Step("starting %s", thing)
		if id, err = r.Client.Start(r.Ctx, thing, start); err != nil {
			return r.refused(err, "run", thing)
		}
	}
	task, err := r.wait(thing, id)
	if err != nil {
		return r.refused(err, "run", thing)
	}
	printed := r.print(task)
	fetched := r.fetch(thing, task)
	text := outcome(thing, task, time.Since(r.begun), r.saved)
	switch {
	case fetched != nil && r.Kind == integration.Exports:
		text += "; its result was not fetched"
	case fetched != nil:
		text += "; the rejected rows were not fetched"
	case r.received > 0:
		text += "; " + r.written()
	}
	return errors.Join(unsuccessful(thing, task), printed, fetched, r.end(text))
}

// feed uploads what an import, or the imports of a process, read.
func (r *Task) feed(thing integration.Thing) error {
	if r.Order.input != "" {
		source, ok := thing.File()
		if !ok {
			return fmt.Errorf("%s does not read a file, so --input has no use", thing)
		}
		if named, err := r.Client.FindThing(r.Ctx, thing.Model, integration.Files, source.ID); err == nil {
			source = named // for people: an import tells the id only
		}
		return r.upload(source)
	}
	return r.uploadNamed(thing.Model)
}

// wait waits for the end of a task. Interrupting it leaves the task running; a note says how to
// wait for it again.
func (r *Task) wait(thing integration.Thing, id string) (integration.Task, error) {
	defer r.Bar.End()
	isThere := r.Order.task == "" // for it has been started here
	began := time.Now()
	queue := &queue{task: r, held: &r.held, began: began}
	task, err := r.Client.Wait(r.Ctx, thing, id, func(task integration.Task) {
		isThere = true
		queue.look(thing, task)
		r.Bar.Live(func() string { return progress(thing, task, began) })
	})
	if err == nil {
		return task, nil
	}
	r.Bar.End()
	if isThere {
		r.Say.Note("the task goes on at Anaplan; to wait for it again: %s --task %s", r.Order.again, id)
	}
	if refusal, ok := errors.AsType[*integration.APIError](err); ok && !isThere && refusal.Code == "" && refusal.Status == http.StatusNotFound {
		err = fmt.Errorf("%s has no task %s", thing, console.OneLine(id))
	}
	return task, err
}

// progress says how far a task is.
func progress(thing integration.Thing, task integration.Task, began time.Time) string {
	state := strings.ToLower(strings.ReplaceAll(task.State, "_", " "))
	text := strings.TrimSpace(fmt.Sprintf("%s: %s %.0f %% %s", thing, state, 100*task.Progress, task.Step))
	return cmp.Or(console.Timed(text, began), text)
}

// print prints Anaplan's result of a task, where that is wanted: a program reads it, or a person
// has asked for it. With --output - the result of the export is there instead.
func (r *Task) print(task integration.Task) error {
	if r.Order.output == "-" || !r.Order.json && console.ResultIsRead() {
		return nil
	}
	return console.PrintJSON(task.Raw)
}

// end says in words what came of the run: on standard output if a person reads that and nothing
// else is on it.
func (r *Task) end(text string) error {
	r.Bar.End()
	if r.Order.output == "-" || r.Order.json || !console.ResultIsRead() {
		r.Say.Note("%s", text)
		return nil
	}
	return console.PrintResult(console.Printable(text) + "\n")
}

// written says where the result is.
func (r *Task) written() string {
	if r.Order.output == "-" {
		return sized(r.received)
	}
	return sized(r.received) + " in " + r.Order.output
}

// unsuccessful returns an error unless Anaplan calls the task a success.
func unsuccessful(thing integration.Thing, task integration.Task) error {
	switch {
	case task.OK():
		return nil
	case task.State == integration.Cancelled:
		return fmt.Errorf("%s: %w: it was cancelled", thing, errTask)
	}
	return fmt.Errorf("%s: %w%s", thing, errTask, remarks(task.Result))
}

// mostRemarks is how many of Anaplan's remarks an error has; all of them are in the result.
const mostRemarks = 5

// remarks are what Anaplan says about what was not successful.
func remarks(result *integration.Result) string {
	var lines []string
	var collect func(integration.Result)
	collect = func(result integration.Result) {
		for _, detail := range result.Details {
			if !result.OK() && detail.Text != "" {
				lines = append(lines, remark(detail))
			}
		}
		for _, nested := range result.Nested {
			collect(nested)
		}
	}
	if result != nil {
		collect(*result)
	}
	if len(lines) == 0 {
		return ""
	}
	if more := len(lines) - mostRemarks; more > 0 {
		lines = append(lines[:mostRemarks], fmt.Sprintf("and %d more", more))
	}
	return ": " + strings.Join(lines, "; ")
}

// remark is one of Anaplan's, with what it is about that its text does not tell, such as which
// file. Values are alone, or behind their name.
func remark(detail integration.Detail) string {
	var about []string
	for i := 0; i < len(detail.Values); i++ {
		name, value := "", detail.Values[i]
		if valueName().MatchString(value) && i+1 < len(detail.Values) {
			i++
			name, value = value+" ", detail.Values[i]
		}
		if value != "" && !strings.Contains(detail.Text, value) {
			about = append(about, name+value)
		}
	}
	if len(about) == 0 {
		return detail.Text
	}
	return detail.Text + " (" + strings.Join(about[:min(len(about), mostRemarks)], ", ") + ")"
}

// valueName is the form of names that Anaplan gives values, as rowCount.
var valueName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[a-z]+([A-Z][a-z]*)+$`)
})

// fetch fetches what a task has left: the rows that were not imported, and the result of an
// export. Rows that were left out are an error if that is wanted.
func (r *Task) fetch(thing integration.Thing, task integration.Task) error {
	dumps := integration.Dumps(thing, task)
	switch {
	case len(dumps) == 0:
	case r.Order.dumps != "":
		if err := r.fetchDumps(thing, dumps); err != nil {
			r.Say.Note("the task has run, and must not be run again for this; to fetch the rows that were not imported: %s --task %s --dumps DIRECTORY", r.Order.fetch, task.ID)
			return err
		}
	default:
		r.Say.Note("%s of rows that were not imported: fetch with: %s --task %s --dumps DIRECTORY", console.Counted(len(dumps), "file"), r.Order.fetch, task.ID)
	}
	if len(dumps) > 0 && r.Order.failOnRejected && task.OK() {
		r.rejected = fmt.Errorf("%s: %w", thing, errRejected)
	}
	if r.Kind != integration.Exports || !task.OK() {
		return nil
	}
	if r.Order.output == "" {
		r.Say.Note("the result is at Anaplan; fetch it with: %s", r.fetchCommand(thing))
		return nil
	}
	err := r.download(thing, task.ID)
	if err != nil && r.Order.output != "-" {
		r.Say.Note("the task has run, and its result is at Anaplan; to fetch it: %s --task %s", r.Order.again, task.ID)
	}
	return err
}

// errRejected says that an import has left rows out.
var errRejected = errors.New("rows were not imported (--fail-on-rejected)")

// fetchCommand returns the command that fetches the result of an export.
func (r *Task) fetchCommand(thing integration.Thing) string {
	return build.Program + " run file " + shell.Word(cmp.Or(thing.Name, thing.ID)) + r.Order.same + " --output FILE"
}

// importOf is what the import is called that has left rows out: of one in a process Anaplan may tell the
// id only. "": nobody tells.
func (r *Task) importOf(dump integration.Dump) string {
	if dump.Name != "" || dump.ObjectID == "" {
		return dump.Name
	}
	named, err := r.Client.FindThing(r.Ctx, dump.Thing.Model, integration.Imports, dump.ObjectID)
	if err != nil {
		return ""
	}
	return named.Name
}

// fetchDumps puts the rows that were not imported into files that have the names of the imports.
func (r *Task) fetchDumps(thing integration.Thing, dumps []integration.Dump) error {
	if err := os.MkdirAll(r.Order.dumps, 0o700); err != nil {
		return err
	}
	taken := map[string]bool{}
	for _, dump := range dumps {
		id := cmp.Or(dump.ObjectID, dump.Thing.ID)
		name := fileName(r.importOf(dump))
		if name == "" || taken[strings.ToLower(name)] {
			name = id + ".csv"
		}
		taken[strings.ToLower(name)] = true
		path := filepath.Join(r.Order.dumps, name)
		err := r.into(path, func(to io.Writer) error {
			return r.refused(r.Client.DownloadDump(r.Ctx, dump, to, r.transferred("rejected rows "+name)), "run", thing)
		})
		if err != nil {
			return err
		}
		r.saved[id] = path
	}
	return nil
}
