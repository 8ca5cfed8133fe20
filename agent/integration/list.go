package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

const (
	// pageSize is the longest page that Anaplan gives, as anaplan-sdk has it.
	pageSize = 5000

	// mostListed is how many things a list may have.
	mostListed = 100_000
)

// listed is one thing of any list, as far as anything here wants to know.
type listed struct {
	ID            text `json:"id"`
	Name          text `json:"name"`
	WorkspaceID   text `json:"currentWorkspaceId"`   // of a model
	WorkspaceName text `json:"currentWorkspaceName"` // of a model
	State         text `json:"activeState"`          // of a model
	Source        text `json:"importDataSourceId"`   // of an import that reads a file
	TaskID        text `json:"taskId"`
}

// text is a JSON string. Anaplan's ids are strings of digits, which others have as numbers.
type text string

// UnmarshalJSON implements json.Unmarshaler.
func (t *text) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] != '"' {
		var number json.Number
		if json.Unmarshal(b, &number) == nil {
			*t = text(number)
		}
		return nil
	}
	return json.Unmarshal(b, (*string)(t))
}

// list returns a whole list. key is the name of its field, and what error texts call it.
func (c *Client) list(ctx context.Context, path, key string) ([]listed, error) {
	var all []listed
	err := c.pages(ctx, path, url.Values{"limit": {strconv.Itoa(pageSize)}}, func(page page) error {
		raw, ok := page.fields[key]
		if !ok {
			return nil // Anaplan leaves out what is empty
		}
		var err error
		if all, err = appendThings(all, raw); err != nil {
			return fmt.Errorf("%s: %w: %w %s", path, ErrResponse, err, key)
		}
		return nil
	})
	return all, err
}

var (
	errTooManyListed = fmt.Errorf("there are more than %d", mostListed)
	errNoList        = errors.New("there is no list of things as")
)

// appendThings decodes one thing after the other, so that a list which is too long ends there.
func appendThings(all []listed, raw json.RawMessage) ([]listed, error) {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	if token, err := decoder.Token(); err != nil || token == nil {
		return all, err // null
	} else if token != json.Delim('[') {
		return nil, errNoList
	}
	for decoder.More() {
		var thing listed
		if decoder.Decode(&thing) != nil {
			return nil, errNoList
		}
		if all = append(all, thing); len(all) > mostListed {
			return nil, errTooManyListed
		}
	}
	return all, nil
}

// page is one answer of a list that comes in pages.
type page struct {
	fields map[string]json.RawMessage
	body   []byte
	more   bool // there is another one
}

// paging is what meta.paging says.
type paging struct {
	Size   int64 `json:"currentPageSize"`
	Total  int64 `json:"totalSize"`
	Offset int64 `json:"offset"`
}

// pages asks for one page after the other. meta.paging.next is not followed: it is an
// absolute URL of Anaplan's, and the way there may lead through the agent.
func (c *Client) pages(ctx context.Context, path string, query url.Values, each func(page) error) error {
	for next := int64(0); ; {
		call := call{method: http.MethodGet, path: path, query: query}
		if next > 0 {
			call.query = maps.Clone(query)
			if call.query == nil {
				call.query = url.Values{}
			}
			call.query.Set("offset", strconv.FormatInt(next, 10))
		}
		var body json.RawMessage
		if err := c.ask(ctx, call, &body); err != nil {
			return err
		}
		page, at, err := parsePage(body)
		if err != nil {
			return call.unusable(err.Error())
		}
		at.Offset = max(at.Offset, next)
		after, more := at.next()
		if more && after <= next {
			return call.unusable(fmt.Sprintf("the list ends after %d of %d", next, at.Total))
		}
		page.more = more
		if err := each(page); err != nil || !more {
			return err
		}
		next = after
	}
}

// next returns where the next page begins, if there is one.
func (p paging) next() (offset int64, more bool) {
	// Compared so that no number of the server's can overflow.
	if p.Total < p.Offset || p.Size >= p.Total-p.Offset {
		return 0, false
	}
	return p.Offset + p.Size, true
}

// parsePage reads a page. One without meta.paging is the only one.
func parsePage(body []byte) (page, paging, error) {
	p := page{body: body}
	if json.Unmarshal(body, &p.fields) != nil || p.fields == nil {
		return page{}, paging{}, errors.New("it is not a JSON object")
	}
	var meta struct {
		Paging json.RawMessage `json:"paging"`
	}
	var at paging
	if raw, ok := p.fields["meta"]; ok && json.Unmarshal(raw, &meta) != nil {
		return page{}, paging{}, errors.New("its meta is not an object")
	}
	if len(meta.Paging) > 0 && json.Unmarshal(meta.Paging, &at) != nil || at.Size < 0 || at.Total < 0 || at.Offset < 0 {
		return page{}, paging{}, errors.New("its meta.paging does not have counts")
	}
	return p, at, nil
}

// isList reports whether a JSON value is an array.
func isList(raw json.RawMessage) bool { return bytes.HasPrefix(raw, []byte("[")) }

// isID reports whether a text can stand in a path as an id. Anaplan's are 32 hex digits or some 12
// decimal ones; nothing with a slash or dots is one.
func isID(id string) bool {
	if id == "" || len(id) > 64 {
		return false
	}
	return strings.IndexFunc(id, func(r rune) bool {
		return !(r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '_' || r == '-')
	}) < 0
}

// looksLikeID reports whether a text that a person gives is an id rather than a name, by the
// two forms that Anaplan's have.
func looksLikeID(text string) bool {
	digits, hex := text != "", len(text) == 32
	for _, r := range text {
		isDigit := r >= '0' && r <= '9'
		digits = digits && isDigit
		hex = hex && (isDigit || r >= 'a' && r <= 'f' || r >= 'A' && r <= 'F')
	}
	return (digits || hex) && len(text) <= 64
}
