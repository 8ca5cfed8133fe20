// Package subprocess starts programs that must not inherit what this one has open.
package subprocess

import (
	"os/exec"
	"time"

	"github.com/anaplan-agent/anaplan-agent/hsm/owned"
)

// OutputDelay is how long a program's output is waited for after its end. What
// it leaves behind in the background (gpg-agent, for one) may hold the output open
// for ever.
const OutputDelay = time.Second

// Check refuses a program of the settings that other users can change. One that is not there is refused when
// it is started.
func Check(command *exec.Cmd) error {
	if command.Err != nil {
		return nil
	}
	return owned.Check(command.Path)
}
