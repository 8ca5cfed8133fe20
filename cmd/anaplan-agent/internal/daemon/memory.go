package daemon

import (
	"runtime/debug"
	"time"
)

// tidyAfter is how long after a login or logout its memory is given back: others may
// follow it.
const tidyAfter = time.Second

// tidy gives back, when no login has been made for a while, what starting and logging in
// took and waiting does not need: an agent does nothing most of the time. A token that
// nobody has any more is overwritten then.
func (d *agentProcess) tidy() { d.tidying.Reset(tidyAfter) }

// newTidying returns the timer behind tidy; it has begun to run.
func newTidying() *time.Timer {
	return time.AfterFunc(tidyAfter, func() {
		debug.FreeOSMemory()
		forgetCode()
	})
}
