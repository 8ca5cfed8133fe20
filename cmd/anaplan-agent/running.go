package main

// What 'run' runs: it finds things by their names, brings them what they read, waits for
// them, and fetches what they leave.

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/integration"
)

// running is one run of the command.
type running struct {
	*calling
	order *runOrder
	kind  integration.Kind
	say   *messenger
	bar   *progressBar
}

// errTask says that Anaplan did not call a task successful.
var errTask = errors.New("it was not successful")

// run does what was ordered with the thing of that name.
func (r *running) run(name string) error {
	model, err := r.client.FindModel(r.ctx, r.order.model, r.order.workspace)
	if err != nil {
		return err
	}
	thing, err := r.client.FindThing(r.ctx, model, r.kind, name)
	if err != nil {
		return err
	}
	if r.kind == integration.Files {
		return r.file(thing)
	}
	return r.task(thing)
}

// file sends or fetches the content of a file.
func (r *running) file(file integration.Thing) error {
	if r.order.input != "" {
		return r.upload(file, r.order.input)
	}
	return r.download(file)
}

// task brings a thing what it reads, runs it, and fetches what it has written.
func (r *running) task(thing integration.Thing) error {
	id := r.order.task
	if id == "" {
		if err := r.feed(thing); err != nil {
			return err
		}
		var err error
		if id, err = r.client.Start(r.ctx, thing, integration.Start{Locale: r.order.locale, Mapping: r.order.mapping}); err != nil {
			return err
		}
	}
	task, err := r.wait(thing, id)
	if err != nil {
		return err
	}
	return errors.Join(r.tell(thing, task), r.fetch(thing, task))
}

// feed uploads what an import, or the imports of a process, read.
func (r *running) feed(thing integration.Thing) error {
	if r.order.input != "" {
		source, ok := thing.File()
		if !ok {
			return fmt.Errorf("%s reads no file, so --input is for nothing", thing)
		}
		if err := r.upload(source, r.order.input); err != nil {
			return err
		}
	}
	for _, upload := range r.order.uploads {
		file, err := r.client.FindThing(r.ctx, thing.Model, integration.Files, upload.name)
		if err != nil {
			return err
		}
		if err := r.upload(file, upload.path); err != nil {
			return err
		}
	}
	return nil
}

// wait waits for the end of a task. Who interrupts it leaves the task as it is, and is told
// how to come back to it.
func (r *running) wait(thing integration.Thing, id string) (integration.Task, error) {
	defer r.bar.clear()
	task, err := r.client.Wait(r.ctx, thing, id, func(task integration.Task) {
		r.bar.show("%s: %s %.0f %% %s", thing, strings.ToLower(strings.ReplaceAll(task.State, "_", " ")), 100*task.Progress, task.Step)
	})
	if err != nil {
		r.bar.clear()
		r.say.note("the task goes on at Anaplan; to wait for it again: the same command with --task %s", id)
	}
	return task, err
}

// tell prints Anaplan's own words about a task, and returns an error unless they are of success.
func (r *running) tell(thing integration.Thing, task integration.Task) error {
	var printed error
	if r.order.output != "-" { // there the result of the export goes
		printed = printJSON(task.Raw)
	}
	if task.OK() {
		return printed
	}
	if task.State == integration.Cancelled {
		return errors.Join(fmt.Errorf("%s: %w: it was cancelled", thing, errTask), printed)
	}
	return errors.Join(fmt.Errorf("%s: %w%s", thing, errTask, remarks(task.Result)), printed)
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
				lines = append(lines, detail.Text)
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

// fetch fetches what a task has left: the rows that were not imported, and the result of an
// export.
func (r *running) fetch(thing integration.Thing, task integration.Task) error {
	dumps := integration.Dumps(thing, task)
	if r.order.dumps == "" && len(dumps) > 0 {
		r.say.note("%s of rows that were not imported: fetch them with --dumps DIRECTORY --task %s", counted(len(dumps), "file"), task.ID)
	}
	if r.order.dumps != "" {
		if err := r.fetchDumps(dumps); err != nil {
			return err
		}
	}
	if r.kind != integration.Exports || r.order.output == "" || !task.OK() {
		return nil
	}
	return r.download(thing)
}

func (r *running) fetchDumps(dumps []integration.Dump) error {
	if err := os.MkdirAll(r.order.dumps, 0o700); err != nil {
		return err
	}
	for _, dump := range dumps {
		name := dump.ObjectID
		if name == "" {
			name = dump.Thing.ID
		}
		path := filepath.Join(r.order.dumps, name+".csv")
		err := r.into(path, func(to io.Writer) error {
			return r.client.DownloadDump(r.ctx, dump, to, r.transferred("dump "+name))
		})
		if err != nil {
			return err
		}
		r.say.note("rows that were not imported are in %s", path)
	}
	return nil
}

// upload sends a file of this machine, or standard input, which may have no end that is
// known.
func (r *running) upload(to integration.Thing, path string) error {
	from, size, err := openInput(path)
	if err != nil {
		return err
	}
	defer from.Close()
	defer r.bar.clear()
	return r.client.Upload(r.ctx, to, integration.Upload{
		Content: from, Size: size, ChunkSize: r.order.chunk << 20, Progress: r.transferred(to.String()),
	})
}

// openInput opens what is to be sent. size is -1 where it shows only at the end.
func openInput(path string) (file *os.File, size int64, err error) {
	if path == "-" {
		return os.Stdin, -1, nil
	}
	if file, err = os.Open(path); err != nil {
		return nil, 0, err
	}
	info, err := file.Stat()
	switch {
	case err != nil:
		return nil, 0, errors.Join(err, file.Close())
	case info.IsDir():
		return nil, 0, errors.Join(fmt.Errorf("%s is a directory", path), file.Close())
	case !info.Mode().IsRegular():
		return file, -1, nil
	}
	return file, info.Size(), nil
}

// download fetches the content of a file, or the result of an export.
func (r *running) download(thing integration.Thing) error {
	return r.into(r.order.output, func(to io.Writer) error {
		return r.client.Download(r.ctx, thing, to, r.transferred(thing.String()))
	})
}

// into has something write to a file, which is there only once all of it is.
func (r *running) into(path string, write func(io.Writer) error) error {
	to, err := openResult(path)
	if err != nil {
		return err
	}
	err = write(to)
	r.bar.clear()
	return to.end(err)
}

// transferred shows how far a transfer is.
func (r *running) transferred(what string) func(integration.Transfer) {
	return func(t integration.Transfer) {
		of := ""
		if t.Of > 1 {
			of = fmt.Sprintf(", chunk %d of %d", t.Chunks, t.Of)
		}
		r.bar.show("%s: %.1f MB%s", what, float64(t.Bytes)/1e6, of)
	}
}
