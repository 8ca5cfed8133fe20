//go:build cgo

package remedies

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
	"github.com/anaplan-agent/anaplan-agent/agent/shell"
)

// known are the remedies by a part of the module's name.
var known = []struct{ module, remedy string }{
	{"opencryptoki", "is its daemon running (systemctl start pkcsslotd), and may this user talk to it (group pkcs11)?"},
	{"p11-kit-client", "is the server running, and does P11_KIT_SERVER_ADDRESS name its socket?"},
	{"softokn", "NSS wants its database named: put &x-init-reserved=configdir='sql:/path/to/db' at the end of the address"},
	{"softhsm", "is its configuration there and readable (SOFTHSM2_CONF, /etc/softhsm/softhsm2.conf; group softhsm)? It shows no tokens of other users"},
	{tpmModule, "may this user use the TPM (/dev/tpmrm0; group tss), or does TPM2_PKCS11_TCTI name another way to it? After a TPM was cleared its keys are gone, and the store wants to be made anew"},
}

// cardModules reach cards by the smartcard service, and show nothing without it.
var cardModules = []string{"opensc", "ykcs11"}

// For returns what to do about a module; "" if nothing is known.
func For(module string) string {
	if slices.ContainsFunc(cardModules, func(part string) bool { return isCalled(module, part) }) {
		return "is the card in its reader, and does the smartcard service run? " + remedy.Here().StartSmartcards()[0]
	}
	for _, r := range known {
		if isCalled(module, r.module) {
			return r.remedy
		}
	}
	return ""
}

// Hint adds to an error of a module what to do about it, if that is known.
func Hint(module string, err error) error {
	if what := For(module); err != nil && what != "" {
		return fmt.Errorf("%w; %s", err, what)
	}
	return err
}

// isCalled reports whether a part of the file's name is that.
func isCalled(module, part string) bool {
	return strings.Contains(strings.ToLower(filepath.Base(module)), part)
}

// Initialisation is the command that makes a token of the blank one in a slot.
func Initialisation(module string, slot uint) string {
	switch {
	case isCalled(module, "softhsm"):
		return fmt.Sprintf("softhsm2-util --init-token --slot %d --label NAME", slot)
	case isCalled(module, tpmModule):
		return "tpm2_ptool addtoken --pid 1 --label NAME --sopin SO-PIN --userpin PIN"
	}
	command := fmt.Sprintf("pkcs11-tool --module %s --slot %d ", module, slot)
	return command + "--init-token --label NAME, then " + command + "--login --login-type so --init-pin"
}

// tpmModule is what the file of tpm2-pkcs11 is called.
const tpmModule = "tpm2_pkcs11"

// ForeignStore is said where a TPM does not load the token's keys: they are wrapped by the one TPM that
// has made them, as it was then.
func ForeignStore(module string) string {
	return "a TPM that was cleared, or is another one than this store was made with, cannot load its keys, and nothing brings them back: if that is so, move the store away (" +
		storePlace() + "), then tpm2_ptool init, " + Initialisation(module, 0) + ", and enroll a new key"
}

// storePlace is where tpm2-pkcs11 has its store; the directories that it looks into where none is there.
func storePlace() string {
	if store := os.Getenv(storeVariable); store != "" {
		return store
	}
	if path := storePath(); path != "" {
		return filepath.Dir(path)
	}
	return strings.Join(storeDirectories()[:2], " or ")
}

// storeFile is the store, in one of storeDirectories.
const storeFile = "tpm2_pkcs11.sqlite3"

func storeDirectories() []string {
	return []string{"/etc/tpm2_pkcs11", filepath.Join(cmp.Or(os.Getenv("HOME"), "/"), ".tpm2_pkcs11"), "."}
}

// storeVariable names the directory of the store, and no other is looked at then.
const storeVariable = "TPM2_PKCS11_STORE"

// storePath returns the file of the store that tpm2-pkcs11 would use; "" where none is named and none is
// found. One that is named need not be there.
func storePath() string {
	if named := os.Getenv(storeVariable); named != "" {
		return filepath.Join(named, storeFile)
	}
	for _, dir := range storeDirectories() {
		if path := filepath.Join(dir, storeFile); isThere(path) {
			return path
		}
	}
	return ""
}

// CheckStore refuses to load tpm2-pkcs11 where there is no store of a TPM's keys: it would make an
// empty one, whatever it is loaded for.
func CheckStore(module string) error {
	if !isCalled(module, tpmModule) {
		return nil
	}
	path, named := storePath(), os.Getenv(storeVariable)
	const makes = "tpm2_ptool init"
	switch {
	case path == "":
		return errors.New("there is no store of a TPM's keys in " + strings.Join(storeDirectories()[:2], " or ") + ", and " + storeVariable +
			" names none: " + makes + " makes one, and " + Initialisation(module, 0) + " a token in it")
	case named != "" && !isDir(named):
		return fmt.Errorf("%s is %s, and there is no such directory: set it to the one that has %s, or make a store there: %s && %s, and %s a token in it",
			storeVariable, named, storeFile, shell.Join("mkdir", "-p", named), makes, Initialisation(module, 0))
	case !isThere(path):
		return fmt.Errorf("%s is %s, and there is no %s in it: set it to the directory that has one, or make a store there: %s, and %s a token in it",
			storeVariable, named, storeFile, makes, Initialisation(module, 0))
	case !isDatabase(path):
		return fmt.Errorf("the store of a TPM's keys, %s, is not an SQLite database: put it back from a backup, or, if there is none, move it away, then %s, %s, and enroll a new key",
			path, makes, Initialisation(module, 0))
	}
	return nil
}

// isDatabase reports whether a file begins as those of SQLite 3 do, as far as it can be read.
func isDatabase(path string) bool {
	const magic = "SQLite format 3\x00"
	file, err := os.Open(path)
	if err != nil {
		return true // the module says what is wrong
	}
	defer file.Close()
	begin := make([]byte, len(magic))
	_, err = io.ReadFull(file, begin)
	return err == nil && string(begin) == magic
}

// SpareHome has tpm2-pkcs11 make no store where there is none, until undo is called: modules bring others
// in (p11-kit's proxy all that are registered), which make theirs as they start. There is none that it
// could need: where it is what was asked for, CheckStore has refused it.
func SpareHome() (undo func()) {
	path, named := storePath(), os.Getenv(storeVariable)
	if runtime.GOOS != "linux" || path != "" && isThere(path) {
		return func() {}
	}
	os.Setenv(storeVariable, os.DevNull) // in which none can be made
	return func() {
		if os.Unsetenv(storeVariable); named != "" {
			os.Setenv(storeVariable, named)
		}
	}
}

func isDir(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

func isThere(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// PINForm is for a module that does not take a PIN as it comes: typed on a keypad, or alone.
func PINForm(keypad bool) string {
	if keypad {
		return "where the token has no keypad, --pin-pad no sends the PIN that is named"
	}
	return "some modules want a user's name before the PIN, as in USER:PIN"
}
