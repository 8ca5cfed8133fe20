package postgrestest

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// nobody is who a server runs as where the tests are root's, for whom it does not start.
const nobody = 65534

// Programs returns the directory of PostgreSQL's programs; where there is none, the test ends.
func Programs(t testing.TB) string {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(found) == 0 {
		hsmtest.Missing(t, "postgres", "/usr/lib/postgresql/*/bin")
	}
	return found[len(found)-1]
}

// Credential returns as whom a server and its tools run; nil: as the tests.
func Credential() *syscall.Credential {
	if os.Geteuid() != 0 {
		return nil
	}
	return &syscall.Credential{Uid: nobody, Gid: nobody}
}

// Own gives a file to who a server runs as.
func Own(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return os.Chown(path, nobody, nobody)
}

// Signal reaches a server with all that serve its connections, each of which is in a session of its own.
func Signal(server int, signal syscall.Signal) {
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%[1]d/task/%[1]d/children", server))
	for _, child := range strings.Fields(string(children)) {
		if pid, err := strconv.Atoi(child); err == nil {
			syscall.Kill(pid, signal)
		}
	}
	syscall.Kill(server, signal)
}
