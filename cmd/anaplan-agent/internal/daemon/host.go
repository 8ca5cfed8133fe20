package daemon

import (
	"log/slog"
	"os"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
)

// Host is what has started the agent, where it is neither a person nor systemd. The zero Host is for
// those: the log goes to standard error, and SIGHUP asks for a reload.
type Host struct {
	Socket  string                              // where the agent listens if no setting says so; "": the usual place
	Log     func(level slog.Level) slog.Handler // makes what takes the log; nil: standard error does
	Hangups chan os.Signal                      // each asks for the configuration to be read again
	Ready   func()                              // is called once callers are served; nil: nobody is
}

// handler returns what takes the log.
func (h Host) handler(own *config.Agent) slog.Handler {
	if h.Log != nil {
		return h.Log(own.LogLevel)
	}
	return standardHandler(own)
}

// hangups returns where to wait for wishes to have the configuration read again.
func (h Host) hangups() chan os.Signal {
	if h.Hangups != nil {
		return h.Hangups
	}
	hangups := make(chan os.Signal, 1)
	notifyHangup(hangups)
	return hangups
}

func (h Host) ready() {
	if h.Ready != nil {
		h.Ready()
	}
}
