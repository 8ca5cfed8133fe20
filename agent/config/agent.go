package config

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/upstream"
)

// Agent are the settings of the agent as a process, checked.
type Agent struct {
	// Socket is where the agent listens: an absolute path, on Windows the name of a pipe, as
	// \\.\pipe\NAME; "none" for no socket, or "" for the usual place, which depends on the machine.
	Socket string

	// Listen is where the agent listens for clients that know no unix sockets: a loopback
	// address with its port, as "127.0.0.1:8470"; port 0 is any free one. "": nowhere.
	Listen string

	AuditFile string // absolute; "": none
	LogLevel  slog.Level
	LogFile   string // absolute; "": none beside standard error, or what the system has

	// LogoutAtEnd: tokens are ended at Anaplan when the agent ends.
	LogoutAtEnd bool

	// ShareSocket: other users may reach the socket, and the profiles' Allow decides.
	ShareSocket bool
}

// Agent returns the settings of the table [agent]. over is as for Profile.
func (f *File) Agent(over map[string]Value) (*Agent, error) {
	var own values
	if f != nil {
		own = f.agent
	}
	merged, err := merge(agentTable, own, over)
	if err != nil {
		return nil, err
	}
	agent := &Agent{}
	err = cmp.Or(
		read(&agent.Socket, merged[socketSetting], socketPath),
		read(&agent.Listen, merged[listenSetting], loopbackAddress),
		read(&agent.AuditFile, merged[auditFileSetting], absolutePath),
		read(&agent.LogLevel, merged[logLevelSetting], logLevel),
		read(&agent.LogFile, merged[logFileSetting], absolutePath),
		read(&agent.LogoutAtEnd, merged[logoutAtEndSetting], yesOrNo),
		read(&agent.ShareSocket, merged[shareSocketSetting], yesOrNo),
	)
	if err != nil {
		return nil, err
	}
	return agent, nil
}

// socketPath reads the place of the socket.
func socketPath(text string) (string, error) {
	if text == "none" {
		return text, nil
	}
	path, err := absolutePath(text)
	if err == nil && path != "" {
		err = isSocket(path)
	}
	if err != nil {
		err = fmt.Errorf("%w; none is for no agent", err)
	}
	return path, err
}

// loopbackAddress reads an address that only this machine reaches, with its port. No name but
// localhost is looked up, since the answer could change later. "": not set.
func loopbackAddress(text string) (string, error) {
	const write = "write it as 127.0.0.1:8470"
	if text == "" {
		return "", nil
	}
	// A URL may hold a password, so it is not shown.
	if strings.ContainsAny(text, "/@, \t") {
		return "", errors.New("only an address with its port stands here, not a URL or a path; " + write)
	}
	host, port, err := net.SplitHostPort(text)
	switch {
	case strings.Count(text, ":") > 1 && !strings.HasPrefix(text, "["):
		return "", fmt.Errorf("%q lacks the brackets of an IPv6 address; write it as [::1]:8470", text)
	case err != nil || port == "":
		return "", fmt.Errorf("%q is not an address with its port; %s, or with port 0 for any free one", text, write)
	case !upstream.IsLoopback(host):
		return "", fmt.Errorf("%q is not a loopback address: the agent would be open to the network; %s", text, write)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return "", fmt.Errorf("port %q is not a number from 0 to 65535; %s", port, write)
	}
	address, err := netip.ParseAddr(host)
	if err != nil { // localhost, which may also be ::1, and clients try both
		address = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return netip.AddrPortFrom(address.Unmap(), uint16(number)).String(), nil
}

// logLevel reads a level by its name.
func logLevel(text string) (slog.Level, error) {
	name, err := oneOf("debug", "info", "warn", "error")(text)
	if err != nil {
		return 0, err
	}
	var level slog.Level
	return level, level.UnmarshalText([]byte(name))
}

// noOrYes is yesOrNo for a field that says the opposite.
func noOrYes(text string) (bool, error) {
	yes, err := yesOrNo(text)
	return !yes && err == nil, err
}

// yesOrNo reads a switch. true and false are what TOML and other programs write.
func yesOrNo(text string) (bool, error) {
	switch text {
	case "yes", "true":
		return true, nil
	case "no", "false":
		return false, nil
	}
	return false, fmt.Errorf("%q is not yes or no", text)
}
