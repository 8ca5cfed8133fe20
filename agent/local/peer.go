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

	// On Windows, the user and the groups that count, as "S-1-5-21-1-2-3-1001"; elsewhere none.
	SID  string
	SIDs []string

	executable *executable
}

// User returns the user as the kernel knows it: "1000", on Windows the SID; "" for nobody.
func (p Peer) User() string {
	if p.SID != "" || p.UID == Nobody {
		return p.SID
	}
	return strconv.Itoa(p.UID)
}

// InGroup reports whether the peer is in the group, given as the kernel knows it: as a number in
// digits, on Windows as an SID.
func (p Peer) InGroup(group string) bool {
	is := func(gid int) bool { return gid != Nobody && strconv.Itoa(gid) == group }
	return is(p.GID) || slices.ContainsFunc(p.Groups, is) || slices.Contains(p.SIDs, group)
}

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

// IsRootOrSelf reports whether a peer may do everything that this process may. On Windows root is the
// system, and an administrator whose process has these rights: most have them only when Windows has
// asked whether they may.
func IsRootOrSelf(peer Peer) bool {
	return MayEverything(peer.User()) || slices.Contains(peer.SIDs, administrators)
}

// administrators is the group that may do everything on Windows ("Well-known SIDs", Windows).
const administrators = "S-1-5-32-544"

// MayEverything is IsRootOrSelf for a [Peer.User], of whose groups nothing is known.
func MayEverything(user string) bool { return user != "" && (user == root || user == Self()) }
