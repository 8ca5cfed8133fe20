//go:build cgo

package main

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// tablesVariable names the file that the tables are written to.
const tablesVariable = "ANAPLAN_AGENT_PIN_FAULTS"

// writeTables runs all cells.
func (l *faultLab) writeTables(t *testing.T, file string) {
	began := time.Now()
	refused := l.refusalGrid(refusals(), stays{3 * time.Second, 12 * time.Second})
	refused.fill(t)
	recovered := l.recoveryGrid(recoveries())
	recovered.fill(t)
	text := fmt.Sprintf("%s; %d and %d cells in %v.\n\n%v\n%v", howRun(), len(refused.cells), len(recovered.cells),
		time.Since(began).Round(time.Second), refused, recovered)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// howRun says what the tables were made with.
func howRun() string {
	return fmt.Sprintf("%s on %s/%s, SoftHSM %s, PC/SC lite %s, %d cores", runtime.Version(), runtime.GOOS, runtime.GOARCH,
		versionOf("softhsm2-util"), versionOf("pcscd"), runtime.NumCPU())
}

// versionOf returns the version that a program says it is of.
func versionOf(name string) string {
	path, err := exec.LookPath(name)
	if err != nil {
		path = "/usr/sbin/" + name
	}
	output, err := exec.Command(path, "--version").CombinedOutput()
	if err != nil {
		return "none"
	}
	return regexp.MustCompile(`[0-9]+(\.[0-9]+)+`).FindString(string(output))
}

// refusals returns the rows of the first table.
func refusals() (rows []refusal) {
	for _, f := range append([]fault{refusedPlainly, claimsSuccess, tellsNothing, claimsLogin}, tokenFaults()...) {
		rows = append(rows, refusal{fault: f, place: inFile})
	}
	for _, f := range append([]fault{cardRefuses}, cardFaults()...) {
		rows = append(rows, refusal{fault: f, place: inFile})
	}
	for _, place := range []pinPlace{inEnv, byCommand, credential, byPerson} {
		for _, f := range samples() {
			rows = append(rows, refusal{fault: f, place: place})
		}
	}
	return append(rows, unusual()...)
}

// samples are the faults that PINs from all places meet.
func samples() []fault {
	all := []fault{refusedPlainly, claimsSuccess, cardRefuses}
	for _, f := range append(tokenFaults(), cardFaults()...) {
		switch f.name {
		case "DEVICE_ERROR (0x30)", "the module crashes", "the module hangs", "card answers 6F00":
			all = append(all, f)
		}
	}
	return all
}

// unusual are the rows of refusals that are heard, where something else is unusual.
func unusual() []refusal {
	return []refusal{
		{fault: refusedPlainly.called("refused, the file is touched"), place: inFile, change: touch},
		{fault: refusedPlainly.called("refused, laid down anew"), place: credential, change: layAnew},
		{fault: refusedPlainly.called("refused, the disk is full"), place: inFile, change: fullDisk, kept: []string{oneShots}},
		{fault: refusedPlainly.called("refused, there is no home"), place: inFile, change: noHome, kept: []string{oneShots}},
		{fault: cardRefuses.called("card refuses, the file is touched"), place: inFile, change: touch},
		{fault: cardRefuses.called("card refuses, the disk is full"), place: inFile, change: fullDisk, kept: []string{oneShots}},
	}
}

// recoveries returns the rows of the second table.
func recoveries() (rows []recovery) {
	for _, f := range append(tokenFaults(), cardFaults()...) {
		rows = append(rows, recovery{fault: f})
	}
	corrected := []string{oneShot, called, alone}
	return append(rows,
		recovery{refusedPlainly.called("the wrong PIN is put right"), corrected},
		recovery{cardRefuses.called("card, the wrong PIN is put right"), corrected})
}

// String returns the table in Markdown.
func (g *grid) String() string {
	lines := [][]string{g.heads}
	for row, first := range g.first {
		line := slices.Clone(first)
		for column := range g.columns() {
			line = append(line, g.cells[[2]int{row, column}])
		}
		lines = append(lines, line)
	}
	return inMarkdown(lines)
}

// inMarkdown returns a table in Markdown. The first line is its head.
func inMarkdown(lines [][]string) string {
	var text strings.Builder
	write := func(cell func(column, width int) string) {
		for column := range lines[0] {
			width := widest(lines, column)
			fmt.Fprintf(&text, "| %-*s ", width, cell(column, width))
		}
		text.WriteString("|\n")
	}
	for i, line := range lines {
		write(func(column, _ int) string { return line[column] })
		if i == 0 {
			write(func(_, width int) string { return strings.Repeat("-", width) })
		}
	}
	return text.String()
}

// widest returns how wide a column is.
func widest(lines [][]string, column int) (width int) {
	for _, line := range lines {
		width = max(width, len(line[column]))
	}
	return width
}
