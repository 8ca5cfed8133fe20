//go:build cgo

package device

/*
#include <windows.h>

extern IMAGE_DOS_HEADER __ImageBase; // where the program itself lies; ld says so

extern volatile int module_closing, module_died, module_lost; // crash_marks.go

static int isOurs(const char *at) {
	const char *begin = (const char *)&__ImageBase;
	const IMAGE_NT_HEADERS *headers = (const void *)(begin + __ImageBase.e_lfanew);
	return at >= begin && at < begin + headers->OptionalHeader.SizeOfImage;
}

static int isFault(DWORD code) {
	return code == EXCEPTION_ACCESS_VIOLATION || code == EXCEPTION_IN_PAGE_ERROR || code == EXCEPTION_DATATYPE_MISALIGNMENT ||
		code == EXCEPTION_ILLEGAL_INSTRUCTION || code == EXCEPTION_PRIV_INSTRUCTION || code == EXCEPTION_INT_DIVIDE_BY_ZERO;
}

// A module that dies while it closes takes no more than its thread with it: all that was wanted of it
// is done, and the other threads have that to deliver. A fault that it means to handle itself is taken
// for one that it dies of, which then costs a warning.
static LONG CALLBACK faulted(EXCEPTION_POINTERS *what) {
	const EXCEPTION_RECORD *record = what->ExceptionRecord;
	if (!module_closing || !isFault(record->ExceptionCode) || isOurs(record->ExceptionAddress)) return EXCEPTION_CONTINUE_SEARCH;
	__atomic_store_n(&module_died, 1, __ATOMIC_SEQ_CST);
	__atomic_store_n(&module_lost, 1, __ATOMIC_SEQ_CST);
	for (;;) Sleep(INFINITE);
}

// The Go runtime's handler is asked before this one, and keeps what is Go's.
static void watch(void) {
	static int watches;
	if (!watches++) AddVectoredExceptionHandler(0, faulted);
}

// A thread that was left in a module may hold the loader's lock, which ExitProcess wants.
static void end(int code) {
	if (module_lost) TerminateProcess(GetCurrentProcess(), code);
}
*/
import "C"

import (
	"bytes"
	"errors"
	"fmt"
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

// What the second process reports: that its work is done and delivered, and that it ends by itself,
// with the exit code behind the mark and a line's end behind that.
const (
	doneMark = "\x00done\n"
	endMark  = "\x00ended "
)

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
// where there can be no second one, that is this one. It may be called again. What was said before is
// said by both.
func WatchModules() {
	if pipe := report(); pipe != nil {
		C.watch()
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

// workDone says that from now on nothing is lost with this process.
func workDone() {
	if pipe := report(); pipe != nil {
		pipe.WriteString(doneMark)
	}
}

// BeforeExit says that the program itself ends now, and not a module. If a module has not closed,
// it ends the program with that exit code.
func BeforeExit(code int) {
	if pipe := report(); pipe != nil {
		fmt.Fprintf(pipe, "%s%d\n", endMark, code)
	}
	C.end(C.int(code))
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
	marked, reported := make(chan struct{}), make(chan []byte, 1)
	go readReport(read, marked, reported)
	if err := awaitEnd(command, marked); err != nil && !isExit(err) {
		return 0, err
	}
	select {
	case text := <-reported:
		return judge(uint32(command.ProcessState.ExitCode()), text), nil
	case <-time.After(reportDelay):
		return command.ProcessState.ExitCode(), nil
	}
}

// readReport reads the whole report. It closes marked when the second process ends by itself.
func readReport(from io.Reader, marked chan<- struct{}, reported chan<- []byte) {
	var text []byte
	isMarked, part := false, make([]byte, 4096)
	for {
		n, err := from.Read(part)
		text = append(text, part[:n]...)
		if !isMarked && bytes.Contains(text, []byte(endMark)) {
			isMarked = true
			close(marked)
		}
		if err != nil {
			reported <- text
			return
		}
	}
}

// awaitEnd waits for the second process. One that ends by itself, and is held up by a library that ends
// with it, is killed: all that it had to do is done.
func awaitEnd(command *exec.Cmd, marked <-chan struct{}) error {
	ended := make(chan error, 1)
	go func() { ended <- command.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-marked:
	}
	select {
	case err := <-ended:
		return err
	case <-time.After(CloseTimeout):
		command.Process.Kill()
		return <-ended
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
	if _, end, ended := bytes.Cut(reported, []byte(endMark)); ended { // whatever libraries did to the process then
		text, _, _ := bytes.Cut(end, []byte("\n"))
		if own, err := strconv.Atoi(string(text)); err == nil {
			return own
		}
	}
	if code == uint32(windows.STATUS_CONTROL_C_EXIT) {
		return int(code)
	}
	// The words of the Go runtime for a fault in its own code, and of the program's.
	for _, begin := range []string{"panic: ", "fatal error: "} {
		if i := bytes.Index(reported, []byte(begin)); i >= 0 && !bytes.Contains(reported[:i], []byte(foreignFault)) {
			os.Stderr.Write(reported[i:])
			return int(code)
		}
	}
	if bytes.Contains(reported, []byte(doneMark)) {
		os.Stderr.WriteString("anaplan-agent: warning: the PKCS#11 module crashed while it closed; its work is done\n")
		return 0
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

// closesEarly: what ends a process at once, as damage to its heap does, cannot be held up here. So a
// module closes when the work is done, and not while a login is under way.
const closesEarly = false
