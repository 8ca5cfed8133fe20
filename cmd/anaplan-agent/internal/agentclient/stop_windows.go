package agentclient

import (
	"time"

	"golang.org/x/sys/windows"
)

// awaitEnd waits until a process has ended, and reports whether it has. One that this user may not
// wait for has been asked, and that is all there is to know.
func awaitEnd(pid int, limit time.Duration) bool {
	process, err := windows.OpenProcess(windows.SYNCHRONIZE, false, uint32(pid))
	if err != nil {
		return true
	}
	defer windows.CloseHandle(process)
	event, err := windows.WaitForSingleObject(process, uint32(limit.Milliseconds()))
	return err == nil && event == windows.WAIT_OBJECT_0
}
