package tasks

// Files of this machine and of a model, and how far one is on its way to the other.

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

// upload sends a file of this machine, or standard input, which may have no end that is
// known.
func (r *Task) upload(to integration.Thing, path string) error {
	from, size, err := openInput(path)
	if err != nil {
		return err
	}
	defer from.Close()
	began := time.Now()
	var sent int64
	shown := r.transferred(to.String())
	err = r.Client.Upload(r.Ctx, to, integration.Upload{
		Content: from, Size: size, ChunkSize: r.Order.chunk << 20,
		Progress: func(t integration.Transfer) { sent = t.Bytes; shown(t) },
	})
	if err != nil {
		r.Bar.End()
		return r.refused(err, "upload", to)
	}
	return r.end(fmt.Sprintf("%s: uploaded %s in %s", nameOf(to), sized(sent), roundly(time.Since(began))))
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
