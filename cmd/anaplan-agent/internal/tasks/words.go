package tasks

// What came of a run, in one line for people.

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

// outcome says how a task has ended: "Nightly load: done in 1m12s; Sales 2 of 3 rows, 1 rejected
// (failed/Sales.csv)". saved are the files with rejected rows, by the id of what rejected them.
func outcome(thing integration.Thing, task integration.Task, took time.Duration, saved map[string]string) string {
	name, ending := nameOf(thing), "done in "
	if !task.OK() {
		ending = "not successful after "
	}
	text := name + ": " + ending + roundly(took)
	if task.Result != nil {
		for _, part := range rowsOf(name, thing.ID, *task.Result, saved) {
			text += "; " + part
		}
	}
	return text
}

// nameOf is what a thing is called, in one line.
func nameOf(thing integration.Thing) string {
	if thing.Name == "" {
		return thing.Kind.One() + " " + thing.ID
	}
	return console.OneLine(console.Printable(thing.Name))
}

// rowsOf says of each import, in their order, what became of its rows.
func rowsOf(name, id string, result integration.Result, saved map[string]string) (parts []string) {
	if result.ObjectID != "" {
		id = result.ObjectID
	}
	if result.ObjectName != "" {
		name = result.ObjectName
	}
	var of []string
	for _, detail := range result.Details {
		if text, ok := rowsIn(name, detail); ok {
			of = append(of, text)
		}
	}
	if len(of) == 0 && result.FailureDumpAvailable && len(result.Nested) == 0 { // else that tells of one of these
		of = []string{name + ": rows were rejected"}
	}
	if path := saved[id]; path != "" && len(of) > 0 {
		of[len(of)-1] += " (" + path + ")"
	}
	parts = append(parts, of...)
	for _, nested := range result.Nested {
		parts = append(parts, rowsOf("", "", nested, saved)...)
	}
	return parts
}

// rowsIn says what a remark counts; false if it counts no rows. (help.anaplan.com, "Check the status of
// the import action": values are names and values in turn.)
func rowsIn(name string, detail integration.Detail) (text string, ok bool) {
	values := map[string]string{}
	for i := 0; i+1 < len(detail.Values); i += 2 {
		values[detail.Values[i]] = detail.Values[i+1]
	}
	good, known := count(values, "successRowCount")
	if !known {
		return "", false
	}
	if list := values["hierarchyName"]; list != "" {
		name = list
	}
	bad, _ := count(values, "failedCount")
	ignored, _ := count(values, "ignoredCount")
	all, _ := count(values, "totalRowCount")
	all = max(all, good+bad+ignored)
	text = name + " " + console.Counted(all, "row")
	if good < all {
		text = fmt.Sprintf("%s %s of %s", name, console.Number(good), console.Counted(all, "row"))
	}
	for _, left := range []struct {
		rows int
		what string
	}{{bad, "rejected"}, {ignored, "ignored"}} {
		if left.rows > 0 {
			text += ", " + console.Number(left.rows) + " " + left.what
		}
	}
	return text, true
}

func count(values map[string]string, name string) (n int, ok bool) {
	n, err := strconv.Atoi(values[name])
	return n, err == nil && n >= 0
}

// roundly is a time as exact as people care about.
func roundly(took time.Duration) string {
	if took < 10*time.Second {
		return fmt.Sprintf("%.1fs", took.Seconds())
	}
	return took.Round(time.Second).String()
}

// sized is a number of bytes for people.
func sized(bytes int64) string {
	switch {
	case bytes < 1000:
		return console.Counted(int(bytes), "byte")
	case bytes < 1e6:
		return fmt.Sprintf("%.1f kB", float64(bytes)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}

// mostName is how many characters of a name a file's has, which can have 255 bytes.
const mostName = 100

// fileName is a name that a file in a directory can have on any system, with the ending .csv; "" if
// nothing is left of it.
func fileName(name string) string {
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, r) {
			return '_'
		}
		return r
	}, console.OneLine(console.Printable(name)))
	if ending := ".csv"; strings.HasSuffix(strings.ToLower(name), ending) {
		name = name[:len(name)-len(ending)]
	}
	if all := []rune(name); len(all) > mostName {
		name = string(all[:mostName])
	}
	name = strings.TrimLeft(strings.TrimRight(name, ". "), ".- ")
	if name == "" {
		return ""
	}
	if name += ".csv"; !filepath.IsLocal(name) { // on Windows, that of a device
		name = "_" + name
	}
	return name
}
