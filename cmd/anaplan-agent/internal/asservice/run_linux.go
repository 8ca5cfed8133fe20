package asservice

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/foreign"
)

// Run replaces this process by this program with the arguments, as systemd runs the service of that name.
// It returns only if that fails.
func Run(name string, args []string, say *console.Messenger) error {
	if os.Geteuid() != 0 {
		return ErrNotRoot
	}
	unit, err := Ask(name)
	if err != nil {
		return err
	}
	if err := unit.refused(); err != nil {
		return err
	}
	unit.tell(say)
	program, err := os.Executable()
	if err != nil {
		return err
	}
	holder, err := unit.hold()
	if err != nil {
		return err
	}
	who, err := identityOf(holder.pid)
	if err != nil {
		return err
	}
	runtime.LockOSThread() // the program that this process becomes is this thread's, and has what it has
	if err := who.become(); err != nil {
		return err
	}
	if err := who.move(say); err != nil {
		return err
	}
	if err := foreign.Restore(); err != nil {
		return err
	}
	if err := holder.handOver(); err != nil {
		return err
	}
	err = syscall.Exec(program, append([]string{program}, args...), lastOfEach(slices.Concat(passedOn(), who.env, []string{Variable + "=yes"})))
	return fmt.Errorf("%s cannot be run by the user %s, as it must be for the service, too: %w", program, who.name(), err)
}

// tell says in what the command is not as the service.
func (u *Unit) tell(say *console.Messenger) {
	if u.is("NeedDaemonReload") {
		say.Note("the files of %s have changed, and systemd goes by what they were: systemctl daemon-reload", u.Name)
	}
	for _, setting := range u.missing() {
		say.Note("%s has %s=, which this command goes without", u.Name, setting)
	}
}

// holder is a process that systemd has started with what the service has. It ends, and with it its
// credentials, when nobody has the pipe any more.
type holder struct {
	pid  int
	pipe *os.File
}

// hold has systemd start one. Users, groups, variables, directories and credentials of every kind are
// systemd's to read, make and mount: it does for this process what it does for the service.
func (u *Unit) hold() (*holder, error) {
	read, pipe, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	name := fmt.Sprintf("asservice%d.service", os.Getpid()) // without a dash, so that no drop-in is for such names
	undo, err := withoutCommonDropIns(name)
	if err != nil {
		return nil, err
	}
	defer undo()
	// The first field of the first line is its number; then it waits for the end of the pipe.
	words := slices.Concat([]string{"--quiet", "--collect", "--pipe", "--unit=" + name, "--description=as-service " + u.Name}, u.arguments(), []string{"--", "/bin/cat", "/proc/self/stat", "-"})
	start := exec.Command(runProgram, words...)
	var complaint bytes.Buffer
	start.Env, start.Stdin, start.Stderr = []string{}, read, &complaint
	start.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // what is typed at the terminal is not for it
	answer, err := start.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := start.Start(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAsking, err)
	}
	line, err := bufio.NewReader(answer).ReadString('\n')
	first, _, _ := strings.Cut(line, " ")
	pid, _ := strconv.Atoi(first)
	if err == nil && pid > 0 {
		return &holder{pid, pipe}, nil
	}
	io.Copy(io.Discard, answer)
	return nil, u.notStarted(start.Wait(), strings.TrimSpace(complaint.String()))
}

// withoutCommonDropIns keeps the drop-ins for all services (service.d) off one that is about to start. What it
// is given has them already, in their turn, which is before a unit's own. systemd reads them once.
func withoutCommonDropIns(name string) (undo func(), err error) {
	dir := filepath.Join(systemsDirectory, name+".d")
	undo = func() { os.RemoveAll(dir) }
	for _, units := range unitDirectories {
		found, _ := filepath.Glob(filepath.Join(units, "service.d", "*.conf"))
		for _, path := range found {
			if err := errors.Join(os.MkdirAll(dir, 0o755), os.Symlink(os.DevNull, filepath.Join(dir, filepath.Base(path)))); err != nil && !errors.Is(err, fs.ErrExist) {
				undo()
				return nil, err
			}
		}
	}
	return undo, nil
}

// notStarted says why systemd starts nothing as the service: by the exit code, as it says of services
// (systemd.exec(5)), and in the journal.
func (u *Unit) notStarted(err error, complaint string) error {
	exit, ok := errors.AsType[*exec.ExitError](err)
	what := map[int]string{216: "groups", 217: "user " + u.User(), 233: "runtime directory", 238: "state directory",
		239: "cache directory", 240: "directory of logs", 241: "configuration directory", 243: "credentials (" + strings.Join(u.Credentials(), ", ") + ")"}
	if ok && what[exit.ExitCode()] != "" {
		return fmt.Errorf("systemd cannot give a command the %s of %s; journalctl -n 20 says why", what[exit.ExitCode()], u.Name)
	}
	return fmt.Errorf("systemd cannot start anything as %s (%v): %s", u.Name, err, complaint)
}

// handOver leaves the pipe, and nothing else that root's shell has open, to the program that this process
// becomes. Kernels before 5.11 cannot say so, and sudo has closed it.
func (h *holder) handOver() error {
	unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	_, err := unix.FcntlInt(h.pipe.Fd(), unix.F_SETFD, 0)
	return err
}

// identity is what a process is and has.
type identity struct {
	uid, gid int
	groups   []int
	env      []string
}

// identityOf returns what systemd has made of a process.
func identityOf(pid int) (*identity, error) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return nil, err
	}
	environ, err := os.ReadFile(filepath.Join(dir, "environ"))
	if err != nil {
		return nil, err
	}
	numbers := map[string][]int{}
	for line := range strings.Lines(string(status)) {
		name, values, _ := strings.Cut(line, ":")
		for _, value := range strings.Fields(values) {
			if number, err := strconv.Atoi(value); err == nil {
				numbers[name] = append(numbers[name], number)
			}
		}
	}
	if len(numbers["Uid"]) == 0 || len(numbers["Gid"]) == 0 {
		return nil, fmt.Errorf("%s/status names no user", dir)
	}
	who := &identity{uid: numbers["Uid"][0], gid: numbers["Gid"][0], groups: numbers["Groups"]}
	for entry := range strings.SplitSeq(strings.TrimSuffix(string(environ), "\x00"), "\x00") {
		if name, _, _ := strings.Cut(entry, "="); !slices.Contains(holdersOwn, name) {
			who.env = append(who.env, entry)
		}
	}
	return who, nil
}

// holdersOwn are variables that are about the holder alone.
var holdersOwn = []string{"INVOCATION_ID", "JOURNAL_STREAM", "SYSTEMD_EXEC_PID", "MEMORY_PRESSURE_WATCH", "MEMORY_PRESSURE_WRITE"}

// variable returns one of the variables.
func (who *identity) variable(name string) string {
	for _, entry := range who.env {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// name returns the user, for messages.
func (who *identity) name() string { return who.variable("USER") }

// become gives this process the user, for good.
func (who *identity) become() error {
	for _, step := range []func() error{
		func() error { return syscall.Setgroups(who.groups) },
		func() error { return syscall.Setgid(who.gid) },
		func() error { return syscall.Setuid(who.uid) },
		func() error { return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) },
	} {
		if err := step(); err != nil {
			return fmt.Errorf("becoming the user %s: %w", who.name(), err)
		}
	}
	syscall.Umask(0o077)
	return nil
}

// move leaves a directory that the user may not see.
func (who *identity) move(say *console.Messenger) error {
	if unix.Access(".", unix.X_OK) == nil {
		return nil
	}
	dir := who.variable("HOME")
	if os.Chdir(dir) != nil {
		dir = "/"
		if err := os.Chdir(dir); err != nil {
			return err
		}
	}
	say.Note("files are read and written in %s, since the user %s may not see this directory; hand others over by < and >", dir, who.name())
	return nil
}

// passedOn returns what of this process's variables is about the terminal and the language. Nothing
// else of root's is the service's.
func passedOn() (env []string) {
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if slices.Contains([]string{"TERM", "COLORTERM", "NO_COLOR", "LANG", "LANGUAGE", "TZ"}, name) || strings.HasPrefix(name, "LC_") {
			env = append(env, entry)
		}
	}
	return env
}

// lastOfEach returns the variables with the last value of each: a program would take the first.
func lastOfEach(env []string) []string { return (&exec.Cmd{Env: env}).Environ() }
