// Package systemroots has the certificates that programs of this system trust, as PEM, for what
// crypto/x509 does not give out: trust stores for other programs, and a pool that is read fast.
//
// Package settings and the room of intercepted runs use it.
package systemroots

import (
	"encoding/pem"
	"os"
	"path/filepath"
)

// Read returns what is in a file of certificates, or in the files of a directory, in which OpenSSL's
// names are links to files that may be there as well.
func Read(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err == nil {
		return text, nil
	}
	entries, notDirectory := os.ReadDir(path)
	if notDirectory != nil {
		return nil, err
	}
	seen, bundle := map[string]bool{}, []byte(nil)
	for _, entry := range entries {
		text, _ := os.ReadFile(filepath.Join(path, entry.Name()))
		for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
			if !seen[string(block.Bytes)] {
				seen[string(block.Bytes)] = true
				bundle = append(bundle, pem.EncodeToMemory(block)...)
			}
		}
	}
	return bundle, nil
}
