package listitems

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// TestGridToJSON makes JSON of the CSV of large reads, whatever is above the rows, once or on each page.
func TestGridToJSON(t *testing.T) {
	const (
		first = `{"pages":["Actual"],"columnCoordinates":[["Jan","Tea"],["Jan","Ale"]],"rows":[{"rowCoordinates":["North","a,b"],"cells":["1",""]}]}`
		above = "Actual\n,,Jan,Jan\n,,Tea,Ale\n"
		rows  = "North,\"a,b\",1,\nSouth,x,2,\"3\"\"\"\n"
	)
	want := `{"pages":["Actual"],"columnCoordinates":[["Jan","Tea"],["Jan","Ale"]],"rows":[` +
		`{"rowCoordinates":["North","a,b"],"cells":["1",""]},{"rowCoordinates":["South","x"],"cells":["2","3\""]}`
	for name, test := range map[string]struct{ text, want string }{
		"once":           {above + rows, want + "]}\n"},
		"nothing above":  {rows, want + "]}\n"},
		"on each page":   {above + rows + above + "West,y,4,5\n", want + `,{"rowCoordinates":["West","y"],"cells":["4","5"]}` + "]}\n"},
		"with a BOM":     {"\ufeff" + strings.ReplaceAll(above+rows, "\n", "\r\n"), want + "]}\n"},
		"nothing":        {"", ""},
		"another view":   {"East,z,1,2\n", ""},
		"a short row":    {above + rows + "West,y,4\n", ""},
		"only above":     {above, ""},
		"text for ever":  {strings.Repeat("x", 10) + "\n" + strings.Repeat("a\nb\nc\n", 3), ""},
		"the first only": {above + "North,\"a,b\",1,\n", strings.Replace(want, `,{"rowCoordinates":["South","x"],"cells":["2","3\""]}`, "]}\n", 1)},
	} {
		var g grid
		if err := json.Unmarshal([]byte(first), &g); err != nil {
			t.Fatal(err)
		}
		var out strings.Builder
		err := g.toJSON(&out, strings.NewReader(test.text))
		if test.want == "" && !errors.Is(err, errGrid) || test.want != "" && (err != nil || out.String() != test.want) {
			t.Errorf("%s: %s, error %v", name, out.String(), err)
		}
	}
}
