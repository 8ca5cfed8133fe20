package metrics

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// family is a metric with all its labels. It is made here and not by a library because
// those of Prometheus and VictoriaMetrics read files, log and take half a millisecond at
// the start of every command, also of those that count nothing.
type family struct {
	name string
	kind string // counter, gauge or histogram
	help string

	mu     sync.Mutex
	series map[string]series // by labels
}

// series is a counter or a histogram.
type series interface {
	write(out *page, name, labels string)
}

func newFamily(name, kind, help string) *family {
	return &family{name: name, kind: kind, help: help, series: map[string]series{}}
}

// counter returns the counter with those labels.
func (f *family) counter(labels string) *counter {
	return member(f, labels, func() *counter { return new(counter) })
}

// histogram returns the histogram with those labels.
func (f *family) histogram(labels string, bounds []float64) *histogram {
	return member(f, labels, func() *histogram { return &histogram{bounds: bounds, counts: make([]uint64, len(bounds)+1)} })
}

// member returns what the family has for those labels, and makes it where there is none.
func member[S series](f *family, labels string, make func() S) S {
	f.mu.Lock()
	defer f.mu.Unlock()
	if s, ok := f.series[labels].(S); ok {
		return s
	}
	s := make()
	f.series[labels] = s
	return s
}

// write adds the family to out, if there is anything in it.
func (f *family) write(out *page) {
	f.mu.Lock()
	all := maps.Clone(f.series)
	f.mu.Unlock()
	if len(all) == 0 {
		return
	}
	out.head(f.name, f.kind, f.help)
	for _, labels := range slices.Sorted(maps.Keys(all)) {
		all[labels].write(out, f.name, labels)
	}
}

// counter counts.
type counter struct{ count atomic.Uint64 }

// Inc counts one more.
func (c *counter) Inc() { c.count.Add(1) }

// Add counts n more, which is not negative.
func (c *counter) Add(n int64) { c.count.Add(uint64(n)) }

func (c *counter) write(out *page, name, labels string) {
	fmt.Fprintf(out, "%s%s %d\n", name, labels, c.count.Load())
}

// histogram counts values by their size.
type histogram struct {
	bounds []float64 // upper ones, ascending

	mu     sync.Mutex
	counts []uint64 // of each bound, those of the ones below not included; the last is of what is above all
	sum    float64
}

// Update counts a value.
func (h *histogram) Update(value float64) {
	at, _ := slices.BinarySearch(h.bounds, value)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.counts[at]++
	h.sum += value
}

func (h *histogram) write(out *page, name, labels string) {
	h.mu.Lock()
	counts, sum := slices.Clone(h.counts), h.sum
	h.mu.Unlock()
	before := "{"
	if labels != "" {
		before = strings.TrimSuffix(labels, "}") + ","
	}
	count := uint64(0)
	for i, bound := range h.bounds {
		count += counts[i]
		fmt.Fprintf(out, "%s_bucket%sle=\"%s\"} %d\n", name, before, out.bound(bound), count)
	}
	count += counts[len(h.bounds)]
	fmt.Fprintf(out, "%s_bucket%sle=\"+Inf\"} %d\n%s_sum%s %v\n%s_count%s %d\n", name, before, count, name, labels, sum, name, labels, count)
}

// escapes are those of label values; what is not UTF-8 is replaced before.
var escapes = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// labels returns names and values, by turns, as they follow a metric's name.
func labels(pairs ...string) string {
	var out strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		separator := byte(',')
		if i == 0 {
			separator = '{'
		}
		out.WriteByte(separator)
		out.WriteString(pairs[i] + `="`)
		escapes.WriteString(&out, strings.ToValidUTF8(pairs[i+1], "\ufffd"))
		out.WriteByte('"')
	}
	out.WriteByte('}')
	return out.String()
}
