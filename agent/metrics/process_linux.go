package metrics

import (
	"bytes"
	"os"
	"strconv"
)

// ticks is the kernel's unit of processor time, a second's parts (proc_pid_stat(5),
// sysconf(_SC_CLK_TCK)): 100 on every architecture of Go's.
const ticks = 100

// Fields of /proc/self/stat, counted from behind the name of the program (proc_pid_stat(5):
// there they have these numbers plus 3).
const (
	fieldUserTime   = 11
	fieldSystemTime = 12
	fieldResident   = 21
)

// writeProcess adds what the kernel tells of the process. It is read from the one file
// that stays readable when the process is hardened; if it is not, nothing is told.
func writeProcess(out *page) {
	stat, err := os.ReadFile("/proc/self/stat")
	if err != nil {
		return
	}
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(fields) <= fieldResident {
		return
	}
	number := func(field int) float64 {
		value, _ := strconv.ParseFloat(string(fields[field]), 64) // the kernel writes numbers
		return value
	}
	writeOne(out, "process_cpu_seconds_total", "counter", "Processor time used.", (number(fieldUserTime)+number(fieldSystemTime))/ticks)
	writeOne(out, "process_resident_memory_bytes", "gauge", "Memory in use.", number(fieldResident)*float64(os.Getpagesize()))
}
