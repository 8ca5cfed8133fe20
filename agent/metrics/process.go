package metrics

import (
	"runtime/metrics"
)

// goMetrics are what Go tells of itself, without stopping the program as
// runtime.ReadMemStats does. The names are those of Prometheus' own client where it has
// the same.
var goMetrics = []struct{ source, name, kind, help string }{
	{"/sched/goroutines:goroutines", "go_goroutines", "gauge", "Goroutines that exist."},
	{"/memory/classes/heap/objects:bytes", "go_memstats_heap_alloc_bytes", "gauge", "Memory of objects on the heap."},
	{"/memory/classes/total:bytes", "go_memstats_sys_bytes", "gauge", "Memory that Go has mapped."},
	{"/gc/cycles/total:gc-cycles", "go_gc_cycles_total", "counter", "Garbage collections done."},
}

// writeGo adds what Go tells.
func writeGo(out *page) {
	samples := make([]metrics.Sample, len(goMetrics))
	for i, m := range goMetrics {
		samples[i].Name = m.source
	}
	metrics.Read(samples)
	for i, m := range goMetrics {
		if value := samples[i].Value; value.Kind() == metrics.KindUint64 {
			writeOne(out, m.name, m.kind, m.help, float64(value.Uint64()))
		}
	}
}
