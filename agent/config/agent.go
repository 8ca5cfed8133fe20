package config

import (
	"fmt"
	"log/slog"
)

// Agent are the settings of the agent as a process, checked.
type Agent struct {
	// Socket is where the agent listens: an absolute path, "none" for no agent, or "" for
	// the usual place, which depends on the machine.
	Socket string

	AuditFile string // absolute; "": none
	LogLevel  slog.Level

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
	merged, err := merge(agentSettings, own, over)
	if err != nil {
		return nil, err
	}
	agent := &Agent{}
	for _, err := range []error{
		read(&agent.Socket, merged[socketSetting], socketPath),
		read(&agent.AuditFile, merged[auditFileSetting], absolutePath),
		read(&agent.LogLevel, merged[logLevelSetting], logLevel),
		read(&agent.LogoutAtEnd, merged[logoutAtEndSetting], yesOrNo),
		read(&agent.ShareSocket, merged[shareSocketSetting], yesOrNo),
	} {
		if err != nil {
			return nil, err
		}
	}
	return agent, nil
}

// socketPath reads the place of the socket.
func socketPath(text string) (string, error) {
	if text == "none" {
		return text, nil
	}
	path, err := absolutePath(text)
	if err != nil {
		err = fmt.Errorf("%w; none is for no agent", err)
	}
	return path, err
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
