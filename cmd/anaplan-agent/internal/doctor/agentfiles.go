package doctor

// What the agent writes: whether it can. A command without an agent needs the state directory too.

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/locked"
	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
	"github.com/anaplan-agent/anaplan-agent/agent/sink"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/daemon"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
)

// checkState looks at whether the state directory is writable.
func checkState(r *Report) {
	const needs = "so a PIN from a file, variable or program is not sent"
	dir := paths.State()
	if dir == "" {
		r.warn("agent.state", "set HOME or XDG_STATE_HOME; of a service: StateDirectory=anaplan-agent", "there is no state directory, %s", needs)
	} else if err := writableDirectory(dir); err != nil {
		r.fail("agent.state", "let this user write there, or set XDG_STATE_HOME; of a service: StateDirectory=anaplan-agent", "%v, %s", err, needs)
	} else {
		r.ok("agent.state", "state directory %s is writable", dir)
	}
}

// writableDirectory returns why files cannot be written to a directory, which need not be
// there yet. Nothing stays behind.
func writableDirectory(dir string) error {
	info, err := os.Stat(dir)
	parent := filepath.Dir(dir)
	switch {
	case paths.IsMissing(err) && parent != dir:
		return writableDirectory(parent)
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is not a directory", dir)
	}
	file, err := os.CreateTemp(dir, ".probe")
	if err != nil {
		return fmt.Errorf("nothing can be written to %s: %w", dir, paths.RootCause(err)) // whose path says nothing
	}
	file.Close()
	return os.Remove(file.Name())
}

// checkMemory looks at whether tokens and typed PINs can be kept out of the swap space.
func checkMemory(r *Report) {
	if err := locked.Check(); err != nil {
		r.warn("agent.memory", remedy.Here().RaiseMemoryLimit(), "a token or a typed PIN may get into swap space: %v", err)
	} else {
		r.ok("agent.memory", "memory for tokens and typed PINs can be locked")
	}
}

// checkAuditFile looks at the file that every use is written down in.
func checkAuditFile(r *Report, path string) {
	if err := canAppend(path); err != nil {
		r.fail("agent.audit", "let the agent's user write there, or correct audit_file under [agent]",
			"the audit log cannot be written, so the agent will not hand out tokens: %v", err)
	} else {
		r.ok("agent.audit", "%s can be written to", path)
	}
}

// canAppend returns why nothing can be added to a file, which need not be there yet.
func canAppend(path string) error {
	info, err := os.Stat(path)
	switch {
	case paths.IsMissing(err):
		return writableDirectory(filepath.Dir(path))
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file", path)
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return err
	}
	return file.Close()
}

// checkTokenFile looks at the file that a profile's token shall be kept in.
func checkTokenFile(r *Report, p *config.Profile) {
	if err := canKeepToken(p); err != nil {
		r.fail("agent.token_file", "correct token_file and token_file_owner, or the permissions of its directory", "the token cannot be kept in %s: %v", p.TokenFile, err)
		return
	}
	r.ok("agent.token_file", "the token can be kept in %s", p.TokenFile)
	if source := firstSource(p); pin.Interactive(source) && source.Kind != config.PINNone {
		r.warn("pin.unattended", "say where a machine finds it: "+machineSources(),
			"token_file needs a token without a person, but the PIN comes from one (%s)", source.Kind)
	}
}

// canKeepToken returns why a profile's token file cannot be written.
func canKeepToken(p *config.Profile) error {
	uid, gid, err := daemon.OwnerOf(p.TokenFileOwner)
	if err != nil {
		return err
	}
	if err := (&sink.File{Path: p.TokenFile, Mode: p.TokenFileMode, UID: uid, GID: gid}).Check(); err != nil {
		return err
	}
	return writableDirectory(filepath.Dir(p.TokenFile))
}
