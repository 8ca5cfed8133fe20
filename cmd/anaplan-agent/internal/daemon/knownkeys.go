package daemon

// Which keys have logged in. Trouble with such a key (it or its certificate does not show, the file
// of its certificate is being replaced) may pass by itself; trouble with another key is a mistake
// in the settings.

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"sync"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/atomicfile"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
)

// knownKeys remembers keys by their addresses, across runs too. Its methods may be called
// from any goroutine.
type knownKeys struct {
	// dir holds an empty file for each key; "": nothing is remembered between runs.
	dir string

	mu  sync.Mutex
	run map[string]bool // of this run, by the name of the file
}

// add notes that Anaplan has taken a login of that key. An error means that the next run
// will not know.
func (k *knownKeys) add(key config.Address) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	name := fileOfKey(key)
	if k.run[name] {
		return nil
	}
	if k.run == nil {
		k.run = map[string]bool{}
	}
	k.run[name] = true
	if k.dir == "" {
		return nil
	}
	if err := atomicfile.MkdirAll(k.dir, 0o700); err != nil {
		return err
	}
	return atomicfile.Write(filepath.Join(k.dir, name), nil, atomicfile.Options{})
}

// has reports whether the key has logged in.
func (k *knownKeys) has(key config.Address) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	name := fileOfKey(key)
	if k.run[name] || k.dir == "" {
		return k.run[name]
	}
	_, err := os.Stat(filepath.Join(k.dir, name))
	return err == nil
}

// judge returns what is wrong with a key as a problem that is tried again, slowly, if the key
// has logged in; other errors as they are.
func (k *knownKeys) judge(key config.Address, err error) error {
	problem, ok := errors.AsType[*agent.Problem](err)
	if !ok || problem.Code != agent.CodeKeyUnusable || !problem.Final || !k.has(key) {
		return err
	}
	again := *problem
	again.Final = false
	return &again
}

// fileOfKey is a hash because an address may hold any character.
func fileOfKey(key config.Address) string {
	sum := sha256.Sum256([]byte(key.String()))
	return "key-" + hex.EncodeToString(sum[:8])
}
