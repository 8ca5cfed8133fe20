package paths

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
)

// CheckOutput refuses a path that no file can be written to, before the work for it is done.
func CheckOutput(path string) error {
	if path == "" || path == "-" {
		return nil
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return errors.New("it is a directory; add a file name")
	}
	return CheckDirectory(path)
}

// CheckDirectory refuses a new file where there is no directory for it.
func CheckDirectory(path string) error {
	dir := filepath.Dir(path)
	info, err := os.Stat(dir)
	if err == nil && !info.IsDir() {
		err = errors.New("it is a file")
	}
	if err != nil {
		return fmt.Errorf("there is no directory %s: %w", dir, RootCause(err))
	}
	return nil
}

// RootCause leaves out the operation and the path, which the message names already.
func RootCause(err error) error {
	if wrapped, ok := errors.AsType[*fs.PathError](err); ok {
		return wrapped.Err
	}
	return err
}

// Absolute returns a path that means the same from anywhere.
func Absolute(path string) string {
	if full, err := filepath.Abs(path); err == nil {
		return full
	}
	return path
}

// IsThere reports whether there is something at a path.
func IsThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// IsMissing reports whether a file is not there, also because its home is not a directory: services
// often have /dev/null for theirs. A file that cannot be read is not missing, for its settings
// would be lost silently.
func IsMissing(err error) bool {
	return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR)
}

// configName is the configuration file's, in whatever directory.
const configName = "config.toml"

// DefaultConfigs returns where the configuration file is looked for: the user's own place
// (XDG_CONFIG_HOME or %APPDATA%, where there is a home), and the machine's. Where the machine has a
// directory for it root's is the machine's, as its agent's socket is: a file in root's home would
// else be read in place of the one that the service reads.
func DefaultConfigs() []string {
	machines := systemConfig()
	user, err := os.UserConfigDir()
	if err != nil {
		return []string{machines}
	}
	own := filepath.Join(user, build.Program, configName)
	if isRoot() && IsThere(filepath.Dir(machines)) {
		return []string{machines, own}
	}
	return []string{own, machines}
}

// ServiceConfig returns the configuration file that a service reads whose user has that directory for
// configurations.
func ServiceConfig(dir string) string {
	if own := filepath.Join(dir, build.Program, configName); dir != "" && IsThere(own) {
		return own
	}
	return systemConfig()
}
