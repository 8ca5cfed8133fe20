//go:build cgo

package device

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/windows"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
)

// On Windows a process cannot say in words that a module has crashed in it: some crashes end it at once
// (__fastfail), a module may mean to handle others itself, and what is left the Go runtime reports, as
// the stacks of all goroutines with the exit code of a wrong call. So a command that opens modules is
// run by a second process, and the first says what became of it.

// reportVariable has the number of the pipe to the first process, in the second one.
const reportVariable = "ANAPLAN_AGENT_REPORT"

// endMark is what the second process reports when it ends by itself.
var endMark = []byte("\x00ended")

// report returns the pipe to the process that watches this one; nil in a process that is not watched.
// Programs that it starts are not.
var report = sync.OnceValue(func() *os.File {
	number, err := strconv.ParseUint(os.Getenv(reportVariable), 10, 64)
	os.Unsetenv(reportVariable)
	if err != nil {
		return nil
	}
	windows.SetHandleInformation(windows.Handle(number), windows.HANDLE_FLAG_INHERIT, 0)
	return os.NewFile(uintptr(number), "report")
})

// WatchModules makes a crash of a module an error in words. It returns in the process that is to go on;
// where there can be no second one, that is this one.
func WatchModules() {
	if pipe := report(); pipe != nil {
		// The runtime asks for these handles each time, and a module when it is loaded: what it prints
		// is not part of a result. os.Stdout and os.Stderr stay as they were.
		windows.SetStdHandle(windows.STD_OUTPUT_HANDLE, windows.Handle(pipe.Fd()))
		windows.SetStdHandle(windows.STD_ERROR_HANDLE, windows.Handle(pipe.Fd()))
		return
	}
	if code, err := runWatched(); err == nil {
		os.Exit(code)
	}
}

// WatchModulesOfSigner has nothing to do: the agent has started this process, and watches it.
func WatchModulesOfSigner() {}

// BeforeExit says that the program itself ends now, and not a module.
func BeforeExit(int) {
	if pipe := report(); pipe != nil {
		pipe.Write(endMark)
	}
}

// runWatched runs this command again, in a second process. It fails if that does not start.
func runWatched() (code int, err error) {
	read, write, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer read.Close()
	defer write.Close()
	if err := windows.SetHandleInformation(windows.Handle(write.Fd()), windows.HANDLE_FLAG_INHERIT, windows.HANDLE_FLAG_INHERIT); err != nil {
		return 0, err
	}
	command := &exec.Cmd{
		Path: build.Self(), Args: os.Args, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Env:         append(os.Environ(), reportVariable+"="+strconv.FormatUint(uint64(write.Fd()), 10)),
		SysProcAttr: &syscall.SysProcAttr{AdditionalInheritedHandles: []syscall.Handle{syscall.Handle(write.Fd())}},
	}
	signal.Ignore(os.Interrupt) // the console sends Ctrl-C to both
	if err := command.Start(); err != nil {
		return 0, err
	}
	write.Close()
	reported := make(chan []byte, 1)
	go func() {
		text, _ := io.ReadAll(read)
		reported <- text
	}()
	if err := command.Wait(); err != nil && !isExit(err) {
		return 0, err
	}
	select {
	case text := <-reported:
		return judge(uint32(command.ProcessState.ExitCode()), text), nil
	case <-time.After(reportDelay):
		return command.ProcessState.ExitCode(), nil
	}
}

// reportDelay is how long the report is waited for after the end: a program that a module has started
// may hold it open.
const reportDelay = time.Second

func isExit(err error) bool {
	_, ok := errors.AsType[*exec.ExitError](err)
	return ok
}

// judge says what became of the second process, and returns the exit code of this one.
func judge(code uint32, reported []byte) int {
	if bytes.Contains(reported, endMark) || code == uint32(windows.STATUS_CONTROL_C_EXIT) {
		return int(code)
	}
	// The words of the Go runtime for a fault in its own code, and of the program's.
	for _, begin := range []string{"panic: ", "fatal error: "} {
		if i := bytes.Index(reported, []byte(begin)); i >= 0 && !bytes.Contains(reported[:i], []byte(foreignFault)) {
			os.Stderr.Write(reported[i:])
			return int(code)
		}
	}
	what := "ended this program"
	if code >= failure || code == aborted || bytes.Contains(reported, []byte(foreignFault)) {
		what = "crashed, and took this program with it"
	}
	os.Stderr.WriteString("anaplan-agent: error: the PKCS#11 module " + what + "\n" +
		"anaplan-agent: hint: try again; if it stays so, ask the device's vendor for another version of the module\n")
	return 1
}

const (
	foreignFault = "Exception 0x" // begins the runtime's report of a fault in C
	failure      = 0xC0000000     // exit codes from here on are what ended a process ("NTSTATUS values", [MS-ERREF] 2.3.1)
	aborted      = 3              // by abort() of the C library
)

// modulesClose has nothing to do: a module that crashes while it closes ends the program, with what it
// has not delivered by then.
func modulesClose(bool) {}

// moduleDied reports nothing.
func moduleDied() bool { return false }

// modulesLeft has nothing to do, either.
func modulesLeft() {}
