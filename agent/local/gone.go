package local

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/anaplan-agent/anaplan-agent/agent/neterror"
)

// RunsWithoutSocket reports whether an agent runs whose socket should be at path, and is not,
// as while it starts, or after somebody has removed it. That of another user is not seen.
func RunsWithoutSocket(path string) bool { return isLocked(LockOf(path)) && NobodyListens(path) }

// ErrRunning is returned by Listen where another agent listens already.
var ErrRunning = errors.New("an agent is running already")

// ErrSocketGone is returned by Listen and by a Client where an agent runs whose socket
// somebody has removed, or put something in the place of. It wraps ErrRunning. The agent
// makes the socket again as soon as its place is free.
var ErrSocketGone = fmt.Errorf("%w, but somebody has removed its socket", ErrRunning)

// LockOf returns the file that decides between two agents.
func LockOf(path string) string { return path + ".lock" }

// NobodyListens reports whether there is no socket, or one on which nobody listens.
func NobodyListens(path string) bool {
	err := Knock(path)
	return errors.Is(err, fs.ErrNotExist) || err != nil && neterror.IsRefused(err)
}
