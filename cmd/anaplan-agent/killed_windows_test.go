//go:build cgo

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// TestKilledOnWindows: an agent that is killed leaves no token in a file, neither by itself nor with all
// that descends from it, as "End process tree" of the Task Manager kills it. Where the process that
// removes the file is killed as well, the next agent does before it answers anybody.
func TestKilledOnWindows(t *testing.T) {
	p := newProgram(t)
	file := filepath.Join(t.TempDir(), "token")
	p.configureToken("token_file = '" + filepath.ToSlash(file) + "'")

	agent := p.serve()
	agent.awaitFile(file, true)
	for _, child := range descendants(t, agent.process.Pid) {
		kill(t, child)
	}
	agent.kill()
	agent.awaitFile(file, false)

	agent = p.serve()
	agent.awaitFile(file, true)
	for _, process := range p.processes() {
		if process != agent.process.Pid {
			kill(t, process)
		}
	}
	agent.kill()
	if _, err := os.Stat(file); err != nil {
		t.Fatalf("the test's own doing: %v", err)
	}
	t.Setenv("ANAPLAN_AGENT_TEST_CRASH", "yes") // it gets no token of its own
	agent = p.serve()
	if _, err := os.Stat(file); err == nil {
		t.Error("the next agent answers, and the file of the one before is there")
	}
	p.run(0, []string{"stop"})
	agent.wait()
}

// awaitFile waits until a file is there, or is not.
func (a *runningAgent) awaitFile(path string, there bool) {
	a.Helper()
	for start := time.Now(); ; time.Sleep(time.Second / 10) {
		if _, err := os.Stat(path); (err == nil) == there {
			return
		}
		if time.Since(start) > time.Minute {
			a.Fatalf("the file's being there is not %t\n%s", there, &a.log)
		}
	}
}

func (a *runningAgent) kill() {
	a.Helper()
	if err := a.process.Kill(); err != nil {
		a.Fatal(err)
	}
	if err := <-a.ended; err == nil {
		a.Error("the agent was not killed")
	}
}

func kill(t *testing.T, pid int) {
	t.Helper()
	process, err := os.FindProcess(pid)
	if err == nil {
		err = process.Kill()
	}
	if err != nil {
		t.Log("it has ended by itself: ", err)
	}
}

// processes returns all that run this program.
func (p *program) processes() (pids []int) {
	p.Helper()
	for _, entry := range snapshot(p.T) {
		if strings.EqualFold(windows.UTF16ToString(entry.ExeFile[:]), filepath.Base(p.path)) && runs(entry.ProcessID, p.path) {
			pids = append(pids, int(entry.ProcessID))
		}
	}
	return pids
}

// runs reports whether a process is of the program at path.
func runs(pid uint32, path string) bool {
	process, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, pid)
	if err != nil {
		return false
	}
	defer windows.CloseHandle(process)
	name := make([]uint16, windows.MAX_LONG_PATH)
	size := uint32(len(name))
	err = windows.QueryFullProcessImageName(process, 0, &name[0], &size)
	return err == nil && strings.EqualFold(windows.UTF16ToString(name), path)
}

// descendants returns the processes that a process has started, those that they have, and so on.
func descendants(t *testing.T, pid int) (pids []int) {
	t.Helper()
	for _, entry := range snapshot(t) {
		if int(entry.ParentProcessID) == pid && int(entry.ProcessID) != pid {
			pids = append(append(pids, int(entry.ProcessID)), descendants(t, int(entry.ProcessID))...)
		}
	}
	return pids
}

func snapshot(t *testing.T) (entries []windows.ProcessEntry32) {
	t.Helper()
	processes, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer windows.CloseHandle(processes)
	entry := windows.ProcessEntry32{}
	entry.Size = uint32(unsafe.Sizeof(entry))
	for err = windows.Process32First(processes, &entry); err == nil; err = windows.Process32Next(processes, &entry) {
		entries = append(entries, entry)
	}
	return entries
}
