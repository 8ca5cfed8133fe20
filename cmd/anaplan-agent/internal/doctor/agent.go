package doctor

// The agent: whether one runs and can be reached, how it does, and whether its files can be
// written. Whether systemd starts it is in unit.go.

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/locked"
	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/agent/sink"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/daemon"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/service"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/subprocess"
)

// statusTimeout is how long the agent is waited for. It answers from memory.
const statusTimeout = 5 * time.Second

// checkAgent looks at the agent and its files. Without a configuration it looks where an
// agent usually is.
func (x *examination) checkAgent() {
	socket := ""
	if x.agent != nil {
		socket = x.agent.Socket
	}
	if socket == "none" {
		x.skip("agent.running", `socket is "none", so there is no agent to ask`)
	} else {
		x.checkSockets(socket)
	}
	x.checkUnits()
	x.checkState()
	x.checkMemory()
	if x.agent != nil && x.agent.AuditFile != "" {
		x.checkAuditFile(x.agent.AuditFile)
	}
	if x.profile != nil && x.profile.TokenFile != "" {
		x.checkTokenFile()
	}
}

// checkSockets looks for an agent at a socket; "": at the usual ones.
func (x *examination) checkSockets(chosen string) {
	sockets := paths.UsualSockets()
	if chosen != "" {
		sockets = []string{chosen}
	}
	for _, socket := range sockets {
		if x.checkSocket(socket, chosen != "") {
			x.askStatus(socket)
			return
		}
	}
	if !x.hasErrors("agent.socket") {
		x.info("agent.running", build.Program+" serve starts one; "+build.Program+" service install has systemd or launchd do it",
			"no agent runs, so each command logs in by itself (looked at %s)", strings.Join(sockets, ", "))
	}
}

// checkSocket looks at a socket and its directory, and reports whether an agent listens
// there that this user can ask.
func (x *examination) checkSocket(socket string, chosen bool) bool {
	info, err := os.Lstat(socket)
	if err != nil {
		if chosen || !paths.IsMissing(err) {
			x.checkSocketDirectory(socket)
		}
		return false
	}
	if info.Mode().Type() != fs.ModeSocket {
		x.fail("agent.socket", "remove it, or choose another path: socket = \"PATH\" under [agent]", "%s is not a socket, and takes the place of the agent's", socket)
		return false
	}
	safe := x.checkSocketDirectory(socket)
	switch err := agentclient.CheckSocket(socket); {
	case errors.Is(err, agentclient.ErrNotShared):
		x.warn("agent.socket", "its configuration lets others in: share_socket = \"yes\" under [agent], and allow in a profile; or add this user to its group (usermod -aG anaplan-agent NAME)",
			"an agent's socket is at %s, and this user may not connect to it", socket)
		return false
	case err != nil:
		x.warn("agent.socket", build.Program+" serve starts an agent, which replaces it; of a service see why it ended: "+build.Program+" doctor, agent.unit",
			"%s was left behind by an agent that has ended: nobody listens there", socket)
		return false
	}
	shared := x.agent != nil && x.agent.ShareSocket
	switch {
	case safe && info.Mode().Perm()&0o077 != 0 && !shared && !isSystemSocket(socket):
		x.warn("agent.socket", "chmod 600 "+shell.Quote(socket)+`, or share_socket = "yes" under [agent] if that is meant`,
			"other users can connect to %s (mode %04o), which share_socket does not say", socket, info.Mode().Perm())
	case safe:
		x.ok("agent.socket", "only its agent can have put %s there", socket)
	}
	return safe // else it may be anybody who listens
}

// isSystemSocket reports whether a socket is the machine's, whose mode is systemd's.
func isSystemSocket(socket string) bool {
	return socket == paths.SystemSocket || socket == service.DaemonSocket
}

// checkSocketDirectory looks at the directory of a socket by the agent's own rules, and
// reports whether it keeps them.
func (x *examination) checkSocketDirectory(socket string) bool {
	directory := filepath.Dir(socket)
	info, err := os.Stat(directory)
	switch {
	case paths.IsMissing(err):
		return true // the agent makes it
	case err != nil:
		x.fail("agent.socket", "choose another path: socket = \"PATH\" under [agent]", "the directory of the socket cannot be looked at: %v", err)
	case !info.IsDir():
		x.fail("agent.socket", "choose another path: socket = \"PATH\" under [agent]", "%s is not a directory, so the socket cannot be in it", directory)
	case paths.IsSomebodyElses(info) && !isSystemSocket(socket):
		x.fail("agent.socket", "choose a directory of your own: socket = \"PATH\" under [agent]", "%s belongs to another user, who can put another socket there", directory)
	case paths.OthersMayWrite(info):
		x.fail("agent.socket", "chmod go-w "+shell.Quote(directory), "others can write to %s and replace the socket; the agent refuses to start like this", directory)
	default:
		return true
	}
	return false
}

// askStatus asks the agent how it does.
func (x *examination) askStatus(socket string) {
	ctx, cancel := context.WithTimeoutCause(x.ctx, statusTimeout, console.TimeoutError{Limit: statusTimeout})
	defer cancel()
	client := local.NewClient(socket)
	defer client.Close()
	status, err := client.Status(ctx)
	if err != nil {
		x.fail("agent.running", "start it again: systemctl restart anaplan-agent.service, or end the process that listens there (lsof "+shell.Quote(socket)+")",
			"something listens at %s but does not report a status: %v", socket, err)
		return
	}
	x.status = status
	if status.Version != build.Version() {
		x.warn("agent.version", "start the agent again: systemctl restart anaplan-agent.service, or end it and call "+build.Program+" serve",
			"the agent that runs is version %s, and this is %s", status.Version, build.Version())
	}
	if name := subprocess.ProxyFor(status.Address); name != "" {
		x.warn("agent.proxy", "add "+strings.Join(subprocess.LoopbackHosts, ",")+" to NO_PROXY and no_proxy, wherever such programs are started (exec --phantom does it by itself)",
			"%s is set, and NO_PROXY does not name this machine: programs that call the agent at %s send that proxy their secret in clear", name, status.Address)
	}
	if status.Problem != nil {
		x.fail("agent.audit", strings.Join(status.Problem.Hints, "; "), "%s", status.Problem.Message)
	}
	x.ok("agent.running", "it runs as process %d since %s, and shows %s to this user", status.PID, status.StartedAt.UTC().Format(time.RFC3339), console.Counted(len(status.Profiles), "profile"))
	for _, p := range status.Profiles {
		if p.Name == x.settings.ProfileName() {
			x.judgeProfile(p)
			return
		}
	}
	x.warn("agent.profile", build.Program+" reload, if it was added since; allow in the profile says who may use it",
		"the agent does not show a profile %q to this user", x.settings.ProfileName())
}

// judgeProfile says how a profile does.
func (x *examination) judgeProfile(p local.ProfileStatus) {
	problem, do := "", ""
	if p.Problem != nil {
		problem, do = ": "+p.Problem.Message, strings.Join(p.Problem.Hints, "; ")
	}
	switch p.State {
	case agent.StateDown:
		x.fail("agent.profile", do, "the agent has no token for profile %q%s", p.Name, problem)
	case agent.StateDegraded:
		x.warn("agent.profile", do, "the agent cannot renew the token of profile %q, which ends at %s%s", p.Name, p.ExpiresAt.UTC().Format(time.RFC3339), problem)
	case agent.StateLocked:
		x.warn("agent.profile", build.Program+" unlock", "profile %q is locked: 'lock' was called%s", p.Name, problem)
	default:
		x.ok("agent.profile", "profile %q is %s", p.Name, p.State)
	}
}

// checkState looks at whether the state directory is writable.
func (x *examination) checkState() {
	dir := paths.State()
	const needs = "so a PIN from a file, variable or program is not sent"
	if dir == "" {
		x.warn("agent.state", "set HOME or XDG_STATE_HOME; of a service: StateDirectory=anaplan-agent", "there is no state directory, %s", needs)
		return
	}
	if err := writableDirectory(dir); err != nil {
		x.fail("agent.state", "let this user write there, or set XDG_STATE_HOME; of a service: StateDirectory=anaplan-agent", "%v, %s", err, needs)
		return
	}
	x.ok("agent.state", "state directory %s is writable", dir)
}

// writableDirectory returns why files cannot be written to a directory, which need not be
// there yet. Nothing stays behind.
func writableDirectory(dir string) error {
	existing := dir
	for {
		info, err := os.Stat(existing)
		if err == nil && !info.IsDir() {
			return fmt.Errorf("%s is not a directory", existing)
		}
		if err == nil {
			break
		}
		parent := filepath.Dir(existing)
		if !paths.IsMissing(err) || parent == existing {
			return err
		}
		existing = parent
	}
	file, err := os.CreateTemp(existing, ".probe")
	if err != nil {
		return fmt.Errorf("nothing can be written to %s: %w", existing, withoutPath(err))
	}
	file.Close()
	return os.Remove(file.Name())
}

// withoutPath drops the name of a temporary file, which says nothing.
func withoutPath(err error) error {
	if wrapped, ok := errors.AsType[*fs.PathError](err); ok {
		return wrapped.Err
	}
	return err
}

// checkMemory looks at whether tokens and typed PINs can be kept out of the swap space.
func (x *examination) checkMemory() {
	err := locked.Check()
	if err == nil {
		x.ok("agent.memory", "memory for tokens and typed PINs can be locked")
		return
	}
	x.warn("agent.memory", "raise the limit: ulimit -l 64, or LimitMEMLOCK=64K of the service",
		"a token or a typed PIN may get into swap space: %v", err)
}

// checkAuditFile looks at the file that every use is written down in.
func (x *examination) checkAuditFile(path string) {
	const do = "let the agent's user write there, or correct audit_file under [agent]"
	info, err := os.Stat(path)
	switch {
	case paths.IsMissing(err):
		err = writableDirectory(filepath.Dir(path))
	case err != nil:
	case !info.Mode().IsRegular():
		err = fmt.Errorf("%s is not a regular file", path)
	default:
		var file *os.File
		if file, err = os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0); err == nil {
			file.Close()
		}
	}
	if err != nil {
		x.fail("agent.audit", do, "the audit log cannot be written, so the agent will not hand out tokens: %v", err)
		return
	}
	x.ok("agent.audit", "%s can be written to", path)
}

// checkTokenFile looks at the file that the token shall be kept in.
func (x *examination) checkTokenFile() {
	p := x.profile
	uid, gid, err := daemon.OwnerOf(p.TokenFileOwner)
	if err == nil {
		err = (&sink.File{Path: p.TokenFile, Mode: p.TokenFileMode, UID: uid, GID: gid}).Check()
	}
	if err == nil {
		err = writableDirectory(filepath.Dir(p.TokenFile))
	}
	if err != nil {
		x.fail("agent.token_file", "correct token_file and token_file_owner, or the permissions of its directory", "the token cannot be kept in %s: %v", p.TokenFile, err)
		return
	}
	x.ok("agent.token_file", "the token can be kept in %s", p.TokenFile)
	if source := x.sourceOfPIN(); pin.Interactive(source) && source.Kind != config.PINNone {
		x.warn("pin.unattended", `say where a machine finds it: pin = "file:PATH", credential:NAME or command:PROGRAM`,
			"token_file needs a token without a person, but the PIN comes from one (%s)", source.Kind)
	}
}
