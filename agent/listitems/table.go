package listitems

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/anaplan-agent/anaplan-agent/agent/lookalike"
	"github.com/anaplan-agent/anaplan-agent/agent/textfile"
)

// Format is how a table is written.
type Format string

// Formats.
const (
	CSV  Format = "csv"
	Tab  Format = "tab" // CSV with tabs in place of commas
	JSON Format = "json"
)

// FormatOf returns how a file of that name is written: JSON with the ending .json, tabs with .tsv, .tab
// and .txt, which is how Anaplan and Excel name such, and else CSV.
func FormatOf(path string) Format {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".json":
		return JSON
	case ".tsv", ".tab", ".txt":
		return Tab
	}
	return CSV
}

// Item is an item of a list as the API takes it.
type Item struct {
	Line int `json:"-"` // of the table on which it begins, from 1; 0: the table has no lines, as JSON

	ID         string            `json:"id,omitempty"`
	Name       string            `json:"name,omitempty"`
	Code       string            `json:"code,omitempty"`
	Parent     string            `json:"parent,omitempty"`
	Properties map[string]string `json:"properties,omitempty"`
	Subsets    map[string]bool   `json:"subsets,omitempty"`
}

// Columns is what a list has beside id, name, code and parent.
type Columns struct{ Properties, Subsets []string }

// Read reads items. Of CSV the first line names the columns, and renamed says what they are in the
// list where that is another name; "" leaves one out. JSON is an array of items as the API has
// them, also with what the API has around it, or of objects whose fields are columns. Errors name the line of the file, of JSON the item.
func Read(r io.Reader, format Format, columns Columns, renamed map[string]string) ([]Item, error) {
	text, err := readText(r)
	if err != nil {
		return nil, err
	}
	rows, header, err := readRows(text, format)
	if err != nil {
		return nil, err
	}
	if err := checkHeader(header, renamed); err != nil {
		return nil, err
	}
	items := make([]Item, 0, len(rows))
	for i, row := range rows {
		item, err := columns.item(row.cells, renamed)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", Where(row.line, i+1), err)
		}
		item.Line = row.line
		items = append(items, item)
	}
	if len(items) == 0 {
		return nil, errors.New("there are no rows in it")
	}
	return items, nil
}

// Where names a place in a table for a person: by the line of the file, or without lines by the number
// of the item, from 1.
func Where(line, item int) string {
	if line > 0 {
		return fmt.Sprintf("line %d", line)
	}
	return fmt.Sprintf("item %d", item)
}

// row is one of a table.
type row struct {
	line  int            // on which it begins; 0: JSON
	cells map[string]any // by the names of its columns
}

// readText reads a table as UTF-8. What is something else without saying so would come to be another
// name in the list, and nobody would hear of it.
func readText(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	text, err := textfile.Decode(data)
	if err != nil {
		return nil, err
	}
	number := 0
	for line := range bytes.Lines(text) {
		if number++; !utf8.Valid(line) {
			return nil, fmt.Errorf("line %d is not UTF-8: save the table as UTF-8", number)
		}
	}
	if !bytes.Contains(text, []byte("\n")) { // lines end as Excel ends them in its CSV for Macintosh
		text = bytes.ReplaceAll(text, []byte("\r"), []byte("\n"))
	}
	return text, nil
}

// readRows returns the rows and the names of the columns, of JSON those that any row has.
func readRows(text []byte, format Format) (rows []row, header []string, err error) {
	if format != JSON {
		return readLines(text, format)
	}
	objects, err := readObjects(text)
	if err != nil {
		return nil, nil, err
	}
	all := map[string]any{}
	for _, cells := range objects {
		maps.Copy(all, cells)
		rows = append(rows, row{cells: cells})
	}
	return rows, slices.Sorted(maps.Keys(all)), nil
}

// readObjects reads an array of objects, or what Anaplan has around one: as it tells items
// ("listItems"), and as it takes them ("items"). Numbers stay as they are written: a code of eight digits
// is one that float64 would write with an exponent.
func readObjects(text []byte) (objects []map[string]any, err error) {
	var around struct {
		Told  json.RawMessage `json:"listItems"`
		Taken json.RawMessage `json:"items"`
	}
	if json.Unmarshal(text, &around) == nil {
		text = slices.Concat(around.Told, around.Taken)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&objects); err == nil {
		if _, err = decoder.Token(); err == io.EOF {
			return objects, nil
		}
	}
	return nil, errors.New("it is not a JSON array of objects, nor Anaplan's of list items")
}

// readLines is readRows for what has lines.
func readLines(text []byte, format Format) (rows []row, header []string, err error) {
	reader := csv.NewReader(bytes.NewReader(text))
	if format == Tab {
		reader.Comma, reader.LazyQuotes = '\t', true
	}
	if header, err = reader.Read(); err == io.EOF {
		return nil, nil, errors.New("there is nothing in it, and the first line has to name the columns")
	}
	if len(header) == 1 {
		if err := checkSeparator(header[0], format); err != nil {
			return nil, nil, err
		}
	}
	for err == nil {
		var cells []string
		if cells, err = reader.Read(); err == nil {
			line, _ := reader.FieldPos(0)
			rows = append(rows, rowOf(line, header, cells))
		}
	}
	if err != io.EOF {
		return nil, nil, atLine(err, header)
	}
	return rows, header, nil
}

// checkSeparator looks at the only column of a table: it may be all of them, separated in another way.
func checkSeparator(column string, format Format) error {
	switch {
	case format == Tab && strings.Contains(column, ","):
		return errors.New("the columns are separated by commas: add --table csv")
	case format == CSV && strings.Contains(column, "\t"):
		return errors.New("the columns are separated by tabs: add --table tab")
	case strings.Contains(column, ";"): // as Excel writes where a comma is in numbers
		return errors.New("the columns are separated by ;, and not by commas: save the table with commas, or tab-separated (--table tab)")
	}
	return nil
}

func rowOf(line int, header, cells []string) row {
	one := row{line, map[string]any{}}
	for i, cell := range cells {
		one.cells[header[i]] = cell
	}
	return one
}

// atLine says where a table is not one.
func atLine(err error, header []string) error {
	wrong, ok := errors.AsType[*csv.ParseError](err)
	switch {
	case !ok:
		return err
	case errors.Is(err, csv.ErrFieldCount):
		return fmt.Errorf("%s: it does not have %d columns, as the first line has: is a comma or a quotation mark missing?", Where(wrong.StartLine, 0), len(header))
	}
	return fmt.Errorf("%s: %w", Where(wrong.Line, 0), wrong.Err)
}

// checkHeader refuses columns that say the same, of which one would be lost, and names of columns that
// are not there.
func checkHeader(header []string, renamed map[string]string) error {
	for _, column := range slices.Sorted(maps.Keys(renamed)) {
		if !slices.Contains(header, column) {
			return fmt.Errorf("--column %q: there is no column of that name; there are %s", column, strings.Join(header, ", "))
		}
	}
	from := map[string]string{}
	for _, column := range header {
		place, given := renamed[column]
		if !given {
			place = column
		}
		if own := ownPlace(place); own != "" {
			place = own
		}
		if before, twice := from[place]; twice && place != "" {
			return fmt.Errorf("the columns %q and %q are both the %s: leave one out with --column %q=", before, column, place, column)
		}
		from[place] = column
	}
	return nil
}

// item makes a row an item. An empty cell says nothing.
func (c Columns) item(row map[string]any, renamed map[string]string) (Item, error) {
	item := Item{Properties: map[string]string{}, Subsets: map[string]bool{}}
	for _, column := range slices.Sorted(maps.Keys(row)) {
		value := row[column]
		place, given := renamed[column]
		if !given {
			place = column
		}
		if err := c.put(&item, place, value); err != nil {
			return Item{}, err
		}
	}
	if item.ID == "" && item.Name == "" && item.Code == "" && len(item.Properties) == 0 {
		return Item{}, errors.New("there is neither a name nor a code nor an id in it")
	}
	return item, nil
}

func (c Columns) put(item *Item, place string, value any) error {
	if fields, ok := value.(map[string]any); ok && (place == "properties" || place == "subsets") {
		for name, inner := range fields {
			if err := c.put(item, name, inner); err != nil {
				return err
			}
		}
		return nil
	}
	if value == nil || place == "" {
		return nil
	}
	text, err := textOf(place, value)
	if text == "" {
		return err
	}
	if own := ownPlace(place); own != "" {
		item.setOwn(own, text)
		return nil
	}
	return c.putMore(item, place, text)
}

// setOwn sets what every item has.
func (i *Item) setOwn(place, text string) {
	switch place {
	case "id":
		i.ID = text
	case "name":
		i.Name = text
	case "code":
		i.Code = text
	case "parent":
		i.Parent = text
	}
}

// ownPlace returns which of the places that every list has is meant; "" for none.
func ownPlace(place string) string {
	place = strings.ToLower(strings.TrimSpace(place))
	if slices.Contains([]string{"id", "name", "code", "parent"}, place) {
		return place
	}
	return ""
}

// textOf returns a cell as text. JSON has values that are none.
func textOf(place string, value any) (string, error) {
	switch value.(type) {
	case []any, map[string]any:
		return "", fmt.Errorf("what is at %q is neither a text nor a number nor true or false", place)
	}
	return strings.TrimSpace(fmt.Sprint(value)), nil
}

// putMore puts a cell where only this list has a place.
func (c Columns) putMore(item *Item, place, text string) error {
	all := slices.Concat(c.Properties, c.Subsets)
	name := found(all, place)
	switch {
	case name == "":
		return fmt.Errorf("the list has no %q: it has id, name, code, parent%s; say which it is with --column %q=PLACE, or leave it out with --column %q=",
			place, others(all), place, place)
	case slices.Contains(c.Properties, name):
		item.Properties[name] = text
		return nil
	}
	isIn, err := truth(text)
	if err != nil {
		return fmt.Errorf("%q does not say whether it is in the subset %q: write true or false", text, name)
	}
	item.Subsets[name] = isIn
	return nil
}

// found returns the name itself where it is one of all, or the only one that looks like it; "" for none.
func found(all []string, name string) string {
	if slices.Contains(all, name) {
		return name
	}
	only := ""
	for _, other := range all {
		if lookalike.Key(other) != lookalike.Key(name) {
			continue
		}
		if only != "" {
			return ""
		}
		only = other
	}
	return only
}

// truth reads a cell of a subset, as people and Anaplan write them.
func truth(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "yes", "y":
		return true, nil
	case "no", "n":
		return false, nil
	}
	return strconv.ParseBool(strings.ToLower(text))
}

func others(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return ", " + strings.Join(names, ", ")
}

// ToTab copies CSV as tab-separated.
func ToTab(w io.Writer, r io.Reader) error {
	from, to := csv.NewReader(r), csv.NewWriter(w)
	from.FieldsPerRecord, from.LazyQuotes, to.Comma = -1, true, '\t'
	for {
		cells, err := from.Read()
		if err == io.EOF {
			to.Flush()
			return to.Error()
		}
		if err != nil {
			return err
		}
		if err := to.Write(cells); err != nil {
			return err
		}
	}
}
