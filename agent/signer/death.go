package signer

import (
	"fmt"
	"os"
	"slices"
	"syscall"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
)

// postMortem is the problem of a child that ended without a result. A state of nil is one
// that does not end.
func (c *child) postMortem(state *os.ProcessState) *agent.Problem {
	if state == nil {
		return cannotEnd(c.cmd.Process.Pid)
	}
	return explain(state, c.remarks)
}

// cannotEnd is the problem of a device that a child holds which no kill ends.
func cannotEnd(pid int) *agent.Problem {
	problem := failure(fmt.Sprintf("a signer process for this device cannot be ended (process %d); it waits for a driver in the kernel", pid),
		"unplug the device and plug it in again; if the process stays, restart the machine",
		fmt.Sprintf("the device is used again as soon as there is no process %d", pid))
	problem.Human = true
	return problem
}

// endings are the signals that come from outside. All others come from a mistake.
var endings = []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP}

// ntError is where the exit codes begin by which Windows tells of a crash, such as
// 0xC0000005 for an access violation ([MS-ERREF] 2.3: severity error).
const ntError = 0xC000_0000

// explain tells a crash from an end that was brought about. A library that crashes ends the
// process by a signal, or Go's runtime does with a report and exit status 2, as it does after
// a mistake of the program itself.
func explain(state *os.ProcessState, said *remarks) *agent.Problem {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		if slices.Contains(endings, status.Signal()) {
			return killed(state)
		}
		return crashed(state.String())
	}
	code, report := state.ExitCode(), said.crash()
	switch {
	case uint32(code) >= ntError:
		return crashed(state.String())
	case report != "":
		return crashed(fmt.Sprintf("%v, %s", state, report))
	case code == 2:
		return failure(fmt.Sprintf("the signer process crashed (%v) by a mistake of this program, or of the PKCS#11 module in it", state),
			hintLastWords, hintVersion)
	}
	return failure(fmt.Sprintf("the signer process ended without a result (%v); it did not crash: it stopped itself, or the PKCS#11 module stopped it", state),
		hintLastWords, hintVersion)
}

// Hints for a child that died.
const (
	hintLastWords = "the agent's log has the last words of the signer process"
	hintVersion   = "try again; if it stays so, see whether the device's vendor has another version of the module"
)

func crashed(how string) *agent.Problem {
	return failure(fmt.Sprintf("the PKCS#11 module or the smart card library crashed (%s); it took only the signer process with it", how),
		hintLastWords, hintVersion)
}

func killed(state *os.ProcessState) *agent.Problem {
	return failure(fmt.Sprintf("the signer process was ended from outside before it had a result (%v)", state),
		"try again; if it stays so, "+remedy.Here().WhyEnded())
}
