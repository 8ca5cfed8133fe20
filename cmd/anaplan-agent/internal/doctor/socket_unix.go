//go:build unix

package doctor

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/service"
	"github.com/anaplan-agent/anaplan-agent/hsm/owned"
)

// checkSocket looks at a socket and its directory, and reports whether an agent listens
// there that this user can ask.
func (a *runningAgent) checkSocket(socket string, chosen bool) bool {
	info, err := os.Lstat(socket)
	if err != nil {
		if chosen || !paths.IsMissing(err) {
			a.checkSocketDirectory(socket)
		}
		return false
	}
	if info.Mode().Type() != fs.ModeSocket {
		a.fail("agent.socket", "remove it, or choose another path: socket = \"PATH\" under [agent]", "%s is not a socket, and takes the place of the agent's", socket)
		return false
	}
	safe := a.checkSocketDirectory(socket)
	switch err := agentclient.CheckSocket(socket); {
	case errors.Is(err, agentclient.ErrNotShared):
		a.warn("agent.socket", agentclient.WayIn(socket),
			"an agent's socket is at %s, and this user may not connect to it", socket)
		return false
	case err != nil:
		a.warn("agent.socket", build.Program+" serve starts an agent, which replaces it; of a service see why it ended: "+build.Program+" doctor, agent.unit",
			"%s was left behind by an agent that has ended: nobody listens there", socket)
		return false
	}
	switch {
	case safe && info.Mode().Perm()&0o077 != 0 && !a.shared && !isSystemSocket(socket):
		a.warn("agent.socket", "chmod 600 "+shell.Quote(socket)+`, or share_socket = "yes" under [agent] if that is meant`,
			"other users can connect to %s (mode %04o), which share_socket does not say", socket, info.Mode().Perm())
	case safe:
		a.ok("agent.socket", "only its agent can have put %s there", socket)
	}
	return safe // else it may be anybody who listens
}

// isGiven reports whether root has given a directory to its owner, so that commands of other users
// than root ask that user's agent.
func isGiven(directory string, info fs.FileInfo) bool {
	return os.Geteuid() != 0 && owned.CheckPlace(directory, local.OwnerOf(info)) == nil
}

// isSystemSocket reports whether a socket is the machine's, whose mode is systemd's.
func isSystemSocket(socket string) bool {
	return socket == paths.SystemSocket() || socket == service.DaemonSocket
}

// checkSocketDirectory looks at the directory of a socket by the agent's own rules, and
// reports whether it keeps them.
func (a *runningAgent) checkSocketDirectory(socket string) bool {
	const otherPath = `choose another path: socket = "PATH" under [agent]`
	directory := filepath.Dir(socket)
	info, err := os.Stat(directory)
	switch {
	case paths.IsMissing(err):
		return true // the agent makes it
	case err != nil:
		a.fail("agent.socket", otherPath, "the directory of the socket cannot be looked at: %v", err)
	case !info.IsDir():
		a.fail("agent.socket", otherPath, "%s is not a directory, so the socket cannot be in it", directory)
	case paths.IsSomebodyElses(info) && !isSystemSocket(socket) && !isGiven(directory, info):
		a.fail("agent.socket", "choose a directory of your own: socket = \"PATH\" under [agent]", "%s belongs to another user, who can put another socket there", directory)
	case paths.OthersMayWrite(info):
		a.fail("agent.socket", "chmod go-w "+shell.Quote(directory), "others can write to %s and replace the socket; the agent refuses to start like this", directory)
	default:
		return true
	}
	return false
}
