package anaplantest

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"net/http"
	"slices"
	"strconv"
)

// read is a list or a view that is read page by page (help.anaplan.com, "Large volume data reads").
type read struct {
	id    string
	thing *thing
	pages [][]byte
	polls int
	quick bool
}

// tooMuch answers who wants more at once than there is in one answer (help.anaplan.com, "Retrieve list
// data", "Retrieve cell data for a view").
func tooMuch() answer {
	return apiFailure(http.StatusBadRequest, "there is more than one answer can have: make a large read request")
}

// previewList is GET .../lists/{id}/preview.
func previewList(_ *call, t *thing) answer { return sendCSV(t.list.csv(true)) }

// beginRead is POST .../readRequests. What it reads is what is there now.
func beginRead(kind, name string) func(*call) answer {
	return func(c *call) answer {
		t := c.model.find(kind, c.PathValue("id"))
		if t == nil {
			return noSuch(singular(kind))
		}
		text := cellTable(c.model.cells())
		if t.list != nil {
			text = t.list.csv(true)
		}
		id := make([]byte, 16)
		rand.Read(id)
		r := &read{id: fmt.Sprintf("%X", id), thing: t, pages: split([]byte(text), c.tenant.options.ChunkSize), quick: c.tenant.options.QuickTasks}
		c.model.reads = append(c.model.reads, r)
		c.model.reads = slices.Delete(c.model.reads, 0, max(0, len(c.model.reads)-maxTasks))
		return c.success(name, r.described(notStarted))
	}
}

// withRead lets next see reads of the thing in the path that are known.
func withRead(name string, next func(c *call, r *read, name string) answer) func(*call) answer {
	return func(c *call) answer {
		for _, r := range c.model.reads {
			if r.id == c.PathValue("request") && r.thing.id == c.PathValue("id") {
				return next(c, r, name)
			}
		}
		return noSuch("read request")
	}
}

// state is how far a read is. Polls move it on, as they do tasks.
func (r *read) state() string {
	switch {
	case r.quick || r.polls > defaultPolls:
		return complete
	case r.polls > 1:
		return inProgress
	}
	return notStarted
}

// described is a read in Anaplan's notation.
func (r *read) described(state string) object {
	o := object{"requestId": r.id, "requestState": state, "viewId": r.thing.id, "availablePages": 0}
	if r.thing.list != nil {
		delete(o, "viewId")
		o["listId"] = r.thing.id
	}
	if state == complete {
		o["successful"], o["availablePages"] = true, len(r.pages)
	}
	return o
}

// pollRead is GET .../readRequests/{request}.
func pollRead(c *call, r *read, name string) answer {
	r.polls++
	return c.success(name, r.described(r.state()))
}

// endRead is DELETE .../readRequests/{request}. The answer is how it ended.
func endRead(c *call, r *read, name string) answer {
	c.model.reads = slices.DeleteFunc(c.model.reads, func(other *read) bool { return other == r })
	state := r.state()
	if state != complete {
		state = cancelled
	}
	return c.success(name, r.described(state))
}

// readPage is GET .../readRequests/{request}/pages/{page}.
func readPage(c *call, r *read, _ string) answer {
	n, err := strconv.Atoi(c.PathValue("page"))
	if err != nil || n < 0 || n >= len(r.pages) || r.state() != complete {
		return noSuch("page")
	}
	return answer{status: http.StatusOK, content: bytes.NewReader(r.pages[n]), contentType: "text/csv; charset=UTF-8"}
}
