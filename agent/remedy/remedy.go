// Package remedy has the commands that put things right, in the words of each system: a hint that
// names systemctl is of no use on Windows.
//
//	hint := "start the agent again: " + remedy.Here().RestartAgent()
//
// Whatever tells a person what to do uses it; it looks at nothing and runs nothing. Commands for
// Windows are for PowerShell, and those for icacls and sc.exe for cmd as well.
package remedy

import (
	"runtime"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/shell"
)

// System is an operating system, by its name as GOOS has it.
type System string

const (
	linux   System = "linux"
	darwin  System = "darwin"
	windows System = "windows"
)

// Here returns the system that the program runs on.
func Here() System { return System(runtime.GOOS) }

// by returns what is said on this system; onUnix is for what is neither of the others.
func by(s System, onUnix, onMac, onWindows string) string {
	switch s {
	case windows:
		return onWindows
	case darwin:
		return onMac
	}
	return onUnix
}

// Quote returns a path as the shell of the system reads it.
func (s System) Quote(path string) string {
	if s == windows {
		return `"` + path + `"` // no path has a quotation mark
	}
	return shell.Quote(path)
}

// Library is the path of a library as it stands in an address, where \ is not allowed.
func (s System) Library() string {
	return by(s, "/path/to/library.so", "/path/to/library.dylib", "C:/path/to/library.dll")
}

// Manager names what starts services.
func (s System) Manager() string { return by(s, "systemd", "launchd", "Windows") }

// RestartAgent starts the service again.
func (s System) RestartAgent() string {
	return by(s, "systemctl restart anaplan-agent.service",
		"launchctl kickstart -k gui/$(id -u)/com.github.anaplan-agent", "Restart-Service anaplan-agent, as administrator (Get-Service anaplan-agent tells how it does)")
}

// ReopenSocket has what starts services listen anew where it has opened the agent's socket; "" where
// it opens none.
func (s System) ReopenSocket() string {
	return by(s, "systemctl restart anaplan-agent.socket",
		"launchctl bootout gui/$(id -u)/com.github.anaplan-agent; launchctl bootstrap gui/$(id -u) ~/Library/LaunchAgents/com.github.anaplan-agent.plist", "")
}

// SetForAgent gives the service a variable of the environment, of which those of a shell are not its.
func (s System) SetForAgent(name, value string) string {
	return by(s, "systemctl edit anaplan-agent.service (of a user's: systemctl --user edit), with the lines [Service] and Environment="+name+"="+value+"; then: systemctl restart anaplan-agent.service",
		"EnvironmentVariables in ~/Library/LaunchAgents/com.github.anaplan-agent.plist; then load it anew: launchctl bootout and launchctl bootstrap gui/$(id -u)",
		`[Environment]::SetEnvironmentVariable("`+name+`", "`+value+`", "Machine"), as administrator; then start the service again`)
}

// Unset takes variables out of the environment of the shell.
func (s System) Unset(names ...string) string {
	if s == windows {
		return "Remove-Item Env:" + strings.Join(names, ", Env:")
	}
	return "unset " + strings.Join(names, " ")
}

// StartSmartcards has the smartcard service started. Under systemd it is the socket that is
// started: the service itself ends when nobody uses it.
func (s System) StartSmartcards() []string {
	switch s {
	case windows:
		return []string{`start the service "Smart Card": sc.exe start SCardSvr, as administrator (Get-Service SCardSvr tells how it does)`}
	case darwin:
		return []string{"macOS starts its smartcard service when a reader is connected: connect the YubiKey, and try again"}
	}
	return []string{
		"sudo systemctl start pcscd.socket, or without systemd: sudo pcscd",
		"if it is not installed: sudo apt install pcscd (Debian, Ubuntu), sudo dnf install pcsc-lite (Fedora, RHEL)",
	}
}

// FindCardHolder shows which programs use cards; "" where nothing does.
func (s System) FindCardHolder() string {
	if s != linux {
		return ""
	}
	return "sudo lsof +E -aUc pcscd lists the programs that are connected to pcscd, one of which holds it"
}

// SetClock sets the clock.
func (s System) SetClock() string {
	return by(s, "timedatectl set-ntp true", "sudo sntp -sS time.apple.com", "w32tm /resync, as administrator")
}

// LookUp asks for the addresses of a host.
func (s System) LookUp(host string) string {
	return by(s, "resolvectl query ", "dscacheutil -q host -a name ", "Resolve-DnsName ") + host
}

// InstallRoots has the system's CA certificates installed. Windows and macOS have theirs always.
func (s System) InstallRoots() string {
	return by(s, "install them (apt install ca-certificates, apk add ca-certificates, dnf install ca-certificates), or name a file of them in SSL_CERT_FILE",
		"name a file of them in ca_file", "name a file of them in ca_file")
}

// ownerRights is who owns a file, whoever that is ("Well-known SIDs", Windows).
const ownerRights = "*S-1-3-4"

// KeepPrivate lets nobody but its owner into a file.
func (s System) KeepPrivate(path string) string {
	if s == windows {
		return "icacls " + s.Quote(path) + ` /inheritance:r /grant:r "` + ownerRights + `:F"`
	}
	return "chmod 600 " + s.Quote(path)
}

// ForbidWriting takes from others the right to write to a file or directory.
func (s System) ForbidWriting(path string) string {
	if s == windows { // everybody, whoever has logged in, and the group Users
		return "icacls " + s.Quote(path) + ` /inheritance:d /remove:g "*S-1-1-0" "*S-1-5-11" "*S-1-5-32-545"`
	}
	return "chmod go-w " + s.Quote(path)
}

// LetRead has this user read a file that holds a secret.
func (s System) LetRead(path string) string {
	if s == windows {
		return "icacls " + s.Quote(path) + ` /grant "${env:USERNAME}:R"`
	}
	return "chown and chmod 600 " + s.Quote(path)
}

// WriteSecret makes a file with a secret that is typed.
func (s System) WriteSecret(path string) string {
	if s == windows {
		return "Set-Content -NoNewline -Encoding ascii " + s.Quote(path) + " (Read-Host), then: " + s.KeepPrivate(path)
	}
	return "(umask 077; cat > " + s.Quote(path) + ")"
}

// MakeDirectory makes a directory for this user alone.
func (s System) MakeDirectory() string { return by(s, "mkdir -m 700", "mkdir -m 700", "mkdir") }

// WhyNotGiven says why a file cannot be written for somebody else.
func (s System) WhyNotGiven() string {
	const numbered = "only root may give files to another user, others only to a group of their own"
	return by(s, numbered, numbered, "another program may have it open, or this user may not write there")
}

// Remove removes a file that this user may not read.
func (s System) Remove(path string) string {
	if s == windows {
		return "Remove-Item " + s.Quote(path) + ", as administrator"
	}
	return "sudo rm " + s.Quote(path)
}

// PINStores are the sources of a PIN that only this system has.
func (s System) PINStores() string {
	return by(s, "credential:NAME", "keychain:SERVICE", "dpapi:PATH, wincred:NAME")
}

// KeepState has the program remember what it must between runs.
func (s System) KeepState() string {
	const named = "let this user write to the state directory, or name another one: XDG_STATE_HOME"
	return by(s, named+", of a service StateDirectory=", named, `let this user write to %LOCALAPPDATA%\anaplan-agent`)
}

// FindPort shows which program listens on a TCP port.
func (s System) FindPort(port string) string {
	return by(s, "ss -ltnp", "sudo lsof -nP -sTCP:LISTEN -iTCP:"+port, "Get-Process -Id (Get-NetTCPConnection -State Listen -LocalPort "+port+").OwningProcess")
}

// FindListener shows which program listens on a socket.
func (s System) FindListener(socket string) string {
	if s == windows {
		return "Get-Process anaplan-agent"
	}
	return "lsof " + s.Quote(socket)
}

// InstallPinentry installs a program that asks for PINs.
func (s System) InstallPinentry() string {
	return by(s, "sudo apt install pinentry-curses", "brew install pinentry-mac", "winget install GnuPG.Gpg4win")
}

// AsUser runs a command as another user.
func (s System) AsUser(command string) string {
	if s == windows {
		return `runas /user:USER "` + command + `"`
	}
	return "sudo -u USER " + command
}

// WithoutTerminal runs a program by hand as a service would.
func (s System) WithoutTerminal(program string) string {
	return by(s, "setsid -w "+shell.Quote(program)+" ... </dev/null", shell.Quote(program)+" ... </dev/null", "cmd /c '"+s.Quote(program)+" ... <NUL'")
}

// RaiseMemoryLimit raises how much memory may be locked.
func (s System) RaiseMemoryLimit() string {
	return by(s, "raise the limit: ulimit -l 64, or LimitMEMLOCK=64K of the service", "raise the limit: ulimit -l 64", "close other programs, and start this one again")
}

// SetToken runs a command that prints a token, and puts that into a variable. command is without
// the value of its last flag, --output.
func (s System) SetToken(command string) string {
	if s == windows {
		return command + " powershell | Invoke-Expression"
	}
	return `eval "$(` + command + ` env)"`
}

// WhyEnded says where to find out why a process was ended from outside.
func (s System) WhyEnded() string {
	return by(s, "somebody ends it, or the kernel does for want of memory: see journalctl -k, and MemoryMax= of the service",
		"somebody ends it, or macOS does for want of memory", "somebody ends it, or a program that guards against viruses does: see the Event Viewer")
}
