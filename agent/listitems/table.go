package listitems

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// Format is how a table is written.
type Format string

// Formats.
const (
	CSV  Format = "csv"
	Tab  Format = "tab" // CSV with tabs in place of commas
	JSON Format = "json"
)

// Item is an item of a list as the API takes it.
type Item struct {
	ID         string            `json:"id,omitempty"`
	Name       string            `json:"name,omitempty"`
	Code       string            `json:"code,omitempty"`
	Parent     string            `json:"parent,omitempty"`
	Properties map[string]string `json:"properties,omitempty"`
	Subsets    map[string]bool   `json:"subsets,omitempty"`
}

// Columns is what a list has beside id, name, code and parent.
type Columns struct{ Properties, Subsets []string }

// Read reads items. of CSV the first row names the columns, and renamed says what they are in the
// list where that is another name; "" leaves one out. JSON is an array of items as the API has
// them, or of objects whose fields are columns.
func Read(r io.Reader, format Format, columns Columns, renamed map[string]string) ([]Item, error) {
	rows, err := readRows(r, format)
	if err != nil {
		return nil, err
	}
	items := make([]Item, 0, len(rows))
	for i, row := range rows {
		item, err := columns.item(row, renamed)
		if err != nil {
			return nil, fmt.Errorf("row %d: %w", i+1, err)
		}
		items = append(items, item)
	}
	if len(items) == 0 {
		return nil, errors.New("there are no rows in it")
	}
	return items, nil
}

// row is one of a table, by the names of its columns.
type row map[string]any

func readRows(r io.Reader, format Format) ([]row, error) {
	if format == JSON {
		var rows []row
		if err := json.NewDecoder(r).Decode(&rows); err != nil {
			return nil, errors.New("it is not a JSON array of objects")
		}
		return rows, nil
	}
	reader := csv.NewReader(skipMark(r))
	if format == Tab {
		reader.Comma, reader.LazyQuotes = '\t', true
	}
	header, err := reader.Read()
	if err != nil {
		return nil, fmt.Errorf("it has no row with the names of the columns: %w", err)
	}
	var rows []row
	for {
		cells, err := reader.Read()
		if err == io.EOF {
			return rows, nil
		}
		if err != nil {
			return nil, err
		}
		one := row{}
		for i, cell := range cells {
			one[header[i]] = cell
		}
		rows = append(rows, one)
	}
}

// item makes a row an item. An empty cell says nothing.
func (c Columns) item(row row, renamed map[string]string) (Item, error) {
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
	text := strings.TrimSpace(fmt.Sprint(value))
	if value == nil || text == "" || place == "" {
		return nil
	}
	switch strings.ToLower(place) {
	case "id":
		item.ID = text
	case "name":
		item.Name = text
	case "code":
		item.Code = text
	case "parent":
		item.Parent = text
	default:
		switch {
		case slices.Contains(c.Properties, place):
			item.Properties[place] = text
		case slices.Contains(c.Subsets, place):
			item.Subsets[place] = strings.EqualFold(text, "true") || text == "1" || strings.EqualFold(text, "yes")
		default:
			return fmt.Errorf("the list has no %q: it has id, name, code, parent%s; say which it is with --column %q=PLACE, or leave it out with --column %q=",
				place, others(slices.Concat(c.Properties, c.Subsets)), place, place)
		}
	}
	return nil
}

func others(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return ", " + strings.Join(names, ", ")
}

// skipMark drops the byte order mark that spreadsheets begin CSV with.
func skipMark(r io.Reader) io.Reader {
	mark := make([]byte, 3)
	n, _ := io.ReadFull(r, mark)
	if string(mark[:n]) == "\ufeff" {
		return r
	}
	return io.MultiReader(strings.NewReader(string(mark[:n])), r)
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
