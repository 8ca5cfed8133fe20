package integration

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"strings"
)

// Paginate writes a whole list to w, as the one JSON document that Anaplan would answer if pages
// had no bound: the first page with the things of all. Its other fields stay as they are,
// meta.paging too. What is not a list is written as it is.
//
// It writes as pages come, one of which is in memory at a time: after an error, what has been
// written is the beginning of a document.
func (c *Client) Paginate(ctx context.Context, path string, query url.Values, w io.Writer) error {
	path, raw, _ := strings.Cut(path, "?")
	all, err := url.ParseQuery(raw)
	if err != nil {
		return fmt.Errorf("the query %q cannot be used: %w", line(raw), err)
	}
	maps.Copy(all, query)
	m := merge{w: w}
	if err := c.pages(ctx, path, all, m.add); err != nil {
		return err
	}
	return m.end()
}

// merge makes one document of pages.
type merge struct {
	w    io.Writer
	key  string // of the list; "": no page has come
	any  bool   // a thing is written
	rest []byte // that goes behind the list
}

func (m *merge) add(p page) error {
	if m.key == "" {
		return m.begin(p)
	}
	raw, ok := p.fields[m.key]
	if !ok || !isList(raw) {
		return fmt.Errorf("%w: the first page has a list of %s, and a later one has none", ErrResponse, m.key)
	}
	return m.things(raw)
}

// begin writes the first page, up to the end of its things.
func (m *merge) begin(p page) error {
	found, err := listsIn(p.body)
	switch {
	case err != nil:
		return err
	case !p.more:
		m.rest = p.body
		return nil
	case len(found) == 0:
		return fmt.Errorf("%w: there is no list in it, and more pages", ErrResponse)
	case len(found) > 1:
		return fmt.Errorf("%w: there are two lists in it, %s and %s, and more pages", ErrResponse, found[0].key, found[1].key)
	}
	one := found[0]
	m.key, m.rest = one.key, p.body[one.end-1:]
	if _, err := m.w.Write(p.body[:one.from+1]); err != nil {
		return err
	}
	return m.things(p.body[one.from:one.end])
}

// things writes what is between the brackets of a list.
func (m *merge) things(list json.RawMessage) error {
	inner := bytes.TrimSpace(list[1 : len(list)-1])
	if len(inner) == 0 {
		return nil
	}
	if m.any {
		inner = append([]byte(","), inner...)
	}
	m.any = true
	_, err := m.w.Write(inner)
	return err
}

func (m *merge) end() error {
	_, err := m.w.Write(m.rest)
	return err
}

// list is a field that is a list, and where in the text its value stands.
type list struct {
	key       string
	from, end int
}

// listsIn returns the fields of a JSON object that are lists, as they come.
func listsIn(body []byte) (found []list, err error) {
	none := errors.New("the answer is not a JSON object")
	decoder := json.NewDecoder(bytes.NewReader(body))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, none
	}
	for decoder.More() {
		token, err := decoder.Token()
		key, ok := token.(string)
		var value json.RawMessage
		if err != nil || !ok || decoder.Decode(&value) != nil {
			return nil, none
		}
		if end := int(decoder.InputOffset()); isList(value) {
			found = append(found, list{key, end - len(value), end})
		}
	}
	return found, nil
}
