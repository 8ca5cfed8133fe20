package daemon

import (
	"runtime"
	"time"
)

// tidyAfter is how long after a login or logout tokens that are of no use any more are
// overwritten: others may follow it.
const tidyAfter = time.Second

// tidy has tokens overwritten that nobody has any more, when no login has been made for a
// while. Collecting garbage does it (agent.Secret), which an agent that has nothing to do
// would not do by itself for minutes.
func (d *agentProcess) tidy() { d.tidying.Reset(tidyAfter) }

// newTidying returns the timer behind tidy; it has begun to run.
func newTidying() *time.Timer { return time.AfterFunc(tidyAfter, runtime.GC) }
