package anaplantest

import (
	"bytes"
	"fmt"
	"slices"
	"unicode"
)

// defaultPolls is how many polls find a task at work: one that it waits, one that it
// runs.
const defaultPolls = 2

// maxDump bounds a dump, for one of very short rows is much longer than its file.
const maxDump = 16 << 20

// Outcome is how a task ends. The zero value is as ever: the work is done, and its
// result is what comes of it.
type Outcome struct {
	// Failed makes the task fail, without doing its work.
	Failed bool

	// Cancelled ends the task as one that somebody has cancelled.
	Cancelled bool

	// Details are those of the result. nil: what the work tells.
	Details []Detail

	// Dump is what the dump of failures holds. nil: what the work leaves out, if it
	// does.
	Dump []byte

	// Polls is how many polls find the task at work before it ends. 0: 2, negative: all.
	Polls int
}

// Detail is one message of a result, in Anaplan's notation.
type Detail struct {
	Type        string `json:"type"`
	Text        string `json:"localMessageText,omitempty"`
	Occurrences int    `json:"occurrences"`
	Values      []any  `json:"values,omitempty"` // texts, or nil
}

// plannedOutcome is an outcome that waits for its tasks.
type plannedOutcome struct {
	id      string
	times   int
	outcome Outcome
}

// polls is Polls with its default.
func (o Outcome) polls() int {
	if o.Polls == 0 {
		return defaultPolls
	}
	return o.Polls
}

// TaskOutcome makes the next times tasks of the import, export, action or process of
// that id, in either model, end so. Outcomes of one id queue up. times below 1 counts
// as 1.
//
// Where a process runs the thing, the process fails as the thing does. An outcome of
// a process itself is that of its last action, unless there is one for that too.
func (t *tenant) TaskOutcome(id string, times int, outcome Outcome) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	known := func(m *model) bool {
		_, thing := m.findAction(id)
		return thing != nil
	}
	if !slices.ContainsFunc(t.all(), known) {
		return fmt.Errorf("%w: import, export, action or process %q", ErrNoSuchThing, id)
	}
	t.outcomes = append(t.outcomes, plannedOutcome{id, max(times, 1), outcome})
	return nil
}

// takeOutcome returns the outcome for the next task of a thing; false if none is
// planned.
func (t *tenant) takeOutcome(id string) (Outcome, bool) {
	i := slices.IndexFunc(t.outcomes, func(p plannedOutcome) bool { return p.id == id })
	if i < 0 {
		return Outcome{}, false
	}
	outcome := t.outcomes[i].outcome
	if t.outcomes[i].times--; t.outcomes[i].times == 0 {
		t.outcomes = slices.Delete(t.outcomes, i, i+1)
	}
	return outcome, true
}

// result is what became of a task, or of an action of one.
type result struct {
	thing   *thing
	failed  bool
	details []Detail
	dump    []byte // nil: there is none
	dumped  bool   // an action within has a dump
	nested  []result
}

// described is a result in Anaplan's notation (help.anaplan.com, "Get the status of
// the process task"). Fields with nothing in them are left out.
func (r result) described() object {
	o := object{"objectId": r.thing.id, "successful": !r.failed, "failureDumpAvailable": r.dump != nil || r.dumped}
	if len(r.details) > 0 {
		o["details"] = r.details
	}
	if len(r.nested) > 0 {
		var nested []object
		for _, n := range r.nested {
			nested = append(nested, n.described())
		}
		o["nestedResults"] = nested
	}
	return o
}

// run does what a task is for.
func (t *tenant) run(m *model, k *task) result {
	if len(k.thing.actions) == 0 {
		return t.perform(m, k, k.kind, k.thing, k.outcome)
	}
	whole := result{thing: k.thing}
	last := len(k.thing.actions) - 1
	for i, id := range k.thing.actions {
		kind, action := m.findAction(id)
		outcome, planned := t.takeOutcome(id)
		if !planned && i == last {
			outcome = k.outcome
		}
		one := t.perform(m, k, kind, action, outcome)
		whole.nested = append(whole.nested, one)
		whole.dumped = whole.dumped || one.dump != nil
		if one.failed {
			whole.failed = true
			break
		}
	}
	return whole
}

// perform runs one thing, as a task of its own or for a process.
func (t *tenant) perform(m *model, k *task, kind string, thing *thing, o Outcome) result {
	r := result{thing: thing, failed: true}
	if !o.Failed && !o.Cancelled {
		r = t.work(m, kind, thing)
	}
	if o.Details != nil {
		r.details = o.Details
	}
	if o.Dump != nil {
		r.dump = o.Dump
	}
	// One that leaves nothing out takes the last one's dump away.
	delete(m.dumps, thing.id)
	if r.dump != nil {
		m.dumps[thing.id] = dump{k.id, split(r.dump, t.options.ChunkSize)}
	}
	return r
}

// work does what imports and exports do; of anything else nothing can be seen.
func (t *tenant) work(m *model, kind string, thing *thing) result {
	switch kind {
	case "imports":
		return t.importInto(m, thing)
	case "exports":
		f := m.find("files", thing.id).file
		f.replace(split(f.product, t.options.ChunkSize))
	}
	return result{thing: thing}
}

// importInto reads an import's file. The types of details are among those that
// Anaplan documents as completion and failure codes of its integration API.
func (t *tenant) importInto(m *model, thing *thing) result {
	r := result{thing: thing}
	if thing.source == "" {
		r.details = []Detail{processed(thing.name, 1, 0)}
		return r
	}
	source := m.find("files", thing.source)
	f := source.file
	if f.content == nil || f.upload != nil && !f.upload.complete {
		r.failed = true
		r.details = []Detail{{
			Type: "uploadedFileNoLongerAvailable", Text: "The file is not there, or its upload is not complete.",
			Occurrences: 1, Values: []any{source.name, nil},
		}}
		return r
	}
	good, bad, left := sift(bytes.Join(f.content, nil))
	r.details = []Detail{processed(thing.name, good, bad)}
	r.failed = bad > 0 && t.options.RejectedRowsFail
	r.dump = left
	return r
}

// processed is the detail that counts rows (help.anaplan.com, "Check the status of the
// import action").
func processed(name string, good, bad int) Detail {
	d := Detail{
		Type: "hierarchyRowsProcessed",
		Text: fmt.Sprintf("%s: %d (0/%d) rows successful, 0 ignored", name, good, good),
		Values: []any{
			"hierarchyName", name, "successRowCount", fmt.Sprint(good),
			"failedCount", fmt.Sprint(bad), "ignoredCount", "0", "totalRowCount", fmt.Sprint(good + bad),
		},
	}
	if bad > 0 {
		d.Type = "hierarchyRowsProcessedWithFailures"
		d.Text = fmt.Sprintf("%s: %d (0/%d) rows successful, 0 (0/0) rows has warnings, %d failed, 0 ignored", name, good, good, bad)
	}
	return d
}

// sift counts the rows below the header that hold the word "bad", and those that do
// not. left is the dump of the first kind, with the line and the reason before each;
// nil if there are none. The columns of a real dump are not documented.
func sift(content []byte) (good, bad int, left []byte) {
	line := 0
	var header []byte
	for text := range bytes.Lines(content) {
		text = bytes.TrimRight(text, "\r\n")
		line++
		switch {
		case line == 1:
			header = text
		case len(text) == 0:
		case !rejected(text):
			good++
		default:
			if bad++; left == nil {
				left = fmt.Appendf(nil, "Line,Error,%s\n", header)
			}
			if len(left)+len(text) < maxDump {
				left = fmt.Appendf(left, "%d,Invalid row,%s\n", line, text)
			}
		}
	}
	return good, bad, left
}

// rejected reports whether a row holds the word "bad".
func rejected(row []byte) bool {
	// Most rows do not hold it at all, and large files are sifted in tests.
	if !bytes.Contains(row, []byte("bad")) {
		return false
	}
	isBreak := func(c rune) bool { return !unicode.IsLetter(c) && !unicode.IsDigit(c) }
	for _, word := range bytes.FieldsFunc(row, isBreak) {
		if string(word) == "bad" {
			return true
		}
	}
	return false
}
