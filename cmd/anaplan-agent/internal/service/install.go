package service

// How the files of a service get to their places and away from there, and who is told.

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/atomicfile"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
)

// Manager is what starts the service.
type Manager struct {
	name string

	// Runs reports whether it runs here. nil: this program never calls it.
	Runs func() bool

	installed [][]string // commands after files were written
	removing  [][]string // commands before they are removed
	removed   [][]string // and after that
	next      []string   // what the person types after installing
	update    string     // and before that, where files were replaced
	left      string     // what there is to know after removing
	registers string     // the command that print shows; "": the files say it all
}

// The managers.
var (
	systemManager = Manager{
		name:      "systemd",
		Runs:      func() bool { return paths.IsThere("/run/systemd/system") },
		installed: [][]string{{"systemd-sysusers", "/etc/sysusers.d/anaplan-agent.conf"}, {"systemctl", "daemon-reload"}},
		removing:  [][]string{{"systemctl", "disable", "--now", "anaplan-agent.socket", "anaplan-agent.service"}},
		removed:   [][]string{{"systemctl", "daemon-reload"}},
		next: []string{
			"write the profiles into /etc/anaplan-agent/config.toml",
			"anaplan-agent as-service enroll --email YOU > login.csr  # a key, made as the service's user, if there is none",
			"systemctl enable --now anaplan-agent.socket   # it starts when somebody connects",
			"systemctl enable --now anaplan-agent.service  # or at every boot, as a token_file needs it",
			"usermod -aG anaplan-agent NAME  # who may connect; what they get says allow = \"user:NAME\" in a profile",
		},
		update: "systemctl try-restart anaplan-agent.service",
		left:   "the user anaplan-agent, /etc/anaplan-agent, /var/lib/anaplan-agent and /var/log/anaplan-agent are left",
	}
	userManager = Manager{
		name:      "systemd",
		Runs:      userManagerRuns,
		installed: [][]string{{"systemctl", "--user", "daemon-reload"}},
		removing:  [][]string{{"systemctl", "--user", "disable", "--now", "anaplan-agent.socket", "anaplan-agent.service"}},
		removed:   [][]string{{"systemctl", "--user", "daemon-reload"}},
		next: []string{
			"systemctl --user enable --now anaplan-agent.socket   # it starts when you need it",
			"systemctl --user enable --now anaplan-agent.service  # or with every session, as a token_file needs it",
			"loginctl enable-linger  # it runs while you are not logged in, too, for cron and the like",
		},
		update: "systemctl --user try-restart anaplan-agent.service",
	}
	daemonManager = Manager{
		name: "launchd",
		next: []string{
			"write the profiles into /etc/anaplan-agent/config.toml",
			"sysadminctl -addUser _anaplan-agent -UID 399 -roleAccount -home /var/db/anaplan-agent  # or another free number from 200 to 400",
			"install -d -o _anaplan-agent -m 755 /var/db/anaplan-agent",
			"launchctl bootstrap system /Library/LaunchDaemons/" + launchdLabel + ".plist",
			"export ANAPLAN_AGENT_SOCKET=" + DaemonSocket + "  # for callers, who can connect with share_socket = \"yes\"",
		},
		left: "if it runs: launchctl bootout system/" + launchdLabel,
	}
	agentManager = Manager{
		name: "launchd",
		next: []string{"launchctl bootstrap gui/$(id -u) ~/Library/LaunchAgents/" + launchdLabel + ".plist"},
		left: "if it runs: launchctl bootout gui/$(id -u)/" + launchdLabel,
	}
)

// controlManager is the service control manager of Windows.
var controlManager = Manager{
	name: "the service control manager",
	next: []string{
		`write the profiles into %ProgramData%\anaplan-agent\config.toml`,
		"sc.exe start anaplan-agent  # from now on it starts with the machine",
		"sc.exe control anaplan-agent 128  # it reads its configuration again; so does: anaplan-agent reload",
		"powershell Get-WinEvent -ProviderName anaplan-agent -MaxEvents 20  # its log",
	},
	update: "sc.exe stop anaplan-agent, and then: sc.exe start anaplan-agent",
	left:   `%ProgramData%\anaplan-agent and the service's own C:\Windows\ServiceProfiles\anaplan-agent are left`,
}

// userManagerRuns reports whether there is a systemd of this user to talk to.
func userManagerRuns() bool {
	dir := os.Getenv("XDG_RUNTIME_DIR")
	return dir != "" && paths.IsThere(filepath.Join(dir, "systemd", "private"))
}

// install writes the files that are not as they should be, all or none.
func (s *Service) install() error {
	if s.root == "" && !paths.IsThere(s.Program) {
		return fmt.Errorf("there is no program %s; give --program, or --root to prepare another machine", s.Program)
	}
	if s.registration != nil {
		return s.register()
	}
	var write []serviceFile
	replaced := false
	for _, file := range s.Files {
		found, text, err := s.Read(file)
		switch {
		case err != nil:
			return err
		case found && text == file.text:
			s.Say.Note("%s is as it should be", s.At(file))
		case found && !IsSealed(text) && !s.force:
			return s.changed(file)
		default:
			write = append(write, file)
			replaced = replaced || found
		}
	}
	if err := s.each("wrote", "would write", write, s.write); err != nil {
		return err
	}
	if err := s.tell(s.Manager.installed); err != nil || s.dryRun {
		return err
	}
	s.sayNext(replaced)
	return nil
}

// sayNext says what the person types next.
func (s *Service) sayNext(replaced bool) {
	if replaced && s.Manager.update != "" {
		s.Say.Note("next: %s  # if it runs", s.Manager.update)
	}
	for _, line := range s.Manager.next {
		s.Say.Note("next: %s", line)
	}
}

// uninstall stops the service and removes its files, all or none.
func (s *Service) uninstall() error {
	if s.registration != nil {
		return s.unregister()
	}
	var remove []serviceFile
	for _, file := range s.Files {
		found, text, err := s.Read(file)
		switch {
		case err != nil:
			return err
		case !found:
			s.Say.Note("%s is not there", s.At(file))
		case !IsSealed(text) && !s.force:
			return s.changed(file)
		default:
			remove = append(remove, file)
		}
	}
	if len(remove) == 0 {
		return nil
	}
	if err := s.tell(s.Manager.removing); err != nil {
		return err
	}
	if err := s.each("removed", "would remove", remove, func(file serviceFile) error { return os.Remove(s.At(file)) }); err != nil {
		return err
	}
	if err := s.tell(s.Manager.removed); err != nil {
		return err
	}
	if s.Manager.left != "" && !s.dryRun {
		s.Say.Note("%s", s.Manager.left)
	}
	return nil
}

// At returns where a file is.
func (s *Service) At(file serviceFile) string { return filepath.Join(s.root, file.path) }

// Read returns the content of a file. The text is empty if it is not a regular file, such as a unit
// that systemctl mask has replaced.
func (s *Service) Read(file serviceFile) (found bool, text string, err error) {
	info, err := os.Lstat(s.At(file))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, "", nil
	case err != nil:
		return false, "", err
	case !info.Mode().IsRegular():
		return true, "", nil
	}
	data, err := console.ReadInput(s.At(file))
	if file.wide {
		return true, narrowed(data), err
	}
	return true, string(data), err
}

// changed returns the error for a file that a person has changed.
func (s *Service) changed(file serviceFile) error {
	scope := "--user"
	if s.System {
		scope = "--system"
	}
	return fmt.Errorf("%s was changed by hand, so nothing is done; to see the changes:\n%s service print %s --program %s %s | diff %s -\n"+
		"--force overwrites them; a drop-in keeps changes separate", s.At(file), build.Program, scope, s.Program, file.Name(), s.At(file))
}

// each does something with each file and tells it; with --dry-run it only tells.
func (s *Service) each(did, would string, files []serviceFile, do func(serviceFile) error) error {
	for _, file := range files {
		if s.dryRun {
			s.Say.Note("%s %s", would, s.At(file))
			continue
		}
		if err := do(file); err != nil {
			return s.needsRights(err)
		}
		s.Say.Note("%s %s", did, s.At(file))
	}
	return nil
}

// needsRights adds to an error what to do where this user may not change the machine.
func (s *Service) needsRights(err error) error {
	if !s.System || !errors.Is(err, fs.ErrPermission) {
		return err
	}
	as := "root (sudo)"
	if s.registration != nil {
		as = "an administrator"
	}
	return fmt.Errorf("%w; run this as %s, or leave out --system", err, as)
}

// write writes a file. Everybody may read it, whatever the umask is: it has no secrets. It replaces
// what is not a regular file, such as a masked unit's link to /dev/null: that takes --force.
func (s *Service) write(file serviceFile) error {
	path := s.At(file)
	if info, err := os.Lstat(path); err == nil && !info.Mode().IsRegular() {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	if err := atomicfile.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if file.private != "" {
		if err := atomicfile.MkdirAll(filepath.Join(s.root, file.private), 0o700); err != nil {
			return err
		}
	}
	data := []byte(file.text)
	if file.wide {
		data = widened(file.text)
	}
	return atomicfile.Write(path, data, atomicfile.Options{Give: func(file *os.File) error { return file.Chmod(0o644) }})
}

// tell runs commands of the manager, or says which are due where it does not run, as
// while an image is made.
func (s *Service) tell(commands [][]string) error {
	if s.root != "" {
		return nil
	}
	for _, words := range commands {
		line := commandLine(words)
		switch {
		case s.dryRun:
			s.Say.Note("would run: %s", line)
		case !s.Manager.Runs():
			s.Say.Note("%s does not run here; once it does: %s", s.Manager.name, line)
		default:
			if output, err := exec.Command(words[0], words[1:]...).CombinedOutput(); err != nil {
				return fmt.Errorf("%s: %w: %s", line, err, strings.TrimSpace(string(output)))
			}
		}
	}
	return nil
}
