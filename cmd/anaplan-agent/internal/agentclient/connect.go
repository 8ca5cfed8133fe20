package agentclient

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// Connect returns the session with the agent; nil if the command works by itself: where no agent
// runs and none is required, or where the command was given settings that are not the agent's. A
// socket given to this command requires an agent; one in the configuration says where an agent is,
// if one runs. One that runs and is not open to this user is an error: a login beside it is not what
// the person expects.
func Connect(s *settings.Settings, say *console.Messenger) (*Session, error) {
	own, err := ownAgent(s)
	if err != nil || own.Socket == "none" {
		return nil, err
	}
	if overridden := overridden(s); len(overridden) > 0 {
		if isGiven(s, "socket") {
			return nil, fmt.Errorf("%w: %s: leave that out, or bypass the agent with --socket none", errOverridden, strings.Join(overridden, ", "))
		}
		return nil, nil
	}
	session, err := ConnectTo(s, own.Socket, say)
	if errors.Is(err, ErrNoAgent) && !isGiven(s, "socket") {
		return nil, nil
	}
	return session, err
}

// Require is Connect for commands that need the agent.
func Require(s *settings.Settings, say *console.Messenger) (*Session, error) {
	own, err := ownAgent(s)
	if err != nil {
		return nil, err
	}
	if own.Socket == "none" {
		return nil, fmt.Errorf("%w: socket is \"none\"", ErrNoAgent)
	}
	session, err := ConnectTo(s, own.Socket, say)
	if session == nil && err == nil {
		err = fmt.Errorf("%w: nobody listens at %s", ErrNoAgent, strings.Join(paths.UsualSockets(), " or "))
	}
	return session, err
}

// ConnectTo returns the session with the agent at socket, or at the first of the usual sockets
// where one runs that this user may ask; nil if none runs.
func ConnectTo(s *settings.Settings, socket string, say *console.Messenger) (*Session, error) {
	if socket != "" {
		if err := CheckSocket(socket); err != nil {
			return nil, err
		}
		return converse(s, socket, say), nil
	}
	var closed error
	for _, socket := range paths.UsualSockets() {
		switch err := CheckSocket(socket); {
		case err == nil:
			return converse(s, socket, say), nil
		case errors.Is(err, local.ErrSocketGone): // a login beside it would be one too many
			return nil, err
		case closed == nil && errors.Is(err, ErrNotShared) && concerns(socket):
			closed = err
		}
	}
	return nil, closed
}

// concerns reports whether a socket that is not open to this user is that of an agent which the user
// may know of. What XDG_RUNTIME_DIR of another user's session holds, as after su, is not.
func concerns(socket string) bool {
	_, err := os.Lstat(socket)
	return err == nil || socket == paths.SystemSocket()
}

// socketTimeout is how long an agent is given to make its socket, or to make it again where
// somebody has removed it.
const (
	socketTimeout = 3 * time.Second
	socketPause   = 20 * time.Millisecond
)

// CheckSocket returns nil if an agent listens at a socket, also if its queue is full: the client
// waits for a place in it, since a login of its own would only add load.
func CheckSocket(path string) error {
	for deadline := time.Now().Add(socketTimeout); ; time.Sleep(socketPause) {
		err := knock(path)
		switch {
		case !errors.Is(err, ErrNoAgent):
			return err
		case !local.RunsWithoutSocket(path):
			return knock(path) // it may have been made between the two looks
		case time.Now().After(deadline):
			return fmt.Errorf("%w: %s", local.ErrSocketGone, path)
		}
	}
}

// knock is CheckSocket at one moment.
func knock(path string) error {
	switch err := local.Knock(path); {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrPermission):
		return &notSharedError{path}
	}
	return fmt.Errorf("%w: nobody listens at %s", ErrNoAgent, path)
}

// converse begins the conversation.
func converse(s *settings.Settings, socket string, say *console.Messenger) *Session {
	ctx, deadline, end := console.WithDeadline(s.Command.Context(), answerTime(s))
	client := local.NewClient(socket)
	return &Session{Ctx: ctx, Client: client, Socket: socket, Profile: s.ProfileName(), deadline: deadline, say: say, Close: func() {
		end()
		client.Close()
	}}
}

// answerTime is how long to wait for the agent: as long as it may take itself, and some more, so
// that its error about that arrives.
func answerTime(s *settings.Settings) time.Duration {
	const more = 15 * time.Second
	if value, ok := s.Override(config.Setting{Name: "timeout"}); ok {
		if limit, err := time.ParseDuration(value.Text); err == nil {
			return limit
		}
	}
	if profile, err := s.Load(); err == nil {
		return profile.Timeout*time.Duration(max(1, len(profile.Keys))) + more
	}
	return time.Minute + more
}

// overridden names the settings of a profile that flags or environment give. With them
// the command means something else than the agent's profile of that name.
func overridden(s *settings.Settings) (names []string) {
	for _, setting := range config.Settings() {
		if value, ok := s.Override(setting); ok && setting.Name != "timeout" {
			names = append(names, value.From)
		}
	}
	if s.PINChanged {
		names = append(names, "--pin-changed")
	}
	if s.Unrecorded {
		names = append(names, "--pin-unrecorded")
	}
	return names
}

// isGiven reports whether a flag or a variable gives a setting of the agent.
func isGiven(s *settings.Settings, name string) bool {
	_, ok := s.Override(config.Setting{Name: name})
	return ok
}
