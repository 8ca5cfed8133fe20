package subprocess

import "os/exec"

// StartSealed starts command; Windows passes on no handle that is not named, and
// os/exec names the three standard ones.
func StartSealed(command *exec.Cmd) error { return command.Start() }
