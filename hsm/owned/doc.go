// Package owned refuses files that somebody else can change: a configuration that names programs,
// the programs, and libraries that are loaded. Changing one of them is as good as being the user
// who runs this program, so they are judged as OpenSSH judges its configuration, and sudo its own:
//
//	if err := owned.Check("/etc/anaplan-agent/config.toml"); err != nil {
//		return err // names what is wrong, and the command that puts it right
//	}
//
// The file, each directory on the way and each symbolic link must belong to root or to this user.
// Nobody else may be able to write to the file or to a directory, except to one with the sticky
// bit, such as /tmp, in which others cannot rename or remove what is not theirs. So nobody can put
// another file there between the check and the use.
//
// A group may write if nobody is in it but this user and root: root's group, and the private group
// that many systems give each user. A file with an access control list does not pass by that.
//
// In a user namespace, as a container without root has it, files of users who have no number there
// all seem to be nobody's. They pass where the real nobody has no number either: no process of the
// namespace can be their owner.
//
// On Windows the owner must be this user, the system, Administrators or TrustedInstaller. By the
// access lists nobody else may write to the file, delete it or change its rights; of the directories
// on the way nobody else may delete what is in them, delete them or change their rights. To make
// files in them is allowed, as in C:\ and C:\ProgramData: those belong to whoever has made them, and
// are refused. A file or directory whose list this user may not read is refused.
//
// It lies below hsm because that loads libraries; it knows nothing of any device.
package owned
