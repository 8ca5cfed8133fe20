package doctor

// What systemd knows about the agent. It is only asked, and not changed.

import (
	"context"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/service"
)

// unitTimeout is how long systemd is waited for.
const unitTimeout = 5 * time.Second

// UnitName is what systemd calls the service.
const UnitName = "anaplan-agent.service"

// checkUnits looks at the service of the machine and at that of this user.
func (x *examination) checkUnits() {
	if runtime.GOOS != "linux" {
		x.skip("agent.unit", "services are looked at where systemd starts them, on Linux")
		return
	}
	found := false
	for _, system := range []bool{true, false} {
		found = x.checkUnit(system) || found
	}
	if !found {
		x.info("agent.unit", build.Program+" service install has systemd start the agent", "the agent is not installed as a service")
	}
}

// checkUnit looks at one service, and reports whether it is installed.
func (x *examination) checkUnit(system bool) bool {
	self, err := service.ThisProgram()
	if err != nil {
		self = build.Program
	}
	s := &service.Service{Flags: service.Flags{System: system, Program: self}, Say: x.say}
	if s.MakeUnits() != nil {
		return false // without a home there is no service
	}
	kind := "the service of this user"
	if system {
		kind = "the service of this machine"
	}
	for _, file := range s.Files {
		if file.Name() != UnitName {
			continue
		}
		found, text, err := s.Read(file)
		switch {
		case err != nil:
			x.warn("agent.unit", "look at it as root", "%s cannot be read: %v", s.At(file), err)
			return true
		case !found:
			return false
		}
		x.checkUnitFile(s.At(file), text)
		x.askSystemd(s.Manager, kind, !system)
	}
	return true
}

// checkUnitFile looks at what the unit starts.
func (x *examination) checkUnitFile(path, text string) {
	for line := range strings.Lines(text) {
		command, isCommand := strings.CutPrefix(strings.TrimSpace(line), "ExecStart=")
		if !isCommand {
			continue
		}
		name := strings.Trim(strings.TrimSuffix(strings.TrimSpace(command), " serve"), `"`)
		if name = strings.ReplaceAll(name, "%%", "%"); filepath.IsAbs(name) && !paths.IsThere(name) {
			x.fail("agent.unit", build.Program+" service install writes it anew, for this program", "%s starts %s, which is not there", path, name)
		}
	}
	if text != "" && !service.IsSealed(text) {
		x.info("agent.unit", "your changes are safer in a drop-in: systemctl edit "+UnitName, "%s was changed by hand", path)
	}
}

// askSystemd asks how the unit does.
func (x *examination) askSystemd(m service.Manager, kind string, user bool) {
	if !m.Runs() {
		x.skip("agent.unit", kind+" is installed, but systemd does not run here")
		return
	}
	command := []string{"systemctl"}
	if user {
		command = append(command, "--user")
	}
	state, err := x.unitState(command)
	if err != nil {
		x.warn("agent.unit", strings.Join(command, " ")+" status "+UnitName+" tells more", "systemd does not tell how %s does: %v", kind, err)
		return
	}
	x.judgeUnit(state, kind, strings.Join(command, " "))
}

// unitState returns the properties of the unit.
func (x *examination) unitState(command []string) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(x.ctx, unitTimeout)
	defer cancel()
	args := append(command[1:], "show", "--property=LoadState,UnitFileState,ActiveState,SubState,Result,NRestarts", UnitName)
	output, err := exec.CommandContext(ctx, command[0], args...).Output()
	state := map[string]string{}
	for line := range strings.Lines(string(output)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok {
			state[name] = value
		}
	}
	return state, err
}

// judgeUnit says how the unit does.
func (x *examination) judgeUnit(state map[string]string, kind, systemctl string) {
	journal := "journalctl"
	if strings.HasSuffix(systemctl, "--user") {
		journal += " --user"
	}
	switch {
	case state["LoadState"] == "masked":
		x.warn("agent.unit", systemctl+" unmask "+UnitName, "%s is masked, so nothing can start it", kind)
	case state["LoadState"] == "not-found":
		x.warn("agent.unit", systemctl+" daemon-reload", "%s is installed, and systemd has not read it yet", kind)
	case state["ActiveState"] == "failed":
		x.fail("agent.unit", journal+" -u "+UnitName+" -n 50 has its last words; then: "+systemctl+" restart "+UnitName,
			"%s has failed (%s, %s restarts)", kind, state["Result"], state["NRestarts"])
	case state["ActiveState"] == "activating" && state["SubState"] == "auto-restart":
		x.fail("agent.unit", journal+" -u "+UnitName+" -n 50 has its last words", "%s ends again and again (%s, %s restarts)", kind, state["Result"], state["NRestarts"])
	case state["ActiveState"] == "active":
		x.ok("agent.unit", "%s runs, and is %s", kind, state["UnitFileState"])
	case x.socketEnabled(systemctl):
		x.ok("agent.unit", "%s starts when somebody connects to its socket", kind)
	default:
		x.warn("agent.unit", systemctl+" enable --now anaplan-agent.socket", "%s is installed, and does not run (%s, %s)", kind, state["ActiveState"], state["UnitFileState"])
	}
}

// socketEnabled reports whether systemd listens in the service's place.
func (x *examination) socketEnabled(systemctl string) bool {
	ctx, cancel := context.WithTimeout(x.ctx, unitTimeout)
	defer cancel()
	words := append(strings.Fields(systemctl), "is-active", "--quiet", "anaplan-agent.socket")
	return exec.CommandContext(ctx, words[0], words[1:]...).Run() == nil
}
