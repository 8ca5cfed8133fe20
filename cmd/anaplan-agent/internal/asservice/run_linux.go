package asservice

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/anaplan-agent/anaplan-agent/agent/atomicfile"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/foreign"
)

// credentialsDirectory is a file system of this process alone, where systemd has its own for each
// service.
const credentialsDirectory = "/run/credentials"

// Run replaces this process by this program with the arguments, as the service of that name or file
// runs it. It returns only if that fails.
func Run(name string, args []string, say *console.Messenger) error {
	unit, err := FindUnit(name)
	if err != nil {
		return err
	}
	if os.Geteuid() != 0 {
		return ErrNotRoot
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	who, err := unit.identity()
	if err != nil {
		return err
	}
	variables, err := unit.environment()
	if err != nil {
		return err
	}
	// A namespace is a thread's, and the program that this process becomes is that thread's.
	runtime.LockOSThread()
	env, err := unit.prepare(who)
	if err != nil {
		return err
	}
	if err := who.become(); err != nil {
		return err
	}
	if err := who.move(say); err != nil {
		return err
	}
	if err := foreign.Restore(); err != nil {
		return err
	}
	// What root's shell has open is not the service's. Kernels before 5.11 cannot say so, and sudo has closed it.
	unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	err = syscall.Exec(program, append([]string{program}, args...), lastOfEach(slices.Concat(passedOn(), env, variables)))
	return fmt.Errorf("%s cannot be run by the user %s, as it must be for the service, too: %w", program, who.name, err)
}

// identity is the user that the service has.
type identity struct {
	name, home string
	uid, gid   int
	groups     []int
}

// identity returns the unit's user with all its groups. A unit names each by name or number. One that names
// no user is not taken for root's: its user may be made for it alone, or the file be empty.
func (u *Unit) identity() (*identity, error) {
	name := u.User()
	if name == "" || slices.Contains([]string{"yes", "true", "on", "1", "y", "t"}, strings.ToLower(u.last("DynamicUser"))) {
		return nil, fmt.Errorf("%s names no user that is there without the service: write User=NAME below [Service] in it or in a drop-in, and no DynamicUser=", u.Path)
	}
	account, err := user.Lookup(name)
	if err != nil {
		if account, err = user.LookupId(name); err != nil {
			return nil, fmt.Errorf("%s has User=%s, and there is no such user", u.Path, name)
		}
	}
	who := &identity{name: account.Username, home: account.HomeDir}
	who.uid, _ = strconv.Atoi(account.Uid)
	who.gid, _ = strconv.Atoi(account.Gid)
	if group := u.last("Group"); group != "" {
		if who.gid, err = groupNumber(group); err != nil {
			return nil, fmt.Errorf("%s: %w", u.Path, err)
		}
	}
	also, err := account.GroupIds()
	if err != nil {
		return nil, fmt.Errorf("the groups of %s: %w", name, err)
	}
	for _, group := range slices.Concat(also, strings.Fields(strings.Join(u.settings["SupplementaryGroups"], " "))) {
		number, err := groupNumber(group)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", u.Path, err)
		}
		who.groups = append(who.groups, number)
	}
	return who, nil
}

// groupNumber returns the number of a group.
func groupNumber(group string) (int, error) {
	if number, err := strconv.Atoi(group); err == nil {
		return number, nil
	}
	found, err := user.LookupGroup(group)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(found.Gid)
}

// become gives this process the user, for good.
func (who *identity) become() error {
	for _, step := range []func() error{
		func() error { return syscall.Setgroups(who.groups) },
		func() error { return syscall.Setgid(who.gid) },
		func() error { return syscall.Setuid(who.uid) },
		func() error { return unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) },
	} {
		if err := step(); err != nil {
			return fmt.Errorf("becoming the user %s: %w", who.name, err)
		}
	}
	syscall.Umask(0o077)
	return nil
}

// move leaves a directory that the user may not see.
func (who *identity) move(say *console.Messenger) error {
	if unix.Access(".", unix.X_OK) == nil {
		return nil
	}
	dir := who.home
	if os.Chdir(dir) != nil {
		dir = "/"
		if err := os.Chdir(dir); err != nil {
			return err
		}
	}
	say.Note("files are read and written in %s, since the user %s may not see this directory; hand others over by < and >", dir, who.name)
	return nil
}

// prepare makes what systemd makes before it starts the service, and returns the variables that tell
// the service of it.
func (u *Unit) prepare(who *identity) (env []string, err error) {
	env = []string{Variable + "=yes", "HOME=" + who.home, "USER=" + who.name, "LOGNAME=" + who.name, servicePath}
	for _, dir := range u.directories() {
		if err := dir.make(who); err != nil {
			return nil, err
		}
		env = append(env, dir.variable+"="+dir.path)
	}
	secrets, err := u.readCredentials()
	if err != nil || len(secrets) == 0 {
		return env, err
	}
	dir, err := who.hold(secrets)
	if err != nil {
		return nil, fmt.Errorf("the service's credentials cannot be handed over: %w", err)
	}
	return append(env, "CREDENTIALS_DIRECTORY="+dir), nil
}

// make makes the directory, unless it is there.
func (d directory) make(who *identity) error {
	mode, err := strconv.ParseUint(cmp.Or(d.mode, "0755"), 8, 32)
	if err != nil {
		return fmt.Errorf("the mode of %s: %w", d.path, err)
	}
	if _, err := os.Lstat(d.path); err == nil {
		return nil
	}
	if err := atomicfile.MkdirAll(d.path, fs.FileMode(mode)); err != nil {
		return err
	}
	if err := os.Chmod(d.path, fs.FileMode(mode)); err != nil {
		return err
	}
	return os.Lchown(d.path, who.uid, who.gid)
}

// readCredentials returns what the unit's credentials are. One that is not there yet is left out: the
// command may have another source for it.
func (u *Unit) readCredentials() (map[string][]byte, error) {
	secrets := map[string][]byte{}
	for _, c := range u.credentials() {
		data, err := c.read()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("the service's credential %s: %w", c.name, err)
		}
		secrets[c.name] = data
	}
	return secrets, nil
}

// read returns what a credential is. A FIFO would have root wait for ever.
func (c credential) read() ([]byte, error) {
	info, err := os.Stat(c.path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", c.path)
	}
	if !c.encrypted {
		return os.ReadFile(c.path)
	}
	decrypt := exec.Command("/usr/bin/systemd-creds", "decrypt", "--name="+c.name, c.path, "-")
	decrypt.Env = []string{servicePath} // nothing of the caller's runs as root
	data, err := decrypt.Output()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok {
		return nil, fmt.Errorf("systemd-creds: %w: %s", err, strings.TrimSpace(string(failed.Stderr)))
	}
	return data, err
}

// servicePath is where a service's programs are looked for.
const servicePath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin"

// hold puts secrets into memory that only the user can read, as files that this process and those
// that it starts can see, and which end with the last of these.
func (who *identity) hold(secrets map[string][]byte) (string, error) {
	if err := os.MkdirAll(credentialsDirectory, 0o755); err != nil {
		return "", err
	}
	for _, step := range []func() error{
		func() error { return unix.Unshare(unix.CLONE_NEWNS) },
		func() error { return unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, "") },
		func() error {
			return unix.Mount("ramfs", credentialsDirectory, "ramfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "mode=0700")
		},
	} {
		if err := step(); err != nil {
			return "", err
		}
	}
	for name, data := range secrets {
		path := filepath.Join(credentialsDirectory, filepath.Base(name))
		if err := atomicfile.Write(path, data, atomicfile.Options{Mode: 0o400}); err != nil {
			return "", err
		}
		if err := os.Chown(path, who.uid, who.gid); err != nil {
			return "", err
		}
	}
	return credentialsDirectory, os.Chown(credentialsDirectory, who.uid, who.gid)
}

// passedOn returns what of this process's variables is about the terminal and the language. Nothing
// else of root's is the service's.
func passedOn() (env []string) {
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if slices.Contains([]string{"TERM", "COLORTERM", "NO_COLOR", "LANG", "LANGUAGE", "TZ"}, name) || strings.HasPrefix(name, "LC_") {
			env = append(env, entry)
		}
	}
	return env
}
