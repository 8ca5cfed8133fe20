package daemon

import "os"

// notifyHangup passes on nothing: Windows has no such signal, and reload asks the agent instead.
// signal.Notify without a signal would pass on all of them, Ctrl-C as well.
func notifyHangup(chan<- os.Signal) {}
