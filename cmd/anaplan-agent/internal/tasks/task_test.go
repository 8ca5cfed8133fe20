package tasks

import (
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/integration"
)

// TestRemark shows what of a remark's values a person needs beside its text.
func TestRemark(t *testing.T) {
	for _, test := range []struct {
		name   string
		detail integration.Detail
		want   string
	}{
		{"none", integration.Detail{Text: "It failed."}, "It failed."},
		{"file", integration.Detail{Text: "It is not there.", Values: []string{"Sales.csv", ""}}, "It is not there. (Sales.csv)"},
		{"pair", integration.Detail{Text: "A row is bad.", Values: []string{"rowNumber", "7"}}, "A row is bad. (rowNumber 7)"},
		{"told", integration.Detail{Text: "Load: 7 rows.", Values: []string{"hierarchyName", "Load", "rowCount", "7"}}, "Load: 7 rows."},
		{"name without value", integration.Detail{Text: "It failed.", Values: []string{"rowCount"}}, "It failed. (rowCount)"},
		{"many", integration.Detail{Text: "It failed.", Values: strings.Split("A,B,C,D,E,F,G", ",")}, "It failed. (A, B, C, D, E)"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := remark(test.detail); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestMeter shows how far a transfer is, its rate, and the time that is left.
func TestMeter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &meter{what: "file", began: time.Now()}
		want := func(want string) {
			t.Helper()
			if got := m.text(); got != want {
				t.Errorf("got %q, want %q", got, want)
			}
		}
		m.set(integration.Transfer{Total: -1, Of: 6})
		want("file: 0 bytes")
		m.set(integration.Transfer{Bytes: 20e6, Total: -1, Chunks: 2, Of: 6})
		want("file: 20.0 MB, chunk 2 of 6")
		time.Sleep(4 * time.Second)
		want("file: 20.0 MB, 5.0 MB/s, 8s left")
		m.set(integration.Transfer{Bytes: 20e6, Total: 100e6, Chunks: 2, Of: 10})
		want("file: 20.0 MB of 100.0 MB, 5.0 MB/s, 16s left")
		m.set(integration.Transfer{Bytes: 20e6, Total: -1, Of: -1})
		want("file: 20.0 MB, 5.0 MB/s")
	})
}

// TestOutcome shows what is said of a task.
func TestOutcome(t *testing.T) {
	rows := func(list string, good, bad, ignored string) integration.Detail {
		return integration.Detail{Values: []string{"hierarchyName", list, "successRowCount", good, "failedCount", bad, "ignoredCount", ignored, "totalRowCount", "0"}}
	}
	process := integration.Thing{Kind: integration.Processes, ID: "118", Name: "Nightly load"}
	of := func(results ...integration.Result) integration.Task {
		return integration.Task{State: integration.Complete, Result: &integration.Result{Successful: true, Nested: results}}
	}
	sales := integration.Result{ObjectID: "112", Successful: true, FailureDumpAvailable: true, Details: []integration.Detail{rows("Sales", "2", "1", "0")}}
	for _, test := range []struct {
		name, want string
		task       integration.Task
		saved      map[string]string
	}{
		{"nothing counted", "Nightly load: done in 1m12s", of(integration.Result{Successful: true}), nil},
		{"rejected", "Nightly load: done in 1m12s; Sales 2 of 3 rows, 1 rejected (failed/Sales.csv)", of(sales), map[string]string{"112": "failed/Sales.csv"}},
		{"two", "Nightly load: done in 1m12s; Sales 2 of 3 rows, 1 rejected; Prices 1 of 1,001 rows, 1,000 ignored", of(sales,
			integration.Result{Successful: true, ObjectName: "Prices", Details: []integration.Detail{rows("", "1", "0", "1000")}}), nil},
		{"not counted", "Nightly load: done in 1m12s; Load: rows were rejected (a.csv)",
			of(integration.Result{ObjectID: "1", ObjectName: "Load", Successful: true, FailureDumpAvailable: true}), map[string]string{"1": "a.csv"}},
		{"told once", "Nightly load: done in 1m12s; Sales 2 of 3 rows, 1 rejected", integration.Task{State: integration.Complete,
			Result: &integration.Result{Successful: true, FailureDumpAvailable: true, Nested: []integration.Result{sales}}}, nil},
		{"failed", "Nightly load: not successful after 1m12s", of(integration.Result{}), nil},
		{"cancelled", "Nightly load: not successful after 1m12s", integration.Task{State: integration.Cancelled}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := outcome(process, test.task, 72*time.Second, test.saved); got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

// TestFileName: whatever an import is called, its rejected rows have a file within the directory.
func TestFileName(t *testing.T) {
	nul := "nul.csv"
	if runtime.GOOS == "windows" {
		nul = "_nul.csv" // the other one is the device NUL
	}
	for name, want := range map[string]string{
		"Sales": "Sales.csv", "Sales from Sales.csv": "Sales from Sales.csv", "a/b\\c:d": "a_b_c_d.csv", "../../etc": "_.._etc.csv",
		"": "", "..": "", ". .": "", "-rf": "rf.csv", "x\x1b[31m": "x_u001b[31m.csv", "nul ": nul, strings.Repeat("é", 300): strings.Repeat("é", 100) + ".csv",
	} {
		if got := fileName(name); got != want {
			t.Errorf("%q became %q, want %q", name, got, want)
		}
	}
}
