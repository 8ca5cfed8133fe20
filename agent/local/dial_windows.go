package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"strings"
	"time"
	"unsafe"

	"github.com/Microsoft/go-winio"
	"golang.org/x/sys/windows"
)

// pipes is where the named pipes of this machine are. Those of others have the other one's name in
// the place of the dot.
const pipes = `\\.\pipe\`

// IsPipe reports whether a text names a pipe of this machine.
func IsPipe(text string) bool {
	return len(text) > len(pipes) && strings.EqualFold(text[:len(pipes)], pipes)
}

// Access is what a client asks of the pipe: to read, to write, and to see whose it is. GENERIC_WRITE
// has the right to make an instance of the pipe in it, and so to be taken for the agent.
const Access = windows.FILE_GENERIC_READ | windows.FILE_GENERIC_WRITE&^windows.FILE_APPEND_DATA

// Dial connects to whoever listens at a pipe. The other end gets to know who this is, and no right to
// do anything as this user. While all instances of the pipe are taken it waits, until ctx ends.
func Dial(ctx context.Context, pipe string) (net.Conn, error) {
	if !IsPipe(pipe) {
		return nil, fmt.Errorf("%q is not a named pipe of this machine: write it as %sNAME", pipe, pipes)
	}
	return winio.DialPipeAccessImpLevel(ctx, pipe, Access, winio.PipeImpLevelIdentification)
}

// Knock returns nil if somebody listens at a pipe, also if all instances of it are taken.
func Knock(pipe string) error {
	const patience = 200 * time.Millisecond
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := Dial(ctx, pipe)
	if err == nil {
		conn.Close()
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return nil
	}
	return err
}

// connect waits while the agent is busy.
func (c *Client) connect(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, busyPatience, errTooMany)
	defer cancel()
	conn, err := Dial(ctx, c.socket)
	switch {
	case err == nil:
		return conn, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case errors.Is(err, fs.ErrNotExist):
		return nil, fmt.Errorf("%w: there is no pipe %s", ErrNotRunning, c.socket)
	}
	return nil, err
}

// check refuses an agent of somebody else's, for it would be sent PINs.
func (c *Client) check(conn net.Conn, _ bool) error { return checkServer(conn, c.socket) }

// CheckServer returns an error if somebody listens at a pipe who is not trusted; nil if nobody does.
func CheckServer(pipe string) error {
	ctx, cancel := context.WithTimeout(context.Background(), busyPatience)
	defer cancel()
	conn, err := Dial(ctx, pipe)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer conn.Close()
	return checkServer(conn, pipe)
}

// checkServer refuses a pipe that is made by anybody but this user, the system, an administrator or
// the service. Who owns a pipe is who made its first instance, and only the owner lets others make
// more of them.
func checkServer(conn net.Conn, pipe string) error {
	handle, err := handleOf(conn)
	if err != nil {
		return err
	}
	descriptor, err := windows.GetSecurityInfo(handle, windows.SE_KERNEL_OBJECT, windows.OWNER_SECURITY_INFORMATION|windows.LABEL_SECURITY_INFORMATION)
	if err != nil {
		return fmt.Errorf("asking Windows whose the pipe %s is: %w", pipe, err)
	}
	owner, _, err := descriptor.Owner()
	if err != nil || owner == nil {
		return fmt.Errorf("the pipe %s has no owner, so it is not spoken to", pipe)
	}
	if isSandboxed(descriptor) {
		return fmt.Errorf("the pipe %s was made by a program that Windows does not let change anything of yours, as a browser's parts (of low integrity), so it is not spoken to: end the program%s", pipe, serverProcess(handle))
	}
	if isTrusted(owner.String()) {
		return nil
	}
	return fmt.Errorf("the pipe %s belongs to %s, who is neither you nor an administrator nor the service %s, so it is not spoken to: "+
		"have an administrator end the program%s, or choose another pipe for the agent: socket = '%sNAME' under [agent]",
		pipe, NameOf(owner.String()), serviceName, serverProcess(handle), pipes)
}

// isSandboxed reports whether what has the descriptor was made by a program of low integrity. Its user
// is the owner all the same. Windows labels only what such a program makes, and lets nobody label
// anything higher than themselves ("Mandatory Integrity Control", Win32).
func isSandboxed(descriptor *windows.SECURITY_DESCRIPTOR) bool {
	labels, _, err := descriptor.SACL()
	if err != nil || labels == nil {
		return false // there is none
	}
	for i := range uint32(labels.AceCount) {
		var entry *windows.ACCESS_ALLOWED_ACE
		if windows.GetAce(labels, i, &entry) != nil {
			return true
		}
		if entry.Header.AceType != mandatoryLabel {
			continue
		}
		level := (*windows.SID)(unsafe.Pointer(&entry.SidStart))
		if count := level.SubAuthorityCount(); count == 0 || level.SubAuthority(uint32(count)-1) < mediumIntegrity {
			return true
		}
	}
	return false
}

const (
	mandatoryLabel  = 0x11   // SYSTEM_MANDATORY_LABEL_ACE_TYPE (winnt.h)
	mediumIntegrity = 0x2000 // SECURITY_MANDATORY_MEDIUM_RID: what programs have
)

// serverProcess says which process has a pipe, as far as Windows tells that.
func serverProcess(pipe windows.Handle) string {
	var pid uint32
	if windows.GetNamedPipeServerProcessId(pipe, &pid) != nil {
		return " that has made it"
	}
	return fmt.Sprintf(" that has made it (process %d)", pid)
}

// isTrusted reports whether an agent of that user may be sent a PIN.
func isTrusted(user string) bool {
	return user == administrators || user == serviceSID(serviceName) || MayEverything(user)
}

// isLocked is false: no other program can remove a pipe.
func isLocked(string) bool { return false }
