package daemon

// The file that a profile's token is written to, for tools that can read nothing else.
// It is behind the Keeper and never before it: whatever goes wrong with the file, callers
// of the socket are served.

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/user"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/sink"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// tokenFile keeps a file as the Keeper's token is.
type tokenFile struct {
	file  *sink.File
	guard *tokenGuard
	log   *slog.Logger
	next  chan agent.Token // the newest token; zero: there is no token any more
	last  agent.Token      // that was put there
	left  atomic.Bool      // the file is another's now

	failure atomic.Pointer[agent.Problem] // why the file is not as the token is; nil: it is
	cause   error                         // of that which was logged last
	unclear bool                          // what another agent has left is still there
}

// newTokenFile returns the file of a profile; nil if it has none. Nothing is written yet.
func newTokenFile(profile *config.Profile, guard *tokenGuard, log *slog.Logger) (*tokenFile, error) {
	if profile.TokenFile == "" {
		return nil, nil
	}
	uid, gid, err := OwnerOf(profile.TokenFileOwner)
	if err != nil {
		return nil, fmt.Errorf("%w: token_file_owner: %w", settings.ErrSettings, err)
	}
	file := &sink.File{Path: profile.TokenFile, Mode: profile.TokenFileMode, UID: uid, GID: gid}
	if err := file.Check(); err != nil {
		return nil, fmt.Errorf("%w: token_file: %w", settings.ErrSettings, err)
	}
	return &tokenFile{file: file, guard: guard, log: log.With("profile", profile.Name), next: make(chan agent.Token, 1)}, nil
}

// OwnerOf returns the numbers of "user", "user:group" or ":group"; -1 where there is none.
func OwnerOf(text string) (uid, gid int, err error) {
	uid, gid = -1, -1
	name, group, _ := strings.Cut(text, ":")
	if name != "" {
		uid, err = number(name, func() (string, error) {
			found, err := user.Lookup(name)
			if err != nil {
				return "", err
			}
			return found.Uid, nil
		})
	}
	if group != "" && err == nil {
		gid, err = number(group, func() (string, error) {
			found, err := user.LookupGroup(group)
			if err != nil {
				return "", err
			}
			return found.Gid, nil
		})
	}
	return uid, gid, err
}

// number returns a name's number: the name itself, if it is one.
func number(name string, lookUp func() (string, error)) (int, error) {
	if n, err := strconv.Atoi(name); err == nil {
		return n, nil
	}
	text, err := lookUp()
	if err != nil {
		return -1, err
	}
	return strconv.Atoi(text)
}

// observe takes over the token, after whatever the Keeper did: that there is another one,
// or none any more that may be handed out.
func (f *tokenFile) observe(keeper *agent.Keeper) {
	lease, _ := keeper.Held()
	if f.left.Load() {
		return
	}
	if lease.Token.Value.Equal(f.last.Value) {
		return
	}
	f.last = lease.Token
	select { // in place of one that was not written yet
	case <-f.next:
	default:
	}
	f.next <- lease.Token
}

// retryFile is how long to wait before a file is tried again that could not be written.
const retryFile = time.Second

// clear removes what a killed agent has left, before anybody takes it for a valid token. It is for
// a tokenFile that does not replace another.
func (f *tokenFile) clear() { f.unclear = !f.tell(f.file.Clear) }

// problem returns why the file is not as the token is; nil if it is. A nil tokenFile has none.
func (f *tokenFile) problem() *agent.Problem {
	if f == nil {
		return nil
	}
	return f.failure.Load()
}

// leave leaves the file to another tokenFile, which takes over when run has ended, so that readers
// always find it.
func (f *tokenFile) leave() { f.left.Store(true) }

// run writes what is wanted until ctx ends, and removes the file then, unless it is
// another's. What fails is tried again: a disk that was full has room some time.
func (f *tokenFile) run(ctx context.Context) {
	defer func() {
		if !f.left.Load() {
			f.tell(f.file.Remove)
		}
	}()
	var token agent.Token
	retry := time.NewTimer(retryFile)
	if f.problem() == nil {
		retry.Stop()
	}
	for {
		select {
		case <-ctx.Done():
			return
		case token = <-f.next:
		case <-retry.C:
		}
		if !f.tell(func() error { return f.put(token) }) {
			retry.Reset(retryFile)
		}
	}
}

// put makes the file as the token is.
func (f *tokenFile) put(token agent.Token) error {
	var err error
	switch {
	case !token.Value.IsZero():
		f.guard.tell(sink.Writing, f.file.Path)
		if err = f.file.Write(token); err == nil {
			f.guard.tell(sink.Written, f.file.Path)
		}
	case f.unclear:
		err = f.file.Clear()
	default:
		return f.file.Remove()
	}
	f.unclear = f.unclear && err != nil
	return err
}

// tell keeps and logs what fails, once for each cause, and reports whether all was well.
func (f *tokenFile) tell(work func() error) bool {
	err := work()
	if err == nil {
		if f.failure.Swap(nil) != nil {
			f.log.Info("the token file is as the token is again")
		}
		return true
	}
	cause, known := errors.AsType[syscall.Errno](err)
	if before := f.failure.Swap(agent.Problemf(agent.CodeTokenFile, "%v", err)); before == nil || !known || cause != f.cause {
		f.log.Error("the token file is not as the token is", "error", err)
	}
	f.cause = cause
	return false
}
