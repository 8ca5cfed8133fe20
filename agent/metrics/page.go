package metrics

import (
	"bytes"
	"fmt"
	"mime"
	"strconv"
	"strings"
)

// Format is a text format of metrics, by its media type.
type Format string

// The formats: Prometheus' own (https://prometheus.io/docs/instrumenting/exposition_formats/) and
// the one of OpenMetrics (https://prometheus.io/docs/specs/om/open_metrics_spec/).
const (
	Prometheus  Format = "text/plain; version=0.0.4; charset=utf-8"
	OpenMetrics Format = "application/openmetrics-text; version=1.0.0; charset=utf-8"
)

// Wanted returns the format that the Accept headers of a scrape prefer: OpenMetrics where they name
// it with at least the weight of plain text.
func Wanted(accept []string) Format {
	var open, plain float64
	for kind := range strings.SplitSeq(strings.Join(accept, ","), ",") {
		name, parameters, err := mime.ParseMediaType(kind)
		if err != nil {
			continue
		}
		switch weight := weightOf(parameters); name {
		case "application/openmetrics-text":
			if version := parameters["version"]; version == "" || version == "1.0.0" {
				open = max(open, weight)
			}
		case "text/plain":
			plain = max(plain, weight)
		}
	}
	if open > 0 && open >= plain {
		return OpenMetrics
	}
	return Prometheus
}

// weightOf returns how much a media type is wanted, from 0 to 1.
func weightOf(parameters map[string]string) float64 {
	text, there := parameters["q"]
	if !there {
		return 1
	}
	weight, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return 0
	}
	return weight
}

// page is metrics as text.
type page struct {
	bytes.Buffer
	format Format
}

// head adds what comes before the samples of a metric. OpenMetrics names a counter without the end
// of its samples' name.
func (p *page) head(name, kind, help string) {
	if p.format == OpenMetrics && kind == "counter" {
		name = strings.TrimSuffix(name, "_total")
	}
	fmt.Fprintf(p, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind)
}

// bound returns the upper bound of a bucket as text; OpenMetrics wants a whole number with a point.
func (p *page) bound(bound float64) string {
	text := fmt.Sprint(bound)
	if p.format == OpenMetrics && !strings.ContainsAny(text, ".e") {
		text += ".0"
	}
	return text
}

// end adds what ends a text, so that one that was cut off is noticed.
func (p *page) end() {
	if p.format == OpenMetrics {
		p.WriteString("# EOF\n")
	}
}
