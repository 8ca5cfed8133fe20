package service

// The content of a service's files. The templates are in units; only paths are filled in.

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"errors"
	"fmt"
	"html"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"unicode"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
)

// The templates.
var (
	//go:embed units/system.service
	systemServiceUnit string
	//go:embed units/system.socket
	systemSocketUnit string
	//go:embed units/sysusers.conf
	systemUsers string
	//go:embed units/user.service
	userServiceUnit string
	//go:embed units/user.socket
	userSocketUnit string
	//go:embed units/daemon.plist
	daemonPlist string
	//go:embed units/agent.plist
	agentPlist string
	//go:embed units/task.xml
	userTask string
)

// Service is one way to have the agent started: on this machine, for the machine or for
// one user.
type Service struct {
	Flags
	Say     *console.Messenger
	Manager Manager
	Files   []serviceFile

	registration *registration // of a whole Windows machine, in place of files; nil elsewhere
}

// serviceFile is a file of the service, as it should be.
type serviceFile struct {
	path string // without --root
	text string
	wide bool // on the disk it is in UTF-16

	private string // a directory for this user alone that is made before; "": none
}

// Name returns the name by which print knows the file.
func (f serviceFile) Name() string { return filepath.Base(f.path) }

// launchdLabel is what launchd calls the service.
const launchdLabel = "com.github.anaplan-agent"

// DaemonSocket is where the agent of a whole Mac listens: /var/run is emptied at every
// start, and only root can make a directory in it.
const DaemonSocket = "/var/db/anaplan-agent/agent.sock"

// makeFiles fills in the templates for a system.
func (s *Service) makeFiles(goos string) error {
	switch goos {
	case "linux":
		return s.MakeUnits()
	case "darwin":
		return s.makePlist()
	case "windows":
		return s.makeForWindows()
	}
	return fmt.Errorf("no service manager of %s is known here; have yours start: %s serve", goos, s.Program)
}

// makeForWindows makes the registration of the machine's service, or the task of the user's.
func (s *Service) makeForWindows() error {
	if !s.System {
		return s.makeTask()
	}
	if s.root != "" {
		return errors.New("--root: Windows has no file for a service of the machine; service print shows the commands that register it")
	}
	s.Manager = controlManager
	s.registration = newRegistration(s.Program)
	return nil
}

// MakeUnits makes systemd's files.
func (s *Service) MakeUnits() error {
	word := strings.ReplaceAll(s.Program, "%", "%%") // systemd.unit(5), specifiers
	if strings.Contains(word, " ") {
		word = `"` + word + `"`
	}
	if s.System {
		s.Manager = systemManager
		s.file("/etc/sysusers.d/anaplan-agent.conf", systemUsers)
		s.file("/etc/systemd/system/anaplan-agent.service", systemServiceUnit, "@PROGRAM@", word)
		s.file("/etc/systemd/system/anaplan-agent.socket", systemSocketUnit)
		return nil
	}
	config, err := os.UserConfigDir()
	if err != nil {
		return fmt.Errorf("where to put the units: %w", err)
	}
	s.Manager = userManager
	s.file(filepath.Join(config, "systemd/user/anaplan-agent.service"), userServiceUnit, "@PROGRAM@", word)
	s.file(filepath.Join(config, "systemd/user/anaplan-agent.socket"), userSocketUnit)
	return nil
}

// UnitDirectory returns where systemd's files go.
func (s *Service) UnitDirectory() string { return filepath.Dir(s.At(s.Files[len(s.Files)-1])) }

// makePlist makes launchd's file.
func (s *Service) makePlist() error {
	program := html.EscapeString(s.Program)
	if s.System {
		s.Manager = daemonManager
		s.file("/Library/LaunchDaemons/"+launchdLabel+".plist", daemonPlist, "@PROGRAM@", program,
			"@SOCKET@", DaemonSocket, "@LOG@", "/var/db/anaplan-agent/agent.log")
		return nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return fmt.Errorf("where to put the file: %w", err)
	}
	s.Manager = agentManager
	socket := paths.OwnSocket()
	s.file(filepath.Join(home, "Library/LaunchAgents", launchdLabel+".plist"), agentPlist, "@PROGRAM@", program,
		"@SOCKET@", html.EscapeString(socket), "@LOG@", html.EscapeString(filepath.Join(home, "Library/Logs/anaplan-agent.log")))
	s.Files[0].private = filepath.Dir(socket) // launchd makes the socket and no directory for it
	return nil
}

// file adds a file made of a template.
func (s *Service) file(path, template string, replacements ...string) {
	s.Files = append(s.Files, serviceFile{path: path, text: seal(strings.NewReplacer(replacements...).Replace(template))})
}

// checksumMark stands in a file in place of its checksum.
const checksumMark = "checksum: @CHECKSUM@"

// seal puts a checksum into the text, by which a later version of the program tells a
// file that it may replace from one that a person has changed.
func seal(text string) string {
	sum := sha256.Sum256([]byte(text))
	return strings.Replace(text, checksumMark, "checksum: "+hex.EncodeToString(sum[:]), 1)
}

// IsSealed reports whether the text is as some version of this program wrote it.
func IsSealed(text string) bool {
	const length = 2 * sha256.Size
	before, after, found := strings.Cut(text, "checksum: ")
	return found && len(after) >= length && seal(before+checksumMark+after[length:]) == text
}

// chooseProgram sets what the service starts, and refuses what it could not start.
func (s *Service) chooseProgram(goos string) error {
	given := s.Program != ""
	if !given {
		path, err := ThisProgram()
		if err != nil {
			return err
		}
		s.Program = path
	}
	switch {
	case !filepath.IsAbs(s.Program):
		return fmt.Errorf("--program %s: not an absolute path", s.Program)
	case strings.ContainsFunc(s.Program, unicode.IsControl) || goos != "windows" && strings.ContainsAny(s.Program, `"'\$`):
		return errors.New("--program: a unit cannot hold a path with quotes, backslashes, dollar signs or control characters")
	case strings.ContainsAny(s.Program, `"`):
		return errors.New("--program: a path cannot have quotes")
	case goos == "linux" && s.System && isHidden(s.Program):
		return fmt.Errorf("the service of the machine cannot see %s (ProtectHome=, PrivateTmp=); install the program first: "+
			"install -m 755 %[1]s /usr/local/bin/%s, and run that one", s.Program, build.Program)
	}
	return nil
}

// ThisProgram returns the path of the running program as it was called, and not where
// symbolic links lead from there: they are what stays the same over updates.
func ThisProgram() (string, error) {
	running, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("finding the path of this program: %w; give --program", err)
	}
	if called, err := exec.LookPath(os.Args[0]); err == nil {
		if called, err = filepath.Abs(called); err == nil && isSameFile(called, running) {
			return called, nil
		}
	}
	return running, nil
}

// isSameFile reports whether two paths lead to one file.
func isSameFile(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// hiddenDirectories are what the system's unit does not see: ProtectHome= and PrivateTmp=
// (systemd.exec(5)).
var hiddenDirectories = []string{"/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/"}

// isHidden reports whether the system's unit does not see a path, or what it is a link to.
func isHidden(path string) bool {
	paths := []string{path}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		paths = append(paths, target)
	}
	for _, path := range paths {
		for _, dir := range hiddenDirectories {
			if strings.HasPrefix(path, dir) {
				return true
			}
		}
	}
	return false
}
