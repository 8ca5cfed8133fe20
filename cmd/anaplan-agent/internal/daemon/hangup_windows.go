package daemon

import (
	"os"
)

// hangup is empty: Windows has no such signal, and reload asks the agent instead.
var hangup []os.Signal
