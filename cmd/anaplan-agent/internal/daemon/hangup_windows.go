package daemon

import (
	"os"
)

// hangup is no signal of Windows: reload asks the agent instead.
var hangup []os.Signal
