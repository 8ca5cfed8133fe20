// Package subprocess starts programs that must not inherit what this one has open.
package subprocess

import "time"

// OutputDelay is how long a program's output is waited for after its end. What
// it leaves behind in the background (gpg-agent, for one) may hold the output open
// for ever.
const OutputDelay = time.Second
