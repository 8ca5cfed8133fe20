package local

import (
	"errors"
	"fmt"
	"net"
	"runtime"

	"golang.org/x/sys/windows"
)

// PeerOf asks Windows who has opened the other end of a pipe. That a client cannot feign: it is the
// token of the process, or of the thread, from the moment when it connected.
func PeerOf(conn net.Conn) (Peer, error) {
	pipe, err := handleOf(conn)
	if err != nil {
		return Peer{}, err
	}
	token, err := tokenOf(pipe)
	if err != nil {
		return Peer{}, fmt.Errorf("asking Windows who is at the other end: %w", err)
	}
	defer token.Close()
	user, err := token.GetTokenUser()
	if err != nil {
		return Peer{}, fmt.Errorf("asking Windows who is at the other end: %w", err)
	}
	groups, err := token.GetTokenGroups()
	if err != nil {
		return Peer{}, fmt.Errorf("asking Windows for the groups of %s: %w", user.User.Sid, err)
	}
	peer := Peer{UID: Nobody, GID: Nobody, SID: user.User.Sid.String(), SIDs: enabled(groups)}
	var pid uint32
	if windows.GetNamedPipeClientProcessId(pipe, &pid) == nil {
		peer.PID = int(pid) // it is for logs only
	}
	peer.executable = &executable{pid: peer.PID}
	return peer, nil
}

// enabled returns the groups that give rights: not those which Windows holds back until the user has
// agreed, as that of administrators.
func enabled(groups *windows.Tokengroups) (sids []string) {
	for _, group := range groups.AllGroups() {
		if group.Attributes&windows.SE_GROUP_ENABLED != 0 && group.Attributes&windows.SE_GROUP_USE_FOR_DENY_ONLY == 0 {
			sids = append(sids, group.Sid.String())
		}
	}
	return sids
}

// handleOf returns the handle of a connection by a pipe.
func handleOf(conn net.Conn) (windows.Handle, error) {
	pipe, ok := conn.(interface{ Fd() uintptr })
	if !ok {
		return 0, fmt.Errorf("Windows knows nobody at the other end of %T", conn)
	}
	return windows.Handle(pipe.Fd()), nil
}

// tokenOf returns what Windows knows of who is at the other end of a pipe. For a moment a thread is
// that user, so it does nothing else; one that cannot be itself again ends with its goroutine.
func tokenOf(pipe windows.Handle) (token windows.Token, err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if err = impersonate(pipe); err == nil {
			err = windows.OpenThreadToken(windows.CurrentThread(), windows.TOKEN_QUERY, true, &token)
		}
		if windows.RevertToSelf() == nil {
			runtime.UnlockOSThread()
		}
	}()
	<-done
	if errors.Is(err, windows.ERROR_CANT_OPEN_ANONYMOUS) || errors.Is(err, windows.ERROR_CANNOT_IMPERSONATE) {
		err = fmt.Errorf("its program does not let itself be identified: it must open the pipe with SECURITY_SQOS_PRESENT and SECURITY_IDENTIFICATION (%w)", err)
	}
	return token, err
}

// impersonate makes this thread the user at the other end of a pipe.
func impersonate(pipe windows.Handle) error {
	function := windows.NewLazySystemDLL("advapi32.dll").NewProc("ImpersonateNamedPipeClient")
	if ok, _, err := function.Call(uintptr(pipe)); ok == 0 {
		return err
	}
	return nil
}

// Self is this user, as [Peer.User] has it; "" if Windows does not say.
func Self() string {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		return ""
	}
	return user.User.Sid.String()
}

// root is the user that may do everything: the system itself.
const root = "S-1-5-18"

// executableOf returns the program of a process, "" without the right to see it.
func executableOf(pid int) string {
	process, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return ""
	}
	defer windows.CloseHandle(process)
	path := make([]uint16, windows.MAX_LONG_PATH)
	size := uint32(len(path))
	if windows.QueryFullProcessImageName(process, 0, &path[0], &size) != nil {
		return ""
	}
	return windows.UTF16ToString(path[:size])
}
