package listitems

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var columns = Columns{Properties: []string{"Price"}, Subsets: []string{"Active"}}

// TestRead reads items from tables of all kinds.
func TestRead(t *testing.T) {
	want := []Item{
		{Name: "Tea", Code: "P1", Properties: map[string]string{"Price": "10"}, Subsets: map[string]bool{"Active": true}},
		{Code: "P2", Properties: map[string]string{}, Subsets: map[string]bool{}},
	}
	for _, test := range []struct {
		format  Format
		text    string
		renamed map[string]string
	}{
		{CSV, "name,code,Price,Active\nTea,P1,10,true\n,P2,,\n", nil},
		{CSV, "\ufeffName,CODE,Price,Active\r\nTea, P1 ,10,yes\r\n,P2,,\r\n", nil},
		{CSV, "Product,SKU,Cost,Active,x\nTea,P1,10,1,y\n,P2,,,\n", map[string]string{"Product": "name", "SKU": "code", "Cost": "Price", "x": ""}},
		{Tab, "name\tcode\tPrice\tActive\nTea\tP1\t10\ttrue\n\tP2\t\t\n", nil},
		{JSON, `[{"name":"Tea","code":"P1","properties":{"Price":10},"subsets":{"Active":true}},{"code":"P2"}]`, nil},
		{CSV, "\xff\xfen\x00a\x00m\x00e\x00,\x00c\x00o\x00d\x00e\x00,\x00P\x00r\x00i\x00c\x00e\x00,\x00A\x00c\x00t\x00i\x00v\x00e\x00\n\x00T\x00e\x00a\x00,\x00P\x001\x00,\x001\x000\x00,\x001\x00\n\x00,\x00P\x002\x00,\x00,\x00\n\x00", nil},
		{JSON, `[{"Product":"Tea","code":"P1","Price":"10","Active":"TRUE"},{"code":"P2","parent":null}]`, map[string]string{"Product": "name"}},
		{JSON, `{"listItems":[{"name":"Tea","code":"P1","properties":{"Price":"10"},"subsets":{"Active":true}},{"code":"P2"}],"meta":{},"status":{"code":200}}`, nil},
		{JSON, `{"items":[{"name":"Tea","code":"P1","Price":10,"Active":1},{"code":"P2"}]}`, nil},
		{CSV, " name , code , Price,Active \nTea,P1,10,Y\n,P2,,\n", nil},
		{CSV, "name,code,Price,Active\rTea,P1,10,true\r,P2,,\r", nil},
	} {
		got, err := Read(strings.NewReader(test.text), test.format, columns, test.renamed)
		if err != nil {
			t.Errorf("%q: %v", test.text, err)
		}
		for i := range got {
			if lines := []int{2, 3}[i]; got[i].Line != lines && test.format != JSON {
				t.Errorf("%q: item %d is on line %d", test.text, i, got[i].Line)
			}
			got[i].Line = 0
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", test.text, diff)
		}
	}
}

// A number of JSON is what is written there, whatever its size.
func TestNumbersOfJSON(t *testing.T) {
	got, err := Read(strings.NewReader(`[{"id":208000000001,"code":12345678901234567890,"Price":1250000.50}]`), JSON, columns, nil)
	if err != nil || got[0].ID != "208000000001" || got[0].Code != "12345678901234567890" || got[0].Properties["Price"] != "1250000.50" {
		t.Errorf("%+v, error %v", got, err)
	}
}

// Columns that look like one of the list's are it, where one alone looks so.
func TestColumnsThatLookAlike(t *testing.T) {
	columns := Columns{Properties: []string{"Gr\u00f6\u00dfe", "Size", "Size "}}
	got, err := Read(strings.NewReader("code,Gro\u0308\u00dfe,Size\nP1,XL,2\n"), CSV, columns, nil)
	want := map[string]string{"Gr\u00f6\u00dfe": "XL", "Size": "2"}
	if err != nil || !cmp.Equal(got[0].Properties, want) {
		t.Errorf("%+v, error %v", got, err)
	}
	if _, err := Read(strings.NewReader("code,Size\u00a0\nP1,2\n"), CSV, Columns{Properties: []string{"Size  ", "Size "}}, nil); err == nil {
		t.Error("one of two was chosen")
	}
}

// What comes as CSV and goes out as JSON can be read again, and is the same.
func TestToJSON(t *testing.T) {
	const table = "id,name,code,parent,Price,Active\n1,\"Tea, \"\"green\"\"\",P1,,10,true\n2,Mate,,All,,false\n"
	var text bytes.Buffer
	if err := columns.toJSON(&text, strings.NewReader(table)); err != nil {
		t.Fatal(err)
	}
	got, err := Read(&text, JSON, columns, nil)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Read(strings.NewReader(table), CSV, columns, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		want[i].Line = 0
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for text, want := range map[string]string{"": `{"listItems":[]}`, "id,name\n": `{"listItems":[]}`} {
		var got bytes.Buffer
		if err := columns.toJSON(&got, strings.NewReader(text)); err != nil || strings.TrimSpace(got.String()) != want {
			t.Errorf("%q: %s, error %v", text, got.String(), err)
		}
	}
	if err := columns.toJSON(&text, strings.NewReader("id,name\n1\n")); err == nil {
		t.Error("a table that is none was taken")
	}
}

func TestFormatOf(t *testing.T) {
	for path, want := range map[string]Format{
		"-": CSV, "a.csv": CSV, "a": CSV, "a.tsv": Tab, "dir.json/A.TXT": Tab, "a.tab": Tab, "a.json": JSON, "a.json.csv": CSV,
	} {
		if got := FormatOf(path); got != want {
			t.Errorf("%s is %s, want %s", path, got, want)
		}
	}
}

// TestReadOfNonsense names the line and what is wrong.
func TestReadOfNonsense(t *testing.T) {
	for _, test := range []struct {
		format      Format
		text, words string
	}{
		{CSV, "", "there is nothing in it, and the first line has to name the columns"},
		{CSV, "name\n", "there are no rows in it"},
		{CSV, "name,Weight\nTea,1\n", `line 2: the list has no "Weight": it has id, name, code, parent, Price, Active; say which it is with --column "Weight"=PLACE`},
		{CSV, "name,parent\nTea,\n\n,All\n", "line 4: there is neither a name nor a code nor an id in it"},
		{CSV, "name,parent\n\"Tea\nin two lines\",\n,All\n", "line 4: there is neither"},
		{CSV, "name,code\nTea,P1\nMate\n", "line 3: it does not have 2 columns, as the first line has"},
		{CSV, "name\nTea\nMa\"te\n", "line 3: bare \" in non-quoted"},
		{Tab, "name\tcode\nTea\tP1\tx\n", "line 2: it does not have 2 columns"},
		{JSON, `[{"name":"Tea"},{"Weight":1}]`, `item 2: the list has no "Weight"`},
		{CSV, "name,code\nTea,P1\nM\xfcller,P2\n", "line 3 is not UTF-8: save the table as UTF-8"},
		{JSON, "[{\"name\":\"M\xfcller\"}]", "line 1 is not UTF-8"},
		{CSV, "name,Name,code\nTea,Mate,P1\n", `the columns "name" and "Name" are both the name: leave one out with --column "Name"=`},
		{JSON, `{"name":"Tea"}`, "not a JSON array of objects"},
		{JSON, `{"listItems":{"name":"Tea"}}`, "not a JSON array of objects"},
		{JSON, `[{"name":["Tea"]}]`, `item 1: what is at "name" is neither a text nor a number nor true or false`},
		{JSON, `[{"name":{"en":"Tea"}}]`, `item 1: what is at "name" is neither`},
		{JSON, `[{"name":"Tea"}] [{"name":"Mate"}]`, "not a JSON array of objects"},
		{CSV, "name,Active\nTea,maybe\n", `line 2: "maybe" does not say whether it is in the subset "Active": write true or false`},
		{CSV, "name;code\nTea;P1\n", "the columns are separated by ;, and not by commas: save the table with commas, or tab-separated (--table tab)"},
		{CSV, "name\tcode\nTea\tP1\n", "the columns are separated by tabs: add --table tab"},
		{Tab, "name,code\nTea,P1\n", "the columns are separated by commas: add --table csv"},
		{JSON, `[`, "not a JSON array of objects"},
	} {
		if _, err := Read(strings.NewReader(test.text), test.format, columns, nil); err == nil || !strings.Contains(err.Error(), test.words) {
			t.Errorf("%q: %v, want %q", test.text, err, test.words)
		}
	}
}

// FuzzRead: no table makes the parser fall over, and no item is without anything.
func FuzzRead(f *testing.F) {
	f.Add("csv", "name,code\nTea,P1\n")
	f.Add("tab", "name\tPrice\nTea\t1\n")
	f.Add("json", `[{"name":"Tea","properties":{"Price":1},"subsets":{"Active":{}}}]`)
	f.Fuzz(func(t *testing.T, format, text string) {
		items, err := Read(strings.NewReader(text), Format(format), columns, map[string]string{"x": ""})
		if err == nil && len(items) == 0 {
			t.Error("no items and no error")
		}
		var tab bytes.Buffer
		_ = ToTab(&tab, strings.NewReader(text))
	})
}
