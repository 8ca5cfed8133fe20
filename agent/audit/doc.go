// Package audit keeps a log of what an agent did and for whom: a file to which lines are
// only ever added, each with the hash of the one before, so that a line which was
// changed, removed or put in is found. The agent writes it, and the command that checks
// it reads it.
//
//	log, err := audit.Open("/var/log/anaplan-agent/audit.log", audit.Options{})
//	...
//	err = log.Append(audit.Entry{
//		Action:  audit.Token,
//		Profile: "default",
//		Caller:  &audit.Caller{UID: 1000, PID: 4711, Executable: "/usr/bin/python3"},
//	})
//
// writes the line
//
//	{"time":"2026-11-25T03:39:00.123456789Z","seq":7,"action":"token","profile":"default","result":"ok","caller":{"uid":1000,"pid":4711,"executable":"/usr/bin/python3"},"previous":"9f86…"}
//
// previous is the SHA-256 of the line before, as it stands there, without its line end;
// 64 zeros in the first line of a file. seq counts on from file to file.
//
// # What the chain proves
//
// [Verify] finds any change in a file but two: one within the last line that leaves it an entry,
// and whole lines cut off at the end. Both show in the file that continues it. The chain has no
// key: with write access to the file, all of it can be rewritten. Against all of this the Log
// tells its head elsewhere, and [Anchors] compare. Or send the lines to another machine as they
// come.
//
// # When it cannot be written
//
// [Log.Ready] tells before something is done that it could not be written down, and [Log.Owe] keeps
// the line of what has been done. All goes on by itself, with a line about the gap.
//
// # Rotation
//
// Rename the file and have [Log.Reopen] called (the agent does, on SIGHUP). The new file begins
// with the hash that the old one ends with, and so does one that was removed or emptied while it
// was open; a file that is copied and then emptied (logrotate's copytruncate) can lose lines. A
// file that was renamed while no agent ran is not continued, and [Report.Follows] says so.
//
// # What it refuses
//
// A log that another agent writes, a log that others may write, and a file that is not a regular
// file or not an audit log. An Entry has no field for a secret, and its texts are cut to a length.
package audit
