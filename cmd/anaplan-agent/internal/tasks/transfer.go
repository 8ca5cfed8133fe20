package tasks

// Files of a model on their way to this machine.

import (
	"io"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

// download fetches the content of a file, or the result of an export.
func (r *Task) download(thing integration.Thing, to io.Writer) error {
	shown := r.transferred(thing.String())
	err := r.Client.Download(r.Ctx, thing, to, func(t integration.Transfer) { r.received = t.Bytes; shown(t) })
	r.Bar.End()
	if r.Kind == integration.Exports {
		return r.refused(err, "run", thing)
	}
	return r.refused(err, "download", thing)
}

// toOutput calls write with the file of --output.
func (r *Task) toOutput(write func(io.Writer) error) error { return r.into(r.Order.output, write) }

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
