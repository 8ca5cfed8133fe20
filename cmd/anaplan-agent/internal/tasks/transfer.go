package tasks

// Files of a model on their way to this machine.

import (
	"io"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/atomicfile"
	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

// download fetches the content of a file, or what a task of an export has written, to its place.
// What another process has begun of it is gone on with.
func (r *Task) download(thing integration.Thing, task string) error {
	to, err := console.OpenKeptResult(r.Ctx, r.Order.output, keptAs(thing, task))
	if err != nil {
		return err
	}
	p := &partial{file: to.File(), what: thing}
	from, err := r.goOn(p)
	if err == nil {
		shown := r.transferred(thing.String())
		resume := integration.Resume{From: from, Leave: p.leave}
		err = r.Client.Resume(r.Ctx, thing, to, resume, func(t integration.Transfer) { r.received = t.Bytes; shown(t) })
	}
	r.Bar.End()
	verb := "download"
	if r.Kind == integration.Exports {
		verb = "run"
	}
	if err = r.refused(err, verb, thing); err != nil {
		r.tellKept(p)
	}
	return to.End(err)
}

// checkOutput refuses a place for the result that cannot be written to. What is not a file, as a
// FIFO, is not opened twice.
func (r *Task) checkOutput() error {
	if r.Order.output == "" || r.Order.output == "-" || atomicfile.IsThrough(r.Order.output) {
		return nil
	}
	to, err := console.OpenKeptResult(r.Ctx, r.Order.output, keptAs(integration.Thing{}, ""))
	if err != nil {
		return err
	}
	return to.File().Discard()
}

// into calls write with a file, which appears only once it is complete.
func (r *Task) into(path string, write func(io.Writer) error) error {
	to, err := console.OpenResult(r.Ctx, path)
	if err != nil {
		return err
	}
	err = write(to)
	r.Bar.End()
	return to.End(err)
}

// transferred shows how far a transfer is.
func (r *Task) transferred(what string) func(integration.Transfer) {
	r.Bar.Step("%s", what)
	m := &meter{what: what, began: time.Now()}
	return func(t integration.Transfer) {
		m.set(t)
		r.Bar.Live(m.text)
	}
}
