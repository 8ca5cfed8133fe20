//go:build cgo

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"unsafe"

	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// TestKilledAtEachStep runs the scripts in which commands are killed at each of their steps, and
// gone on with. There is no hook for it in the program: the kernel stops it (ptrace(2)).
func TestKilledAtEachStep(t *testing.T) {
	hsmtest.SoftHSM(t)
	if os.Geteuid() != 0 {
		hsmtest.Missing(t, "root", "the right to read the memory of a program that does not let itself be traced")
	}
	runScripts(t, func(name string) bool {
		return strings.HasPrefix(name, "killed-") && !strings.HasPrefix(name, "killed-piv-")
	}, "SHIM", hsmtest.BuildShim(t))
}

// killCommand is the command kill-at-each-step of the scripts:
//
//	kill-at-each-step [CODE] RESET GO-ON ARG...
//
// runs the shell script RESET, puts back the cards that are kept (card keep), and runs the program,
// which is killed by SIGKILL at its first step; then the shell script GO-ON, which must bring the
// work to its end. Then the same with the second step, and so on, until the program ends before, by
// itself and with exit code CODE (0). A step is what lasts: a file gets its name or loses it; the
// module, which must be the shim, makes or deletes an object; a card gets a command of
// lastingCommands. The program is killed before each of them and, for module and card, after each.
func killCommand(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0]) // 0 for what is not a number
	if err == nil {
		args = args[1:]
	}
	for n := 1; ; n++ {
		ts.Check(ts.Exec("sh", "-e", args[0]))
		restoreCards(ts)
		step, err := killAt(ts, &fate{left: n}, newDisk(ts.Getenv("WORK")), want, args[2:])
		ts.Check(err)
		if step == "" {
			ts.Logf("%s: %d steps", strings.Join(args[2:], " "), n-1)
			if n < 2 {
				ts.Fatalf("it has no steps")
			}
			break
		}
		if err := errors.Join(ts.Exec("sh", "-e", args[1]), checkCards(ts)); err != nil {
			ts.Fatalf("killed at step %d, %s: %v", n, step, err)
		}
	}
	// A kill after the last step is one after the work.
	if err := errors.Join(ts.Exec("sh", "-e", args[1]), checkCards(ts)); err != nil {
		ts.Fatalf("killed after the last step: %v", err)
	}
	ts.Check(ts.Exec("sh", "-e", args[0]))
	restoreCards(ts)
	runAgent(ts, append([]string{strconv.Itoa(want)}, args[2:]...), asJob()...)
}

// killAt runs the program until its fate, and returns the step at which that is; "" if it has ended
// before that, with exit code want and all that it has written on the disk.
func killAt(ts *testscript.TestScript, fate *fate, disk *disk, want int, args []string) (step string, err error) {
	runtime.LockOSThread() // whose child it is, to the kernel
	defer runtime.UnlockOSThread()
	path, err := programOfScripts()
	if err != nil {
		return "", err
	}
	output, err := os.CreateTemp("", "killed")
	if err != nil {
		return "", err
	}
	defer os.Remove(output.Name())
	defer output.Close()
	cmd := exec.Command(path, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = ts.Getenv("WORK"), environment(ts), output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Ptrace: true, Setsid: true, Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	defer cmd.Process.Release()
	fate.begin(cmd.Process.Pid)
	defer watchCards(ts, fate)()
	tracee := &tracee{pid: cmd.Process.Pid, work: ts.Getenv("WORK"), fate: fate, disk: disk}
	code, err := tracee.run()
	step = fate.met()
	if step == "" && err == nil && code != want {
		text, _ := os.ReadFile(output.Name())
		err = fmt.Errorf("exit code %d, want %d: %s", code, want, text)
	}
	if step == "" && err == nil {
		err = disk.end()
	}
	return step, err
}

// fate is the step at which a program is killed. What sees the steps are its system calls and its
// cards, at the same time.
type fate struct {
	mu   sync.Mutex
	pid  int
	left int    // steps until then; negative: no step is it
	step string // at which it was killed
}

// at counts a step, kills the program if it is the one, and reports whether it is dead.
func (f *fate) at(step string) (dead bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.step != "" {
		return true
	}
	if f.left--; f.left == 0 {
		f.step = step
		syscall.Kill(f.pid, syscall.SIGKILL)
	}
	return f.step != ""
}

// end kills the program for another reason.
func (f *fate) end(reason string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.step = reason; f.pid != 0 {
		syscall.Kill(f.pid, syscall.SIGKILL)
	}
}

// begin is the start of the program.
func (f *fate) begin(pid int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.pid = pid; f.step != "" {
		syscall.Kill(pid, syscall.SIGKILL)
	}
}

// met returns the step at which the program was killed; "" if it was not.
func (f *fate) met() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.step
}

// tracee is a program that is stopped at each of its system calls.
type tracee struct {
	pid     int
	work    string
	fate    *fate
	disk    *disk
	changes bool // the module is at it
}

// run returns the exit code, if it is not killed.
func (p *tracee) run() (code int, err error) {
	var status syscall.WaitStatus
	if _, err := syscall.Wait4(p.pid, &status, syscall.WALL, nil); err != nil {
		return 0, err
	}
	const options = unix.PTRACE_O_TRACESYSGOOD | unix.PTRACE_O_TRACECLONE | unix.PTRACE_O_EXITKILL
	if err := unix.PtraceSetOptions(p.pid, options); err != nil {
		return 0, err
	}
	thread, signal := p.pid, 0
	for {
		if err := unix.PtraceSyscall(thread, signal); err != nil && !errors.Is(err, syscall.ESRCH) {
			return 0, err
		}
		if thread, err = p.wait(&status); err != nil {
			return 0, err
		}
		switch {
		case thread == p.pid && (status.Exited() || status.Signaled()):
			return status.ExitStatus(), nil
		case status.StopSignal() == syscall.SIGTRAP|0x80:
			p.syscall(thread)
			signal = 0
		case status.Stopped() && status.StopSignal() != syscall.SIGTRAP && status.StopSignal() != syscall.SIGSTOP:
			signal = int(status.StopSignal())
		default: // a new thread, or an old one's end
			signal = 0
		}
	}
}

// wait waits for the next stop of any of the program's threads, which are a process group of their
// own: this thread may have started other children, for which somebody else waits.
func (p *tracee) wait(status *syscall.WaitStatus) (thread int, err error) {
	for {
		thread, err = syscall.Wait4(-p.pid, status, syscall.WALL|syscall.WNOTHREAD, nil)
		if !errors.Is(err, syscall.EINTR) {
			return thread, err
		}
	}
}

// syscallInfo is struct ptrace_syscall_info of ptrace(2), as it is at the begin of a call.
type syscallInfo struct {
	op      uint8
	_       [3]byte
	_       uint32
	_, _    uint64
	number  uint64
	args    [6]uint64
	_       uint64
	padding [8]uint64
}

// syscall looks at a system call, before which the program may be killed.
func (p *tracee) syscall(thread int) {
	var info syscallInfo
	_, _, failed := syscall.Syscall6(syscall.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(thread), unsafe.Sizeof(info), uintptr(unsafe.Pointer(&info)), 0, 0)
	if failed != 0 || info.op != unix.PTRACE_SYSCALL_INFO_ENTRY {
		return
	}
	p.disk.at(p, info.number, info.args)
	if step := p.stepOf(info.number, info.args); step != "" {
		p.fate.at(step)
	}
}

// stepOf returns what a system call is a step of; "" for none.
func (p *tracee) stepOf(number uint64, args [6]uint64) string {
	switch number {
	case unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_LINKAT:
		return p.fileStep("a name for", args[3])
	case unix.SYS_UNLINKAT:
		return p.fileStep("the end of", args[1])
	case unix.SYS_WRITE:
		return p.moduleStep(p.text(args[1], int(min(args[2], 40))))
	}
	return ""
}

// fileStep is a step of the program's own files. What the module does with its own is in the
// middle of what the module does, and notes of PINs are pin-faults' to try.
func (p *tracee) fileStep(what string, address uint64) string {
	path := p.text(address, 4096)
	path, _, _ = strings.Cut(path, "\x00")
	if strings.Contains(path, "/.tokens/") || strings.Contains(path, "/.cache/") || strings.Contains(path, "/refusals/") || strings.HasSuffix(path, ".lock") {
		return ""
	}
	return what + " " + strings.TrimPrefix(path, p.work)
}

// moduleStep is told by what the shim writes into its log before each call.
func (p *tracee) moduleStep(line string) string {
	call := strings.TrimSpace(line)
	if !strings.HasPrefix(call, "C_") {
		return ""
	}
	if changed := p.changes; changed {
		p.changes = isLasting(call)
		return "after a change, before " + call
	}
	if p.changes = isLasting(call); p.changes {
		return "before " + call
	}
	return ""
}

// isLasting reports whether a call of the module makes or deletes something.
func isLasting(call string) bool {
	return call == "C_GenerateKeyPair" || call == "C_CreateObject" || call == "C_DestroyObject"
}

// text reads the program's memory, as far as it can be read, up to a size.
func (p *tracee) text(address uint64, size int) string {
	memory, err := os.Open("/proc/" + strconv.Itoa(p.pid) + "/mem")
	if err != nil {
		return ""
	}
	defer memory.Close()
	var text []byte
	for err == nil && len(text) < size {
		// Not across the end of a page, behind which there may be none.
		at := int64(address) + int64(len(text))
		piece := make([]byte, min(size-len(text), os.Getpagesize()-int(at)%os.Getpagesize()))
		var n int
		n, err = memory.ReadAt(piece, at)
		text = append(text, piece[:n]...)
	}
	return string(text)
}
