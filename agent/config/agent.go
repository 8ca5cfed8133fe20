package config

import (
	"cmp"
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

	// ListenTLS is where the agent listens for clients on other machines: an IP address with its port,
	// as "0.0.0.0:8471"; port 0 is any free one. "": nowhere. Then there is TLS.
	ListenTLS string

	// TLS is the directory with this machine's certificate for others, absolute; "": none.
	TLS string

	// Metrics is where those who watch the agent find its metrics, an IP address with its port, which
	// may be open to other machines. "": nowhere but on the socket.
	Metrics string

	AuditFile string // absolute; "": none
	LogLevel  slog.Level
	LogJSON   bool   // each line of the log is a JSON object
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
		read(&agent.ListenTLS, merged[listenTLSSetting], tlsAddress),
		read(&agent.TLS, merged[tlsSetting], absoluteDirectory),
		checkTLS(merged),
		read(&agent.Metrics, merged[metricsSetting], metricsAddress),
		read(&agent.AuditFile, merged[auditFileSetting], absolutePath),
		read(&agent.LogLevel, merged[logLevelSetting], logLevel),
		read(&agent.LogJSON, merged[logFormatSetting], jsonOrText),
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

// loopbackAddress reads an address that only this machine reaches, with its port. "": not set.
func loopbackAddress(text string) (string, error) {
	const sample = "127.0.0.1:8470"
	address, err := tcpAddress(text, sample)
	if err == nil && address.IsValid() && !upstream.IsLoopback(address.Addr().String()) {
		return "", fmt.Errorf("%q is not a loopback address: the agent would be open to the network; write it as %s", text, sample)
	}
	return textOf(address), err
}

// metricsAddress reads an address with its port, which others may reach. "": not set.
func metricsAddress(text string) (string, error) {
	address, err := tcpAddress(text, "127.0.0.1:9464, or 0.0.0.0:9464 for other machines")
	return textOf(address), err
}

// tlsAddress reads an address with its port, where callers show certificates. "": not set.
func tlsAddress(text string) (string, error) {
	address, err := tcpAddress(text, "0.0.0.0:8471, or an address of this machine's own")
	return textOf(address), err
}

// checkTLS returns an error if callers are to show certificates where the agent has none.
func checkTLS(merged values) error {
	if listen := merged[listenTLSSetting][0]; listen.Text != "" && merged.text(tlsSetting) == "" {
		return fmt.Errorf("%s: it needs a certificate to show; add tls = \"DIRECTORY\" with tls.crt, tls.key and ca.crt", listen.From)
	}
	return nil
}

// textOf returns an address as text; "" for none.
func textOf(address netip.AddrPort) string {
	if !address.IsValid() {
		return ""
	}
	return address.String()
}

// tcpAddress reads an IP address with its port. No name but localhost is looked up, since the
// answer could change later. "": not set.
func tcpAddress(text, sample string) (none netip.AddrPort, err error) {
	if text == "" {
		return none, nil
	}
	// A URL may hold a password, so it is not shown.
	if strings.ContainsAny(text, "/@, \t") {
		return none, fmt.Errorf("only an address with its port stands here, not a URL or a path; write it as %s", sample)
	}
	host, port, err := net.SplitHostPort(text)
	switch {
	case strings.Count(text, ":") > 1 && !strings.HasPrefix(text, "["):
		return none, fmt.Errorf("%q lacks the brackets of an IPv6 address; write it as [::1]:8470", text)
	case err != nil || port == "":
		return none, fmt.Errorf("%q is not an address with its port; write it as %s, or with port 0 for any free one", text, sample)
	}
	number, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return none, fmt.Errorf("port %q is not a number from 0 to 65535; write it as %s", port, sample)
	}
	if strings.EqualFold(host, "localhost") { // which may also be ::1, and clients try both
		host = "127.0.0.1"
	}
	address, err := netip.ParseAddr(host)
	if err != nil {
		return none, fmt.Errorf("%q is not an IP address: a name could stand for another one later; write it as %s", host, sample)
	}
	return netip.AddrPortFrom(address.Unmap(), uint16(number)), nil
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

// jsonOrText reads a format of the log.
func jsonOrText(text string) (json bool, err error) {
	format, err := oneOf("text", "json")(text)
	return format == "json", err
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
