package main

import (
	"sync"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

// pinBox keeps a PIN that a person has typed, for the signers to come: in a page of its
// own that is never written to a swap file and that the garbage collector does not copy.
// The zero box is empty.
type pinBox struct {
	mu     sync.Mutex
	page   []byte // nil: nothing was kept yet
	size   int    // of the PIN; 0: there is none
	number uint64 // of the PIN, so that one is not forgotten for another
	word   local.Word
	wanted string // the device that last wanted a PIN
	device string // for which this one was typed
	closed bool
}

// typed is what a person has given, for one signer.
type typed struct {
	pin    []byte // a copy; nil: none
	number uint64
	device string // "": whichever wants it
	word   local.Word
}

// bind says for which device that PIN is, once it has shown. It stays so: another device that
// takes its place does not get it.
func (b *pinBox) bind(number uint64, device string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.number == number && b.device == "" {
		b.device = device
	}
}

// set keeps a PIN, for the device that last wanted one, and overwrites what it is given;
// nil forgets. What was said of the one before is not said of this one. A machine that
// cannot lock memory keeps it all the same, as any other program would.
func (b *pinBox) set(pin []byte) {
	b.mu.Lock()
	defer b.mu.Unlock()
	defer clear(pin)
	b.empty()
	if len(pin) == 0 || len(pin) > console.MaxSecret || b.closed {
		return
	}
	if b.page == nil {
		b.page = lockedPage(console.MaxSecret)
	}
	b.size = copy(b.page, pin)
	b.device = b.wanted
}

// empty forgets the PIN, and what was said of it.
func (b *pinBox) empty() {
	clear(b.page)
	b.number++
	b.size, b.device, b.word = 0, "", local.Word{}
}

// heed keeps what else a person has said, for the next signer.
func (b *pinBox) heed(word local.Word) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.word = word
}

// want notes which device wants a PIN: what is typed next is for that one.
func (b *pinBox) want(device string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wanted = device
}

// get returns what a person has given. The word counts once: the next time is another
// decision.
func (b *pinBox) get() typed {
	b.mu.Lock()
	defer b.mu.Unlock()
	given := typed{number: b.number, device: b.device, word: b.word}
	if b.size > 0 {
		given.pin = append(make([]byte, 0, b.size), b.page[:b.size]...)
	}
	b.word = local.Word{}
	return given
}

// forget forgets that PIN, and no other that was typed since.
func (b *pinBox) forget(number uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.number == number {
		b.empty()
	}
}

// close forgets the PIN and keeps no other.
func (b *pinBox) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.empty()
	if b.page != nil {
		freePage(b.page)
	}
	b.page, b.closed = nil, true
}
