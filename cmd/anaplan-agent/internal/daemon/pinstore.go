package daemon

import (
	"bytes"
	"sync"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/locked"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

// pinStore keeps a PIN that a person has typed, for the signers to come, in locked memory.
type pinStore struct {
	memory *locked.Memory

	mu     sync.Mutex
	pin    *locked.Block // nil: there is none
	number uint64        // of the PIN, so that one is not forgotten for another
	word   local.UnlockOptions
	wanted string // the device that last wanted a PIN
	device string // for which this one was typed
	closed bool
}

// typed is what a person has given, for one signer.
type typed struct {
	pin    []byte // a copy; nil: none
	number uint64
	device string // "": whichever wants it
	word   local.UnlockOptions
}

// bind says for which device that PIN is, once that is known. Another device that takes its place
// does not get the PIN.
func (b *pinStore) bind(number uint64, device string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.number == number && b.device == "" {
		b.device = device
	}
}

// set keeps a PIN, for the device that last wanted one, and overwrites what it is given; nil
// forgets. What a person said about the PIN before does not hold for this one.
func (b *pinStore) set(secret []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer clear(secret)
	b.empty()
	if len(secret) == 0 || len(secret) > console.MaxSecret || b.closed {
		return
	}
	b.pin, b.device = b.memory.Keep(secret), b.wanted
}

// empty forgets the PIN, and what was said of it.
func (b *pinStore) empty() {
	if b.pin != nil {
		b.pin.Free()
	}
	b.number++
	b.pin, b.device, b.word = nil, "", local.UnlockOptions{}
}

// heed keeps what else a person has said, for the next signer.
func (b *pinStore) heed(word local.UnlockOptions) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.word = word
}

// want notes which device wants a PIN: what is typed next is for that one.
func (b *pinStore) want(device string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wanted = device
}

// get returns what a person has given. The options count only once: the next time is another
// decision.
func (b *pinStore) get() typed {
	b.mu.Lock()
	defer b.mu.Unlock()
	given := typed{number: b.number, device: b.device, word: b.word}
	if b.pin != nil {
		given.pin = bytes.Clone(b.pin.Bytes())
	}
	b.word = local.UnlockOptions{}
	return given
}

// forget forgets that PIN, and no other that was typed since.
func (b *pinStore) forget(number uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.number == number {
		b.empty()
	}
}

// close forgets the PIN and keeps no other.
func (b *pinStore) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.empty()
	b.closed = true
}
