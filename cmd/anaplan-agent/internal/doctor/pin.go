package doctor

// The PIN: whether it can be had without a person, and whether what is there can be one. It
// is read, as a login would, and sent nowhere.

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/subprocess"
	"github.com/anaplan-agent/anaplan-agent/hsm/owned"
)

// pinTimeout is how long a program or a pipe has to give the PIN.
const pinTimeout = 15 * time.Second

// firstSource returns where the PIN of a profile's first key comes from.
func firstSource(p *config.Profile) config.PINSource {
	return append(pin.Sources(p), config.PINSource{Kind: config.PINPrompt})[0]
}

// pinState is what a login needs to know of the PIN.
type pinState struct {
	missing     bool // a source does not give one
	serviceOnly bool // systemd gives it to the agent's service, and not to this command
	refused     bool // a device has refused it
}

// pinSources are where a profile's PINs come from.
type pinSources struct {
	*Report
	ctx     context.Context
	profile *config.Profile
	state   pinState

	read map[config.PINSource][]byte // what they gave; overwritten once it has been looked up
}

// checkPIN looks at each source of a profile's PINs; nil: the settings cannot be read.
func checkPIN(ctx context.Context, r *Report, profile *config.Profile) *pinSources {
	p := &pinSources{Report: r, ctx: ctx, profile: profile, read: map[config.PINSource][]byte{}}
	if profile == nil {
		p.skip("pin.source", "the settings cannot be read")
		return p
	}
	for _, source := range pin.Sources(profile) {
		p.checkSource(source)
	}
	p.state.missing = p.hasErrors("pin.source")
	return p
}

// checkSource looks at one source.
func (p *pinSources) checkSource(source config.PINSource) {
	switch source.Kind {
	case config.PINNone:
		p.info("pin.source", "", "no PIN is given to the device")
	case config.PINPrompt:
		p.info("pin.source", "for an agent without a person: "+machineSources(),
			"the PIN is asked for at the terminal; an agent has it from: %s unlock", build.Program)
	case config.PINPinentry:
		p.checkPinentry(cmp.Or(source.Arg, "pinentry"))
	case config.PINEnv:
		p.checkEnvPIN(source)
	case config.PINFile:
		p.checkFilePIN(source, source.Arg)
	case config.PINCredential:
		p.checkCredentialPIN(source)
	case config.PINDPAPI, config.PINWincred, config.PINKeychain:
		p.checkStoredPIN(source)
	case config.PINCommand:
		if _, arguments, ok := strings.Cut(strings.TrimSpace(source.Arg), " "); ok {
			p.hide(arguments) // they may hold anything, and stand in what errors call the source
		}
		p.checkCommandPIN(source)
	}
}

// machineSources are the sources of a PIN that need no person.
func machineSources() string {
	return `pin = "file:PATH", ` + remedy.Here().PINStores() + " or command:PROGRAM"
}

// checkPinentry looks whether the program is there that asks in a window.
func (p *pinSources) checkPinentry(name string) {
	if !p.checkProgram("pin.source", "install it ("+remedy.Here().InstallPinentry()+"), or write pin = \"pinentry:PATH\"", "the PIN should be asked for by pinentry", name) {
		return
	}
	p.info("pin.source", "for an agent without a person: "+machineSources(),
		"the PIN is asked for by %s, in a window, which an agent has only on a desktop", name)
}

// checkEnvPIN looks at a variable.
func (p *pinSources) checkEnvPIN(source config.PINSource) {
	secret, err := console.ReadSecretEnv(source.Arg)
	if err != nil {
		p.fail("pin.source", "set it where this is run, and for a service in its own environment; a file is easier to keep secret: pin = \"file:PATH\"",
			"the PIN should be in the environment variable %s, which is not set here", source.Arg)
		return
	}
	p.judgePIN(source, secret)
}

// checkFilePIN looks at a file, and who else can.
func (p *pinSources) checkFilePIN(source config.PINSource, path string) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		p.fail("pin.source", "write the PIN into it, for you alone: "+remedy.Here().WriteSecret(path), "the PIN should be in a file: %v", err)
		return
	case info.IsDir():
		p.fail("pin.source", "name the file itself: pin = \"file:PATH\"", "the PIN should be in a file, and %s is a directory", path)
		return
	case !info.Mode().IsRegular():
		p.info("pin.source", "", "the PIN comes from %s, which is not a regular file and may give it only once; it is not read here", path)
		return
	case source.Kind == config.PINCredential: // who may read it is for systemd to say
	case paths.IsSomebodyElses(info):
		p.warn("pin.permissions", "keep the PIN in a file of your own", "%s belongs to another user, who knows the PIN", path)
	case paths.OthersMayRead(path, info):
		p.warn("pin.permissions", remedy.Here().KeepPrivate(path), "%s holds the PIN, and others may read or change it", path)
	}
	if !filepath.IsAbs(path) {
		p.warn("pin.path", "write the full path", "%s is looked for where the program is started, which of an agent is another directory", path)
	}
	file, err := os.Open(path)
	if err != nil {
		p.fail("pin.source", "let this user read it: "+remedy.Here().LetRead(path), "the PIN should be in a file: %v", err)
		return
	}
	defer file.Close()
	secret, err := console.ReadSecret(file, path)
	if err != nil {
		p.fail("pin.source", "name the file that holds the PIN and nothing else", "this is not a PIN: %v", err)
		return
	}
	p.judgePIN(source, secret)
}

// checkCredentialPIN looks at what systemd passes to the agent, and to nobody else.
func (p *pinSources) checkCredentialPIN(source config.PINSource) {
	path, err := pin.CredentialPath(source.Arg)
	switch {
	case err != nil && remedy.Here().Manager() != "systemd":
		p.fail("pin.source", "name another place: "+machineSources(), "%v", err)
	case err != nil:
		p.state.serviceOnly = true
		p.warn("pin.source", "systemctl cat anaplan-agent.service | grep LoadCredential, which must name "+source.Arg+"; systemctl restart anaplan-agent.service after a change",
			"systemd gives the credential %s to the agent's service and not to this command, so it cannot be looked at here", source.Arg)
	case !paths.IsThere(path):
		p.fail("pin.source", "name it in the unit: LoadCredential="+source.Arg+":/etc/anaplan-agent/"+source.Arg, "systemd passes credentials, but none is called %s", source.Arg)
	default:
		p.checkFilePIN(source, path)
	}
}

// checkStoredPIN looks at what the system keeps for this user.
func (p *pinSources) checkStoredPIN(source config.PINSource) {
	ctx, cancel := context.WithTimeoutCause(p.ctx, pinTimeout, console.TimeoutError{Limit: pinTimeout})
	defer cancel()
	secret, err := pin.ReadStored(ctx, source)
	if err != nil {
		p.fail("pin.source", "keep it there as the user that the agent runs as, or choose another place: pin = \"file:PATH\" or command:PROGRAM", "%v", err)
		return
	}
	p.judgePIN(source, secret)
}

// checkCommandPIN runs a program as an agent would, without a terminal. What it says besides
// the PIN is dropped: nobody knows what that holds.
func (p *pinSources) checkCommandPIN(source config.PINSource) {
	words, err := config.Words(source.Arg)
	if err == nil {
		_, err = subprocess.FindProgram(words[0])
	}
	if err != nil {
		p.fail("pin.source", "install it, or write its full path: pin = \"command:PATH ARGUMENTS\"", "the PIN should come from a program: %v", err)
		return
	}
	ctx, cancel := context.WithTimeoutCause(p.ctx, pinTimeout, console.TimeoutError{Limit: pinTimeout})
	defer cancel()
	secret, err := pin.RunProgram(ctx, words, subprocess.WithoutTerminal)
	if errors.Is(err, owned.ErrExposed) {
		p.failed("pin.source", err)
		return
	}
	if err != nil {
		p.fail("pin.source", "run it by hand without a terminal, and see what it lacks: "+remedy.Here().WithoutTerminal(words[0]),
			"the program that should print the PIN does not, without a terminal: %v", err)
		return
	}
	p.judgePIN(source, secret)
}

// judgePIN says whether what a source gave can be a PIN, and whether a device has refused it,
// and overwrites it.
func (p *pinSources) judgePIN(source config.PINSource, text []byte) {
	defer clear(text)
	secret, err := pin.Judge(text, pin.Place(source))
	if err == nil && slices.ContainsFunc(p.profile.Keys, device.IsCard) {
		if err = pin.CheckCard(secret); err != nil {
			err = fmt.Errorf("what comes from %s: %w", pin.Place(source), err)
		}
	}
	if err != nil {
		p.failed("pin.source", err)
		return
	}
	p.ok("pin.source", "%s gives something without a person; whether it is the PIN is not tried here", pin.Place(source))
	p.read[source] = bytes.Clone(secret)
}

// checkRefusals looks whether one of the devices has refused a PIN before. What cannot be read here
// is taken for the PIN that was sent last.
func (p *pinSources) checkRefusals(devices []pin.Device, changed bool) {
	if p.profile == nil {
		return
	}
	defer p.forget()
	book := pin.NewBook(paths.State(), paths.SocketDirectories(), paths.KeyDirectories())
	for _, source := range pin.Sources(p.profile) {
		if pin.Interactive(source) || source.Kind == config.PINNone || changed {
			continue
		}
		for _, device := range devices {
			if err := book.Standing(device, source, p.read[source]); err != nil {
				p.failed("pin.refused", err)
				p.state.refused = true
			}
		}
	}
	if dir := paths.State(); !p.state.refused && dir != "" && paths.IsThere(dir) {
		p.checkNotes(dir)
	}
}

// forget overwrites the PINs that were read.
func (p *pinSources) forget() {
	for _, secret := range p.read {
		clear(secret)
	}
	p.read = nil
}

// checkNotes looks whether the notes of refusals are readable: a command that was once run as root
// leaves some that only root can read.
func (p *pinSources) checkNotes(dir string) {
	notes, _ := fs.Glob(os.DirFS(dir), "*.json") // in which no character of dir has a meaning
	for _, name := range notes {
		note := filepath.Join(dir, name)
		if _, err := os.ReadFile(note); errors.Is(err, fs.ErrPermission) {
			p.warn("pin.refused", remedy.Here().Remove(note), "%s cannot be read; it may say that a PIN was refused", note)
			return
		}
	}
}
