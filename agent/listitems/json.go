package listitems

import (
	"bufio"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// toJSON writes the CSV of a large read as Anaplan tells the items of a smaller list, one after the
// other, for there are millions of them. Read takes it.
func (c Columns) toJSON(w io.Writer, r io.Reader) error {
	from, to := csv.NewReader(r), bufio.NewWriter(w)
	from.LazyQuotes, from.ReuseRecord = true, true
	header, err := from.Read()
	if err != nil && err != io.EOF {
		return err
	}
	header = slices.Clone(header)
	to.WriteString(`{"listItems":[`)
	for n := 0; err == nil; n++ {
		var cells []string
		if cells, err = from.Read(); err != nil {
			break
		}
		item, failed := json.Marshal(c.told(header, cells))
		if failed != nil {
			return failed
		}
		if n > 0 {
			to.WriteByte(',')
		}
		to.Write(item)
	}
	if _, wrong := errors.AsType[*csv.ParseError](err); wrong {
		return fmt.Errorf("what Anaplan has sent is not a table: %w", err)
	}
	if err != io.EOF {
		return err
	}
	to.WriteString("]}\n")
	return to.Flush() // and what went wrong before
}

// told makes a row an item. What is in a column that the list does not know is kept as a property.
func (c Columns) told(header, cells []string) Item {
	item := Item{Properties: map[string]string{}, Subsets: map[string]bool{}}
	for i, cell := range cells {
		place := header[i]
		isIn, err := truth(cell)
		switch own := ownPlace(place); {
		case own != "":
			item.setOwn(own, cell)
		case slices.Contains(c.Subsets, place) && err == nil:
			item.Subsets[place] = isIn
		case cell != "":
			item.Properties[place] = cell
		}
	}
	return item
}
