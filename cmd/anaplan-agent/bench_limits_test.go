//go:build linux && cgo

package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"text/tabwriter"
)

// row adds a figure to a benchmark's table, and fails the benchmark if its limit does not hold:
// "<= 1.30" or ">= 0.80"; "" where it is only to be known.
type row func(what string, measured float64, limit, format, yardstick string)

// newTable returns the rows of a table, and what prints it.
func newTable(b *testing.B) (row row, print func() error) {
	table := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(table, "\nwhat\tmeasured\tlimit\tyardstick")
	return func(what string, measured float64, limit, format, yardstick string) {
		mark := ""
		if !isKept(measured, limit) {
			mark = "  does not hold"
			b.Errorf("%s: "+format+", want %s", what, measured, limit)
		}
		fmt.Fprintf(table, "%s\t"+format+"\t%s%s\t%s\n", what, measured, limit, mark, yardstick)
	}, table.Flush
}

// isKept reports whether a figure keeps its limit.
func isKept(measured float64, limit string) bool {
	if limit == "" {
		return true
	}
	way, value := limitIn(limit)
	switch way {
	case "<=":
		return measured <= value
	case ">=":
		return measured >= value
	}
	return measured == value
}

func limitIn(limit string) (way string, value float64) {
	if _, err := fmt.Sscan(limit, &way, &value); err != nil {
		panic(limit)
	}
	return way, value
}

// better returns the better of two figures with that limit.
func better(a, b float64, limit string) float64 {
	if way, _, _ := strings.Cut(limit, " "); way == ">=" {
		return max(a, b)
	}
	return min(a, b)
}

// best runs a benchmark up to three times, until the limits are kept: another program that runs
// meanwhile makes a figure worse, and none makes it better. It returns the best of each figure;
// nil where only other benchmarks were asked for.
func best(b *testing.B, name string, limits []string, measure func(*testing.B) []float64) []float64 {
	return bestOf(limits, func() (figures []float64) {
		b.Run(name, func(b *testing.B) { figures = measure(b) })
		return figures
	})
}

func bestOf(limits []string, measure func() []float64) (figures []float64) {
	for range 3 {
		kept := true
		again := measure()
		for i, figure := range again {
			if figures != nil {
				again[i] = better(figure, figures[i], limits[i])
			}
			kept = kept && isKept(again[i], limits[i])
		}
		figures = again
		if kept {
			break
		}
	}
	return figures
}

// TestLimits has limits kept and broken.
func TestLimits(t *testing.T) {
	for limit, want := range map[string][2]bool{"<= 1.5": {true, false}, ">= 1.5": {false, true}, "= 1": {true, false}, "": {true, true}} {
		if got := [2]bool{isKept(1, limit), isKept(2, limit)}; got != want {
			t.Errorf("%q: %v, want %v", limit, got, want)
		}
	}
	measured := 0
	got := bestOf([]string{"<= 1", ">= 1"}, func() []float64 {
		measured++
		return [][]float64{{4, 0}, {3, 1}, {5, 0}}[measured-1]
	})
	if measured != 3 || got[0] != 3 || got[1] != 1 {
		t.Errorf("%v after %d", got, measured)
	}
}
