//go:build cgo && unix

package hsmtest

import (
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/miekg/pkcs11"
)

// Login is a login that the shim passed on to the module behind it. Those that a fault
// answered in its place are not among them.
type Login struct {
	User     uint   // pkcs11.CKU_USER, CKU_SO or CKU_CONTEXT_SPECIFIC
	Hash     string // HashPIN of the PIN
	Answered bool   // false: the process ended in the middle of it
	RV       uint   // the real module's answer, whatever the shim returned
}

// Refused reports whether the real module refused the PIN, which counts against it.
func (l Login) Refused() bool {
	refusals := []uint{
		pkcs11.CKR_PIN_INCORRECT, pkcs11.CKR_PIN_INVALID, pkcs11.CKR_PIN_LEN_RANGE,
		pkcs11.CKR_PIN_EXPIRED, pkcs11.CKR_PIN_LOCKED,
	}
	return l.Answered && slices.Contains(refusals, l.RV)
}

// HashPIN returns what stands for a PIN in Login: FNV-1a, 32 bits. It hides no real PIN.
func HashPIN(pin string) string {
	hash := fnv.New32a()
	hash.Write([]byte(pin))
	return fmt.Sprintf("%08x", hash.Sum32())
}

// Logins returns the logins that were passed on, of all processes.
func (s *Shim) Logins(t testing.TB) []Login {
	t.Helper()
	logins, err := ReadLogins(s.logins)
	check(t, "reading the logins", err)
	return logins
}

// RefusedLogins returns how many PINs the real module refused, whatever the shim made of
// its answers.
func (s *Shim) RefusedLogins(t testing.TB) int {
	t.Helper()
	return CountRefused(s.Logins(t))
}

// LastLogin returns when the last login was passed on or, if it has been, answered.
func (s *Shim) LastLogin(t testing.TB) time.Time {
	t.Helper()
	info, err := os.Stat(s.logins)
	check(t, "looking at the logins", err)
	return info.ModTime()
}

// CountRefused counts the logins that were refused.
func CountRefused(logins []Login) (count int) {
	for _, login := range logins {
		if login.Refused() {
			count++
		}
	}
	return count
}

// ReadLogins reads the file that HSMTEST_SHIM_LOGINS names. Where there is none, no login
// was passed on.
func ReadLogins(path string) (logins []Login, err error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	log := loginLog{unanswered: map[string]int{}}
	for line := range strings.Lines(string(text)) {
		if err := log.read(line); err != nil {
			return nil, fmt.Errorf("reading the line %q of %s: %w", line, path, err)
		}
	}
	return log.logins, nil
}

// loginLog is what was read of the shim's lines.
type loginLog struct {
	logins     []Login
	unanswered map[string]int // the places of logins by their ids; those of a later process may be the same
}

// read reads a line: "sent ID USER HASH" or "got ID RV".
func (l *loginLog) read(line string) error {
	var id string
	var login Login
	if _, err := fmt.Sscanf(line, "sent %s %d %s\n", &id, &login.User, &login.Hash); err == nil {
		l.unanswered[id] = len(l.logins)
		l.logins = append(l.logins, login)
		return nil
	}
	var rv uint
	if _, err := fmt.Sscanf(line, "got %s 0x%x\n", &id, &rv); err != nil {
		return err
	}
	at, ok := l.unanswered[id]
	if !ok {
		return errors.New("it answers a login that was not sent")
	}
	delete(l.unanswered, id)
	l.logins[at].Answered, l.logins[at].RV = true, rv
	return nil
}
