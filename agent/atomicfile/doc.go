// Package atomicfile writes files, all of them that this program writes: what a person asks
// for by name as well as what the program must find again.
//
//	err := atomicfile.Write(path, data, atomicfile.Options{})
//
//	out, err := atomicfile.Create(ctx, path, atomicfile.Options{})
//	...
//	_, err = io.Copy(out, body)
//	if err != nil {
//		return errors.Join(err, out.Discard())
//	}
//	return out.Commit()
//
// A regular file is replaced in one step: the new content is written beside it, in a file with
// a random name that must not exist yet (O_EXCL), brought to the disk, and renamed; then the
// directory is brought to the disk. A reader, a full disk, a kill or a power cut finds the old
// content or the new, never a part. Permissions, owner and extended attributes (ACLs, labels)
// of a file that is there are kept; a new one is the user's alone unless Options.Mode says
// otherwise. A file beside that a killed process has left is removed at the next write.
//
// Symbolic links are followed, and stay. What is not a regular file (a device, a FIFO, the
// /dev/fd/N of a shell's >(command)) is written through: it is neither replaced nor changed.
//
// Where a file cannot be replaced, it is written in place, once all of the new content is
// there: where it is a mount point, the directory is not writable, or its owner could not be
// kept. A full disk leaves the old content then, too; a kill or a power cut in that moment
// does not.
//
// Refused is what another user may have planted: a file or a link in a directory that
// everybody may write to (/tmp), unless it is the caller's or the directory owner's. Of a
// file with several names (hard links), the others keep the old content.
package atomicfile
