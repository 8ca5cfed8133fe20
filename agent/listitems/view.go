package listitems

import (
	"bufio"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/integration"
)

// grid is a view as Anaplan tells it in JSON.
type grid struct {
	Pages   json.RawMessage `json:"pages,omitempty"`
	Columns json.RawMessage `json:"columnCoordinates"`
	Rows    []gridRow       `json:"rows"`
}

type gridRow struct {
	Coordinates []string `json:"rowCoordinates"`
	Cells       []string `json:"cells"`
}

// errGrid says that a view's CSV cannot be told as its JSON.
var errGrid = errors.New("the CSV of the large read does not have the rows of the view's JSON; --table csv gives it as it comes")

// firstRow asks for a view in JSON with its first row only, which is never too much. A large read
// comes as CSV, whose lines above the first row are of no documented form: what they say is here.
func firstRow(ctx context.Context, client *integration.Client, view integration.Thing) (*grid, error) {
	var g grid
	query := url.Values{"format": {"v1"}, "maxRows": {"1"}}
	if err := call(ctx, client, http.MethodGet, view.Model.Path()+"/views/"+view.ID+"/data", query, nil, &g); err != nil {
		return nil, err
	}
	if len(g.Rows) != 1 || len(g.Rows[0].Cells) == 0 {
		return nil, errGrid
	}
	return &g, nil
}

// toJSON writes the CSV of a large read of the view as Anaplan tells a smaller one, row by row, for
// there are millions of them.
func (g *grid) toJSON(w io.Writer, r io.Reader) error {
	from, to := csv.NewReader(r), bufio.NewWriter(w)
	from.LazyQuotes, from.ReuseRecord, from.FieldsPerRecord = true, true, -1
	frame, err := json.Marshal(grid{g.Pages, g.Columns, []gridRow{}})
	if err != nil {
		return err
	}
	to.Write(frame[:len(frame)-len("]}")])
	above := map[string]bool{} // lines above the first row, which each page of the read may have again
	for n := 0; ; {
		cells, err := from.Read()
		if err == io.EOF && n > 0 {
			break
		}
		if _, wrong := errors.AsType[*csv.ParseError](err); wrong || err == io.EOF {
			return errGrid
		}
		if err != nil {
			return err
		}
		line := strings.Join(cells, "\x00")
		switch {
		case n == 0 && !g.isFirst(cells):
			if above[line] = true; len(above) > mostAbove {
				return errGrid
			}
			continue
		case above[line]:
			continue
		}
		row, ok := g.row(cells)
		if !ok {
			return errGrid
		}
		if n++; n > 1 {
			to.WriteByte(',')
		}
		to.Write(row)
	}
	to.WriteString("]}\n")
	return to.Flush() // and what went wrong before
}

// mostAbove is how many lines can be above the first row: one for each dimension of the columns, and
// of the pages.
const mostAbove = 100

// isFirst reports whether a line is the first row.
func (g *grid) isFirst(cells []string) bool {
	at := g.Rows[0].Coordinates
	return len(cells) == len(at)+len(g.Rows[0].Cells) && slices.Equal(cells[:len(at)], at)
}

// row is a line as a row of the JSON; false if it has another length.
func (g *grid) row(cells []string) ([]byte, bool) {
	at := len(g.Rows[0].Coordinates)
	if len(cells) != at+len(g.Rows[0].Cells) {
		return nil, false
	}
	row, err := json.Marshal(gridRow{cells[:at], cells[at:]})
	return row, err == nil
}
