//go:build cgo

package main

import (
	"slices"
	"strings"
	"sync"
	"testing"
)

// grid is a table whose cells are tests, of which some run at the same time.
type grid struct {
	heads []string   // of all columns
	first [][]string // the first columns of each row
	run   func(t *testing.T, row, column int) string
	has   func(row, column int) bool // the others are not run

	mu    sync.Mutex
	cells map[[2]int]string // what came of them
}

// columns returns how many columns have tests.
func (g *grid) columns() int { return len(g.heads) - len(g.first[0]) }

// fill runs all cells. They are not parallel tests, of which go test runs as many at a time as
// there are processors.
func (g *grid) fill(t *testing.T) {
	g.cells = map[[2]int]string{}
	slots := make(chan struct{}, cellsAtOnce)
	var all sync.WaitGroup
	for row := range g.first {
		for column := range g.columns() {
			if !g.has(row, column) {
				continue
			}
			slots <- struct{}{}
			all.Go(func() {
				defer func() { <-slots }()
				g.fillOne(t, row, column)
			})
		}
	}
	all.Wait()
}

func (g *grid) fillOne(t *testing.T, row, column int) {
	cell, skipped := "failed", false
	passed := t.Run(g.name(row, column), func(t *testing.T) {
		defer func() { skipped = t.Skipped() }()
		cell = g.run(t, row, column)
	})
	switch {
	case skipped:
		cell = "skipped"
	case !passed && cell != "failed":
		cell += " FAILED"
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.cells[[2]int{row, column}] = cell
}

// name names the test of a cell.
func (g *grid) name(row, column int) string {
	words := slices.DeleteFunc(slices.Clone(g.first[row]), func(word string) bool { return word == "" })
	return strings.Join(words, ", ") + "/" + g.heads[len(g.first[row])+column]
}
