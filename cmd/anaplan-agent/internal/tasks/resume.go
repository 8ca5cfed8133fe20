package tasks

// A download that another process has begun.

import (
	"encoding/json"
	"os"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/atomicfile"
	"github.com/anaplan-agent/anaplan-agent/agent/integration"
)

// keptLife is how long what was left is gone on with. Anaplan keeps results for two days.
const keptLife = 24 * time.Hour

// keptAs names a download: each run of an export has a result of its own.
func keptAs(thing integration.Thing, task string) string {
	return thing.Model.ID + "/" + string(thing.Kind) + "/" + thing.ID + "/" + task
}

// partial is a file that is being downloaded.
type partial struct {
	file *atomicfile.File // nil: it is not a file
	what integration.Thing
	left integration.Mark
}

// goOn returns where the download goes on: where another process has left it, if that is the
// beginning of what is there now, or at the beginning.
func (r *Task) goOn(p *partial) (integration.Mark, error) {
	if p.file == nil || p.file.Had() == 0 {
		return integration.Mark{}, nil
	}
	r.Bar.Step("%s: comparing what is here already", p.what)
	mark := p.mark()
	can, err := r.Client.CanResume(r.Ctx, p.what, mark, p.file)
	if err != nil {
		return integration.Mark{}, err
	}
	if !can {
		mark = integration.Mark{}
	} else {
		r.Say.Note("%s: %s are here already from a run that did not end; going on there", p.what, sized(mark.At))
	}
	return mark, p.file.Truncate(mark.At)
}

// mark reads what the other process has left.
func (p *partial) mark() (mark integration.Mark) {
	info, err := os.Stat(p.file.Note())
	if err != nil || time.Since(info.ModTime()) > keptLife {
		return integration.Mark{}
	}
	text, err := os.ReadFile(p.file.Note())
	if err != nil || json.Unmarshal(text, &mark) != nil || mark.At > p.file.Had() {
		return integration.Mark{}
	}
	return mark
}

// leave notes how far it is, for the next process. Without the note that begins again.
func (p *partial) leave(mark integration.Mark) {
	if p.file == nil || p.file.Note() == "" || p.file.Sync() != nil {
		return
	}
	text, err := json.Marshal(mark)
	if err == nil && atomicfile.Write(p.file.Note(), text, atomicfile.Options{}) == nil {
		p.left = mark
	}
}

// tellKept says what is kept of a download that failed.
func (r *Task) tellKept(p *partial) {
	if p.left.At > 0 {
		r.Say.Note("%s of %s are kept; the same command goes on there", sized(p.left.At), p.what)
	}
}
