package console

import (
	"fmt"
	"io"
	"os"

	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
)

// MaxSecret bounds what is read as a PIN, in bytes. PKCS#11 leaves the bound to the
// token (CK_TOKEN_INFO, ulMaxPinLen); none takes as much as this.
const MaxSecret = 1024

// ReadSecretFile reads a file; what names its content for a warning. It warns of a file that others
// may read, and reads it all the same: on a test machine that may be intended, and a job must not
// stop for it. The modes of pipes and devices say nothing about that.
func ReadSecretFile(path, what string, warn func(format string, args ...any)) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.Mode().IsRegular() && paths.OthersMayRead(path, info) {
		warn("%s holds %s and others may read it: %s", path, what, remedy.Here().KeepPrivate(path))
	}
	return ReadSecret(file, path)
}

// ReadSecretEnv reads an environment variable. It stays set: a module may read the environment, and
// changing it would race with that.
func ReadSecretEnv(name string) ([]byte, error) {
	value, ok := os.LookupEnv(name)
	if !ok {
		return nil, fmt.Errorf("the environment variable %s is not set", name)
	}
	return []byte(value), nil
}

// ReadSecret reads what is short enough for a PIN or a management key, into memory that does not
// move: a growing buffer leaves copies behind.
func ReadSecret(from io.Reader, name string) ([]byte, error) {
	pin := make([]byte, MaxSecret+1)
	n, err := io.ReadFull(from, pin)
	switch {
	case err == nil:
		clear(pin)
		return nil, TooLong(name)
	case err != io.EOF && err != io.ErrUnexpectedEOF:
		clear(pin)
		return nil, err
	}
	return pin[:n], nil
}

// TooLong is the error for a text that is too long for a PIN: most often the wrong file. Cutting it
// short would send the device a wrong PIN.
func TooLong(name string) error {
	return fmt.Errorf("%s gave more than %d bytes", name, MaxSecret)
}
