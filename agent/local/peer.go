package local

import (
	"slices"
	"strconv"
	"sync"
)

// Nobody is the user of a Peer that the kernel does not know.
const Nobody = -1

// Peer is the process at the other end of a connection, as the kernel knows it from the
// moment when it connected.
type Peer struct {
	UID    int // the effective user; Nobody over TCP, where the kernel does not say, and on Windows
	GID    int
	PID    int   // 0 where the kernel does not say, or the process is out of sight
	Groups []int // the supplementary groups

	SID string // on Windows the user, as "S-1-5-21-1-2-3-1001"; "" elsewhere

	executable *executable
}

// User returns the user as the kernel knows it: "1000", on Windows the SID; "" for nobody.
func (p Peer) User() string {
	if p.SID != "" || p.UID == Nobody {
		return p.SID
	}
	return strconv.Itoa(p.UID)
}

// InGroup reports whether the peer is in the group.
func (p Peer) InGroup(gid int) bool { return p.GID == gid || slices.Contains(p.Groups, gid) }

// Executable returns the program of the peer, "" if it cannot be had. It is looked up when first
// asked for, by process id, so it is good for a line in a log but not for trust: the process may
// have become another by then.
func (p Peer) Executable() string {
	if p.executable == nil {
		return ""
	}
	return p.executable.get()
}

// executable looks a program up once, for all copies of a Peer.
type executable struct {
	once sync.Once
	pid  int
	path string
}

func (e *executable) get() string {
	e.once.Do(func() { e.path = executableOf(e.pid) })
	return e.path
}

// IsRootOrSelf reports whether a peer may do everything that this process may.
func IsRootOrSelf(peer Peer) bool { return MayEverything(peer.User()) }

// MayEverything is IsRootOrSelf for a [Peer.User].
func MayEverything(user string) bool { return user != "" && (user == root || user == Self()) }
