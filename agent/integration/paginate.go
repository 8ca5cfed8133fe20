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
	any  bool   // thing is written
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
	fields, err := inOrder(p.body)
	if err != nil {
		return err
	}
	at := -1
	for i, field := range fields {
		if !isList(field.value) {
			continue
		}
		if at >= 0 && p.more {
			return fmt.Errorf("%w: there are two lists in it, %s and %s, and more pages", ErrResponse, fields[at].key, field.key)
		}
		at = i
	}
	if at < 0 && p.more {
		return fmt.Errorf("%w: there is no list in it, and more pages", ErrResponse)
	}
	if !p.more {
		m.rest = p.body
		return nil
	}
	m.key = fields[at].key
	m.rest = append([]byte("]"), encoded(fields[at+1:], ",")...)
	m.rest = append(m.rest, '}')
	head := append([]byte("{"), encoded(fields[:at], "")...)
	if at > 0 {
		head = append(head, ',')
	}
	head = append(append(head, quoted(m.key)...), ":["...)
	if _, err := m.w.Write(head); err != nil {
		return err
	}
	return m.things(fields[at].value)
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

// field is one of a JSON object.
type field struct {
	key   string
	value json.RawMessage
}

// inOrder returns the fields of a JSON object as they come.
func inOrder(body []byte) ([]field, error) {
	none := errors.New("the answer is not a JSON object")
	decoder := json.NewDecoder(bytes.NewReader(body))
	if token, err := decoder.Token(); err != nil || token != json.Delim('{') {
		return nil, none
	}
	var fields []field
	for decoder.More() {
		token, err := decoder.Token()
		key, ok := token.(string)
		var value json.RawMessage
		if err != nil || !ok || decoder.Decode(&value) != nil {
			return nil, none
		}
		fields = append(fields, field{key, value})
	}
	return fields, nil
}

// encoded is how fields stand in an object, each after the first with a comma before it, and
// the first with lead.
func encoded(fields []field, lead string) []byte {
	var out []byte
	for _, f := range fields {
		out = append(append(append(append(out, lead...), quoted(f.key)...), ':'), f.value...)
		lead = ","
	}
	return out
}

func quoted(text string) []byte {
	encoded, _ := json.Marshal(text) // of a string: no error
	return encoded
}
