package tasks

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
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

// TestTransferred shows how far a transfer is, and nothing of chunks before there is one.
func TestTransferred(t *testing.T) {
	var out bytes.Buffer
	r := &Task{Bar: &console.ProgressBar{Out: &out}}
	tell := r.transferred("file")
	tell(integration.Transfer{Bytes: 0, Of: 6})
	r.Bar.At = time.Time{}
	tell(integration.Transfer{Bytes: 20e6, Chunks: 2, Of: 6})
	r.Bar.Last("file: uploaded %s", megabytes(60e6))
	want := console.EraseLine + build.Program + ": file: 0.0 MB" + console.EraseLine + build.Program + ": file: 20.0 MB, chunk 2 of 6" +
		console.EraseLine + build.Program + ": file: uploaded 60.0 MB\n"
	if got := out.String(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
