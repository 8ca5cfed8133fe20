// Package sink keeps a token in a file, for tools that can read it from nowhere else. The
// agent writes the file at each login and refresh, and removes it at logout and at its
// own end. It is off unless somebody asks for it: any reader of the file has the token.
//
//	file := &sink.File{Path: "/run/anaplan/token", Mode: 0o640, UID: -1, GID: 990}
//	...
//	err = file.Write(lease.Token)
//	...
//	err = file.Remove()
//
// The file holds the token's value and a line end. A reader finds the old content or the
// new, never a part and never no file (package atomicfile), so the directory must be one that
// the agent may write to. One on a tmpfs, as below /run, leaves no token on a disk. An agent that
// is killed leaves the file, and in the middle of writing a hidden one beside it (mode 0600); the
// next one begins with Clear, and [Guard] removes them at once, in another process.
//
// Where the file is a mount point, as a container's volume is, or the directory is not writable,
// it is written in place, and emptied in place of removed.
//
// A symbolic link at Path is followed and stays. What is not a file there (a directory, a device, a
// socket) is refused, and so are a relative path, a missing directory, and a directory in which
// everybody may exchange files; on Windows, by the access lists, one in which any other user may
// (package owned). There a file that somebody has open is tried for some seconds, and then stays.
package sink
