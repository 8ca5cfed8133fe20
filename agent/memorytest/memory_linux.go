package memorytest

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// maxMapping is the size from which a mapping is no more than reserved.
const maxMapping = 256 << 20

// Memory is what a process can write to, as it was mapped when it was opened.
type Memory struct {
	file     *os.File
	mappings []mapping
}

// mapping is one of a process's mappings.
type mapping struct {
	from, to int64
	locked   bool
}

// Of opens the memory of a process until the end of the test. It skips the test where that
// is forbidden, or fails it where ANAPLAN_AGENT_REQUIRE has ptrace.
func Of(t testing.TB, pid int) *Memory {
	t.Helper()
	memory, err := open(pid)
	if err == nil {
		t.Cleanup(func() { memory.file.Close() })
		return memory
	}
	if slices.Contains(strings.Split(os.Getenv("ANAPLAN_AGENT_REQUIRE"), ","), "ptrace") {
		t.Fatalf("ANAPLAN_AGENT_REQUIRE has ptrace: %v", err)
	}
	t.Skipf("the right to read a child's memory is missing: %v", err)
	return nil
}

func open(pid int) (*Memory, error) {
	file, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps", pid))
	if err != nil {
		file.Close()
		return nil, err
	}
	return &Memory{file, parse(string(text))}, nil
}

// Stir has the kernel save the registers of each thread of a Go program anew. It saves them on the stack
// for signals when one comes, as the runtime's own do, in the middle of a copy too, and there they stay
// until the next: 256 bytes of a text in a row, which no program can clear.
func Stir(t testing.TB, pid int) {
	t.Helper()
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		if id, err := strconv.Atoi(thread.Name()); err == nil {
			unix.Tgkill(pid, id, unix.SIGURG) // the runtime takes it for one of its own; the thread may have ended
		}
	}
}

// parse returns the writable mappings of a /proc/PID/smaps (proc_pid_smaps(5)).
func parse(text string) (all []mapping) {
	var m mapping
	var writable bool
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		from, to, isRange := strings.Cut(fields[0], "-")
		begin, err1 := strconv.ParseInt(from, 16, 64)
		end, err2 := strconv.ParseInt(to, 16, 64)
		switch {
		case isRange && err1 == nil && err2 == nil:
			m = mapping{from: begin, to: end}
			writable = strings.HasPrefix(fields[1], "rw")
		case fields[0] == "VmFlags:" && writable && m.to-m.from <= maxMapping: // the last line of each
			m.locked = slices.Contains(fields, "lo")
			all = append(all, m)
		}
	}
	return all
}

// Find returns the names of the texts that are there. Each has two bytes or more.
func (m *Memory) Find(texts map[string][]byte) map[string]bool {
	return m.find(texts, func(mapping) bool { return true })
}

// FindLocked returns the names of the texts that are in memory which is locked (mlock(2)).
func (m *Memory) FindLocked(texts map[string][]byte) map[string]bool {
	return m.find(texts, func(one mapping) bool { return one.locked })
}

func (m *Memory) find(texts map[string][]byte, isMeant func(mapping) bool) map[string]bool {
	longest := 0
	for _, text := range texts {
		longest = max(longest, len(text))
	}
	begins := byBeginning(texts)
	found, chunk := map[string]bool{}, make([]byte, 1<<20+longest)
	for _, one := range m.mappings {
		for at := one.from; isMeant(one) && at < one.to; at += 1 << 20 {
			n, _ := m.file.ReadAt(chunk[:min(int64(len(chunk)), one.to-at)], at) // what cannot be read is empty
			for rest := begun(chunk[:n], begins); rest != nil; rest = begun(rest[1:], begins) {
				for _, name := range begins[beginning(rest)] {
					found[name] = found[name] || bytes.HasPrefix(rest, texts[name])
				}
			}
		}
	}
	maps.DeleteFunc(found, func(_ string, is bool) bool { return !is })
	return found
}

// byBeginning returns the names of the texts by what they begin with, so that memory is read
// once for all of them: there may be thousands.
func byBeginning(texts map[string][]byte) *[1 << 16][]string {
	var begins [1 << 16][]string
	for name, text := range texts {
		begins[beginning(text)] = append(begins[beginning(text)], name)
	}
	return &begins
}

// begun returns memory from where a text may begin; nil: none does. It looks at each byte there
// is, which the race detector would have last minutes.
//
//go:norace
func begun(memory []byte, begins *[1 << 16][]string) []byte {
	for i := 0; i+1 < len(memory); i++ {
		if len(begins[int(memory[i])<<8|int(memory[i+1])]) > 0 {
			return memory[i:]
		}
	}
	return nil
}

func beginning(text []byte) int { return int(text[0])<<8 | int(text[1]) }
