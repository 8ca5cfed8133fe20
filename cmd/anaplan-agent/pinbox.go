package main

import (
	"sync"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// pinBox keeps a PIN that a person has typed, for the signers to come: in a page of its
// own that is never written to a swap file and that the garbage collector does not copy.
// The zero box is empty.
type pinBox struct {
	mu   sync.Mutex
	page []byte // nil: nothing was kept yet
	size int    // of the PIN; 0: there is none
	word local.Word
}

// set keeps a PIN and overwrites what it is given; nil forgets. A machine that cannot lock
// memory keeps it all the same, as any other program would.
func (b *pinBox) set(pin []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer clear(pin)
	clear(b.page)
	b.size = 0
	if len(pin) == 0 || len(pin) > maxPIN {
		return
	}
	if b.page == nil {
		b.page = lockedPage(maxPIN)
	}
	b.size = copy(b.page, pin)
}

// heed keeps what else a person has said, for the next signer.
func (b *pinBox) heed(word local.Word) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.word = word
}

// get returns a copy of the PIN, nil if there is none, and a person's word, for one
// signer: the next time is another decision.
func (b *pinBox) get() (pin []byte, word local.Word) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.size > 0 {
		pin = append(make([]byte, 0, b.size), b.page[:b.size]...)
	}
	word, b.word = b.word, local.Word{}
	return pin, word
}
