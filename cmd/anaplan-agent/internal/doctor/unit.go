package doctor

// What systemd knows about the agent. It is only asked, and not changed.

import (
	"context"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/asservice"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/service"
)

// unitTimeout is how long systemd is waited for.
const unitTimeout = 5 * time.Second

// What systemd calls the service, and the socket that it listens at in its place.
const (
	UnitName   = asservice.UnitName
	socketUnit = "anaplan-agent.socket"
)

// unit is the agent as a service.
type unit struct {
	*Report
	ctx       context.Context
	kind      string // which service it is, in words
	systemctl string // the command that asks about it
}

// checkUnits looks at the service of the machine and at that of this user. config is the file that this
// command reads.
func checkUnits(ctx context.Context, r *Report, config string) {
	if runtime.GOOS != "linux" {
		r.skip("agent.unit", "services are looked at where systemd starts them, on Linux")
		return
	}
	machines := &unit{r, ctx, "the service of this machine", "systemctl"}
	users := &unit{r, ctx, "the service of this user", "systemctl --user"}
	one, other := machines.check(true, config), users.check(false, config)
	switch {
	case one == inUse || other == inUse:
	case one == packaged || other == packaged:
		const enable = "enable --now " + socketUnit
		r.info("agent.unit", "to have it started: systemctl --user "+enable+"; for the whole machine: sudo systemctl "+enable, "the agent is not enabled as a service")
	default:
		r.info("agent.unit", build.Program+" service install has systemd start the agent", "the agent is not installed as a service")
	}
}

// presence is whether there is a service.
type presence int

const (
	absent   presence = iota
	packaged          // its files are a package's, and nobody has enabled it
	inUse
)

// check looks at the service, and reports whether there is one.
func (u *unit) check(system bool, config string) presence {
	self, err := service.ThisProgram()
	if err != nil {
		self = build.Program
	}
	s := &service.Service{Flags: service.Flags{System: system, Program: self}}
	if s.MakeUnits() != nil {
		return absent // without a home there is no service
	}
	own := s.UnitDirectory()
	path := asservice.Find(UnitName, own, system)
	switch {
	case path == "":
		return absent
	case filepath.Dir(path) != own && !u.isEnabled():
		return packaged
	}
	text, err := console.ReadText(path)
	if err != nil {
		u.warn("agent.unit", "look at it as root", "%s cannot be read: %v", path, err)
		return inUse
	}
	u.checkFile(path, string(text))
	if s.Manager.Runs() {
		u.ask()
		if of, err := asservice.Ask(UnitName); system && err == nil {
			u.tellDifference(of, config, thisProcess())
		}
	} else {
		u.skip("agent.unit", u.kind+" is installed, but systemd does not run here")
	}
	return inUse
}

// isEnabled reports whether somebody has enabled or started the service or its socket.
func (u *unit) isEnabled() bool {
	for _, question := range []string{"is-enabled", "is-active"} {
		if _, err := u.run(question, "--quiet", UnitName, socketUnit); err == nil {
			return true
		}
	}
	return false
}

// checkFile looks at what the unit starts.
func (u *unit) checkFile(path, text string) {
	for line := range strings.Lines(text) {
		command, isCommand := strings.CutPrefix(strings.TrimSpace(line), "ExecStart=")
		if !isCommand {
			continue
		}
		name := strings.Trim(strings.TrimSuffix(strings.TrimSpace(command), " serve"), `"`)
		if name = strings.ReplaceAll(name, "%%", "%"); filepath.IsAbs(name) && !paths.IsThere(name) {
			u.fail("agent.unit", build.Program+" service install writes it anew, for this program", "%s starts %s, which is not there", path, name)
		}
	}
	if text != "" && !service.IsSealed(text) {
		u.info("agent.unit", "your changes are safer in a drop-in: systemctl edit "+UnitName, "%s was changed by hand", path)
	}
}

// ask asks systemd how the unit does.
func (u *unit) ask() {
	output, err := u.run("show", "--property=LoadState,UnitFileState,ActiveState,SubState,Result,NRestarts", UnitName)
	if err != nil {
		u.warn("agent.unit", u.systemctl+" status "+UnitName+" tells more", "systemd does not tell how %s does: %v", u.kind, err)
		return
	}
	state := map[string]string{}
	for line := range strings.Lines(output) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		state[name] = value
	}
	u.judge(state)
}

// run has systemctl do something, and returns what it prints.
func (u *unit) run(args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(u.ctx, unitTimeout)
	defer cancel()
	words := append(strings.Fields(u.systemctl), args...)
	output, err := exec.CommandContext(ctx, words[0], words[1:]...).Output()
	return string(output), err
}

// judge says how the unit does.
func (u *unit) judge(state map[string]string) {
	lastWords := strings.Replace(u.systemctl, "systemctl", "journalctl", 1) + " -u " + UnitName + " -n 50 has its last words"
	switch {
	case state["LoadState"] == "masked":
		u.warn("agent.unit", u.systemctl+" unmask "+UnitName, "%s is masked, so nothing can start it", u.kind)
	case state["LoadState"] == "not-found":
		u.warn("agent.unit", u.systemctl+" daemon-reload", "%s is installed, and systemd has not read it yet", u.kind)
	case state["ActiveState"] == "failed":
		u.fail("agent.unit", lastWords+"; then: "+u.systemctl+" restart "+UnitName, "%s has failed (%s, %s restarts)", u.kind, state["Result"], state["NRestarts"])
	case state["ActiveState"] == "activating" && state["SubState"] == "auto-restart":
		u.fail("agent.unit", lastWords, "%s ends again and again (%s, %s restarts)", u.kind, state["Result"], state["NRestarts"])
	case state["ActiveState"] == "active":
		u.ok("agent.unit", "%s runs, and is %s", u.kind, state["UnitFileState"])
	case u.socketListens():
		u.ok("agent.unit", "%s starts when somebody connects to its socket", u.kind)
	default:
		u.warn("agent.unit", u.systemctl+" enable --now "+socketUnit, "%s is installed, and does not run (%s, %s)", u.kind, state["ActiveState"], state["UnitFileState"])
	}
}

// socketListens reports whether systemd listens in the service's place.
func (u *unit) socketListens() bool {
	_, err := u.run("is-active", "--quiet", socketUnit)
	return err == nil
}
