package processgroup

import (
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Group is a program that was started, and what it has started.
type Group struct {
	mu  sync.Mutex
	job windows.Handle // 0: it is closed
}

// Start starts a command as the first of a group. It sets the command's SysProcAttr.
//
// The program does nothing before it is in the job: what it starts then is in it, too.
func Start(cmd *exec.Cmd) (*Group, error) {
	job, err := newJob(windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE)
	if err != nil {
		return nil, err
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: windows.CREATE_SUSPENDED}
	if err := cmd.Start(); err != nil {
		windows.CloseHandle(job)
		return nil, err
	}
	if err := begin(cmd, job); err != nil {
		cmd.Process.Kill()
		windows.CloseHandle(job)
		cmd.Wait()
		return nil, fmt.Errorf("%s cannot be put into a job: %w", cmd.Path, err)
	}
	return &Group{job: job}, nil
}

// Kill ends the program and all that it has started. It may be called again.
func (g *Group) Kill() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.job == 0 {
		return
	}
	windows.TerminateJobObject(g.job, killed)
	windows.CloseHandle(g.job)
	g.job = 0
}

// Close lets go of a group whose program was waited for. What is left of it ends.
func (g *Group) Close() { g.Kill() }

// killed is the exit code of what was ended, as os.Process.Kill has it.
const killed = 1

// Bind has all that this process starts from here on end with it, however it ends: by a crash, or
// the Task Manager. After release, which is for a process that ends by itself, what is left goes on.
// Programs that ask to leave the job may. Where there can be no job, it does nothing.
func Bind() (release func()) {
	const limits = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | windows.JOB_OBJECT_LIMIT_BREAKAWAY_OK
	job, err := newJob(limits)
	if err != nil {
		return func() {}
	}
	if windows.AssignProcessToJobObject(job, windows.CurrentProcess()) != nil {
		windows.CloseHandle(job)
		return func() {}
	}
	// The handle is never closed but by the end of the process, which it would end.
	return func() { limit(job, limits&^windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE) }
}

// StartApart starts a command that goes on when this process ends, however it ends, and that neither
// Ctrl-C nor the end of the window is for. It sets the command's SysProcAttr. In somebody else's job
// that nothing may leave it stays, and ends with that.
func StartApart(cmd *exec.Cmd) error {
	const apart = windows.DETACHED_PROCESS | windows.CREATE_NEW_PROCESS_GROUP
	within := *cmd // a command can be started once
	cmd.SysProcAttr = &syscall.SysProcAttr{CreationFlags: apart | windows.CREATE_BREAKAWAY_FROM_JOB}
	err := cmd.Start()
	if errors.Is(err, windows.ERROR_ACCESS_DENIED) {
		within.SysProcAttr = &syscall.SysProcAttr{CreationFlags: apart}
		*cmd = within
		err = cmd.Start()
	}
	return err
}

// newJob makes a job with limits.
func newJob(limits uint32) (windows.Handle, error) {
	job, err := windows.CreateJobObject(nil, nil) // no program inherits it
	if err != nil {
		return 0, fmt.Errorf("making a job: %w", err)
	}
	if err := limit(job, limits); err != nil {
		windows.CloseHandle(job)
		return 0, fmt.Errorf("limiting a job: %w", err)
	}
	return job, nil
}

// limit sets the limits of a job.
func limit(job windows.Handle, limits uint32) error {
	var info windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	info.BasicLimitInformation.LimitFlags = limits
	_, err := windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation,
		uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)))
	return err
}

// begin puts a process into a job and lets it run.
func begin(cmd *exec.Cmd, job windows.Handle) error {
	var assigned error
	err := cmd.Process.WithHandle(func(process uintptr) {
		assigned = windows.AssignProcessToJobObject(job, windows.Handle(process))
	})
	return errors.Join(err, assigned, resume(uint32(cmd.Process.Pid)))
}

// resume lets the one thread of a process run that was started suspended: os/exec has closed its
// handle.
func resume(process uint32) error {
	threads, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPTHREAD, 0)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(threads)
	entry := windows.ThreadEntry32{}
	entry.Size = uint32(unsafe.Sizeof(entry))
	for err = windows.Thread32First(threads, &entry); err == nil; err = windows.Thread32Next(threads, &entry) {
		if entry.OwnerProcessID == process {
			return resumeThread(entry.ThreadID)
		}
	}
	return err
}

func resumeThread(id uint32) error {
	thread, err := windows.OpenThread(windows.THREAD_SUSPEND_RESUME, false, id)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(thread)
	_, err = windows.ResumeThread(thread)
	return err
}
