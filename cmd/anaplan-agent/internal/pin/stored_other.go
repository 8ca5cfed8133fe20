//go:build !windows

package pin

import "fmt"

// fromDPAPI fails: only Windows can decrypt it.
func fromDPAPI(string) ([]byte, error) { return nil, onlyOnWindows("dpapi") }

// fromCredentialManager fails, too.
func fromCredentialManager(string) ([]byte, error) { return nil, onlyOnWindows("wincred") }

func onlyOnWindows(kind string) error {
	return fmt.Errorf("%w: %s is a place of Windows'; here a PIN can come from file:PATH or command:PROGRAM", ErrSource, kind)
}
