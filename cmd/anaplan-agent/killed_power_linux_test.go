//go:build cgo

package main

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// onDiskCommand is the command on-disk of the scripts:
//
//	on-disk FILE THEN ARG...
//
// runs the program and fails if a power cut could lose what it has written: see disk. FILE, if it is
// not "-", must have been written by the program, and be on the disk at its end. THEN, if it is not "-",
// is a shell script that runs beside the program.
func onDiskCommand(ts *testscript.TestScript, _ bool, args []string) {
	disk, fate := newDisk(ts.Getenv("WORK")), &fate{left: -1}
	var beside sync.WaitGroup
	if then := args[1]; then != "-" {
		script := exec.Command("sh", "-e", then)
		script.Dir, script.Env = disk.work, environment(ts)
		beside.Go(func() {
			if output, err := script.CombinedOutput(); err != nil {
				fate.end(fmt.Sprintf("%s: %v: %s", then, err, output))
			}
		})
	}
	step, err := killAt(ts, fate, disk, 0, args[2:])
	beside.Wait()
	ts.Check(err)
	if step != "" {
		ts.Fatalf("%s", step)
	}
	if file := args[0]; file != "-" && !disk.holds(ts.MkAbs(file)) {
		ts.Fatalf("%s is not on the disk at the end", file)
	}
}

// disk is what of a program's files a power cut would leave, as its system calls tell. It knows
// three mistakes: a file is given its name before its content is on the disk; the directory is not
// brought there afterwards; and a PIN is sent without a note of that on the disk.
type disk struct {
	work     string
	dirty    map[string]bool // files that were written since they were last brought to the disk
	synced   map[string]bool // files and directories that have been
	renamed  map[string]bool // directories in which there is a name that may be lost
	mistakes []string
}

func newDisk(work string) *disk {
	return &disk{work: work, dirty: map[string]bool{}, synced: map[string]bool{}, renamed: map[string]bool{}}
}

// isOfProgram reports whether a file is one of the program's that must last: not a token's, nor a lock
// or a socket.
func (d *disk) isOfProgram(path string) bool {
	return strings.HasPrefix(path, d.work+"/") && !strings.Contains(path, "/.tokens/") &&
		!strings.HasSuffix(path, ".lock") && !strings.HasSuffix(path, ".sock")
}

// holds reports whether a file was written, and is whole on the disk.
func (d *disk) holds(path string) bool {
	return d.synced[path] && !d.dirty[path] && !d.renamed[filepath.Dir(path)]
}

// at notes a system call that is about to be made.
func (d *disk) at(p *tracee, number uint64, args [6]uint64) {
	switch number {
	case unix.SYS_WRITE, unix.SYS_PWRITE64, unix.SYS_WRITEV, unix.SYS_FTRUNCATE, unix.SYS_SENDFILE:
		d.write(p.file(args[0]))
		if call := strings.TrimSpace(p.text(args[1], int(min(args[2], 40)))); number == unix.SYS_WRITE && call == "C_Login" {
			d.login()
		}
	case unix.SYS_COPY_FILE_RANGE:
		d.write(p.file(args[2]))
	case unix.SYS_FSYNC, unix.SYS_FDATASYNC:
		d.sync(p.file(args[0]))
	case unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2, unix.SYS_LINKAT:
		d.rename(p.path(args[1]), p.path(args[3]))
	}
}

func (d *disk) write(path string) {
	if d.isOfProgram(path) {
		d.dirty[path] = true
	}
}

func (d *disk) sync(path string) {
	delete(d.dirty, path)
	delete(d.renamed, path)
	d.synced[path] = true
}

func (d *disk) rename(from, to string) {
	if !d.isOfProgram(to) {
		return
	}
	if d.dirty[from] {
		d.mistakes = append(d.mistakes, fmt.Sprintf("%s gets its name before its content is on the disk", to))
	}
	delete(d.dirty, from)
	d.synced[to] = d.synced[from]
	d.renamed[filepath.Dir(to)] = true
}

// login is a PIN that the module is about to get. Its note has a name of 16 digits.
func (d *disk) login() {
	for path := range d.synced {
		if ok, _ := filepath.Match(d.work+"/.home/.local/state/anaplan-agent/????????????????.json", path); ok && d.holds(path) {
			return
		}
	}
	d.mistakes = append(d.mistakes, "a PIN is sent, and the disk has no note of it")
}

// end returns the mistakes of a program that has ended.
func (d *disk) end() error {
	for _, directory := range slices.Sorted(maps.Keys(d.renamed)) {
		d.mistakes = append(d.mistakes, directory+" has a new name that is not on the disk")
	}
	if len(d.mistakes) > 0 {
		return fmt.Errorf("a power cut: %s", strings.Join(d.mistakes, "; "))
	}
	return nil
}

// file returns the path of an open file.
func (p *tracee) file(descriptor uint64) string {
	path, _ := os.Readlink("/proc/" + strconv.Itoa(p.pid) + "/fd/" + strconv.Itoa(int(int32(descriptor))))
	return path
}

// path returns an absolute path from the program's memory.
func (p *tracee) path(address uint64) string {
	path, _, _ := strings.Cut(p.text(address, 4096), "\x00")
	if open, is := strings.CutPrefix(path, "/proc/self/fd/"); is {
		descriptor, _ := strconv.ParseUint(open, 10, 32)
		return p.file(descriptor)
	}
	if !filepath.IsAbs(path) {
		return filepath.Join(p.work, path)
	}
	return path
}
