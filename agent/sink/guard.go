package sink

import (
	"bufio"
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/atomicfile"
)

// How long Guard tries to remove a file that somebody reads just then, and how often.
const (
	guardFor  = 5 * time.Second
	guardPoll = 100 * time.Millisecond
)

// What an agent says of a file: that it is about to be written, and that it was.
const (
	Writing = "writing "
	Written = "written "
)

// Guard removes the token files of an agent that cannot do so itself any more, because it was killed.
// It is run by another process, which reads from the agent: before and after each change of a file a
// line with [Writing] or [Written] and its path. Where that ends, as a pipe does together with the
// process at its other end, Guard removes files that are as they were when their line came, those that
// were about to be written, and partial ones beside them. What is another's by then stays.
//
// Windows itself can delete a file when the last process that has it open ends
// (FILE_FLAG_DELETE_ON_CLOSE). But then only programs that agree to that (FILE_SHARE_DELETE) can open
// the file to read it, and hardly any does.
func Guard(agent io.Reader) error {
	files := map[string]*File{}
	lines := bufio.NewScanner(agent)
	for lines.Scan() {
		if path, ok := strings.CutPrefix(lines.Text(), Writing); ok {
			files[path] = at(path)
		} else if path, ok := strings.CutPrefix(lines.Text(), Written); ok {
			delete(files, path)
			if info, err := os.Stat(path); err == nil {
				files[path] = at(path)
				files[path].wrote = info
			}
		}
	}
	errs := []error{lines.Err()}
	for _, file := range files {
		errs = append(errs, file.removeLeft())
	}
	return errors.Join(errs...)
}

func at(path string) *File { return &File{Path: path, UID: -1, GID: -1} }

// removeLeft removes the file if it is the one that was written, or if nobody knows whether it is, and
// what was to become it. One that somebody has open is tried again.
func (f *File) removeLeft() error {
	isKnown := f.wrote != nil
	for end := time.Now().Add(guardFor); ; time.Sleep(guardPoll) {
		var err error
		if isKnown {
			atomicfile.Sweep(f.Path)
			err = f.Remove()
		} else {
			err = f.Clear()
		}
		isAnothers := isKnown && f.wrote == nil
		if err == nil || isAnothers {
			return nil
		}
		if time.Now().After(end) {
			return err
		}
	}
}
