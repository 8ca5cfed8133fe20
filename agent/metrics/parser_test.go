package metrics_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// exposition is a text in Prometheus' format, taken apart.
type exposition struct {
	kinds   map[string]string             // of each metric
	samples map[string]map[string]float64 // by metric, then by labels with the suffix before: `_bucket{le="1"}`
}

// The format, strictly: https://prometheus.io/docs/instrumenting/exposition_formats/
var (
	helpLine   = regexp.MustCompile(`^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (\S.*)$`)
	typeLine   = regexp.MustCompile(`^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)$`)
	sampleLine = regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})? (\S+)$`)
	labelPair  = regexp.MustCompile(`^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"(,|\}$)`)
)

// parse takes a text apart, or says what is wrong with it.
func parse(text string) (*exposition, error) {
	e := &exposition{map[string]string{}, map[string]map[string]float64{}}
	if !utf8.ValidString(text) || !strings.HasSuffix(text, "\n") {
		return nil, fmt.Errorf("not UTF-8, or no line end at the end")
	}
	helped, metric := "", ""
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		var err error
		switch {
		case helpLine.MatchString(line):
			helped = helpLine.FindStringSubmatch(line)[1]
		case typeLine.MatchString(line):
			match := typeLine.FindStringSubmatch(line)
			metric = match[1]
			if metric != helped || e.kinds[metric] != "" {
				err = fmt.Errorf("TYPE without HELP, or twice")
			}
			e.kinds[metric], e.samples[metric] = match[2], map[string]float64{}
		default:
			err = e.sample(metric, line)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d, %q: %w", i+1, line, err)
		}
	}
	return e, e.check()
}

// sample takes a sample apart, which must be of the metric that TYPE has named last.
func (e *exposition) sample(metric, line string) error {
	match := sampleLine.FindStringSubmatch(line)
	if match == nil {
		return fmt.Errorf("no sample")
	}
	suffix, ok := strings.CutPrefix(match[1], metric)
	histogram := e.kinds[metric] == "histogram"
	if !ok || metric == "" || histogram != slices.Contains([]string{"_bucket", "_sum", "_count"}, suffix) || !histogram && suffix != "" {
		return fmt.Errorf("a sample outside of its metric")
	}
	if err := checkLabels(match[2]); err != nil {
		return err
	}
	value, err := strconv.ParseFloat(match[3], 64)
	if err != nil {
		return err
	}
	key := suffix + match[2]
	if _, twice := e.samples[metric][key]; twice {
		return fmt.Errorf("twice")
	}
	e.samples[metric][key] = value
	return nil
}

func checkLabels(text string) error {
	seen := map[string]bool{}
	for text = strings.TrimPrefix(text, "{"); text != ""; {
		match := labelPair.FindStringSubmatch(text)
		if match == nil || seen[match[1]] {
			return fmt.Errorf("labels %q", text)
		}
		seen[match[1]] = true
		text = text[len(match[0]):]
	}
	return nil
}

// check looks at what concerns more than a line.
func (e *exposition) check() error {
	for metric, kind := range e.kinds {
		if len(e.samples[metric]) == 0 {
			return fmt.Errorf("%s has no samples", metric)
		}
		if strings.HasSuffix(metric, "_total") != (kind == "counter") {
			return fmt.Errorf("%s is a %s", metric, kind)
		}
		if kind == "histogram" {
			if err := e.checkHistogram(metric); err != nil {
				return fmt.Errorf("%s: %w", metric, err)
			}
		}
	}
	return nil
}

// boundOf finds the bound of a bucket.
var boundOf = regexp.MustCompile(`[{,]le="([^"]*)"}$`)

// checkHistogram checks that buckets grow with their bounds up to the count.
func (e *exposition) checkHistogram(metric string) error {
	type bucket struct{ bound, count float64 }
	buckets := map[string][]bucket{} // by the other labels
	for _, key := range slices.Sorted(maps.Keys(e.samples[metric])) {
		name, ok := strings.CutPrefix(key, "_bucket")
		if !ok {
			continue
		}
		match := boundOf.FindStringSubmatchIndex(name)
		bound, err := strconv.ParseFloat(name[match[2]:match[3]], 64)
		if err != nil {
			return err
		}
		rest := name[:match[0]]
		if rest != "" {
			rest += "}"
		}
		buckets[rest] = append(buckets[rest], bucket{bound, e.samples[metric][key]})
	}
	for rest, list := range buckets {
		slices.SortFunc(list, func(a, b bucket) int { return int(1e6 * (min(a.bound, 1e3) - min(b.bound, 1e3))) })
		if !slices.IsSortedFunc(list, func(a, b bucket) int { return int(a.count - b.count) }) {
			return fmt.Errorf("buckets of %q shrink", rest)
		}
		if last := list[len(list)-1]; last.count != e.samples[metric]["_count"+rest] {
			return fmt.Errorf("buckets of %q end with %v", rest, last)
		}
	}
	return nil
}
