package pin

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
)

// Book is the memory of PINs: which were sent, and what became of them. Its notes are files,
// so that they outlive the process, and stay in memory besides, for where no file can be
// written. Its methods may be called from any goroutine.
type Book struct {
	shelves []shelf        // the first that can be written is used
	also    []shelf        // where agents without a better place write
	key     func() markKey // of marks that are written down; nil: there is none
	own     markKey        // of all other marks; it ends with the process

	// tell is told of every change, for a memory elsewhere; nil: nobody is told.
	tell func(json.RawMessage)

	mu    sync.Mutex
	notes map[string]note // of this process, and those that it was given
}

// entry is a note on its way from a signer process to the agent, and back.
type entry struct {
	Name  string `json:"name"`
	Note  note   `json:"note"`
	About about  `json:"about"`

	Identity string `json:"identity,omitempty"` // of the device, in the words of agent.PINPrompt
}

// ErrUnrecorded says that a PIN was not sent because that could not be written down first.
var ErrUnrecorded = errors.New("the PIN is not sent: what becomes of it cannot be written down, and a wrong one would be sent at every run")

// NewBook returns the memory in dir. The key of its marks is in the first of keyDirs that has one
// or can take one. It also reads the notes of agents in the directories also. With dir "" nothing
// outlives the process.
func NewBook(dir string, also, keyDirs []string) *Book {
	b := &Book{shelves: []shelf{shelf(dir)}, key: laterKey(keyDirs), own: newMarkKey(), notes: map[string]note{}}
	for _, other := range also {
		if other != dir {
			b.also = append(b.also, shelf(other))
		}
	}
	return b
}

// read returns the note of that name: the newest, wherever it is.
func (b *Book) read(name string, typed bool) (n note, onDisk *note, err error) {
	b.mu.Lock()
	memory, known := b.notes[name]
	b.mu.Unlock()
	if typed {
		return memory, nil, nil
	}
	for _, s := range slices.Concat(b.shelves, b.also) {
		found, ok, err := s.read(name)
		if err != nil {
			return memory, nil, err
		}
		if ok && (onDisk == nil || found.isNewer(*onDisk)) {
			onDisk = &found
		}
	}
	if onDisk == nil || known && memory.isNewer(*onDisk) {
		return memory, onDisk, nil
	}
	return *onDisk, onDisk, nil
}

// write writes a note down, unless it is of a typed PIN, keeps it in memory, and tells of it.
// The error is that of the last directory.
func (b *Book) write(n note, onDisk *note, u use) error {
	err := errNoDirectory
	if u.typed {
		err = nil
	} else {
		for _, s := range b.shelves {
			if err = s.write(u.name, n, onDisk, n.mustLast(onDisk)); err == nil {
				break
			}
		}
	}
	b.hold(n, u)
	return err
}

// hold keeps a note in memory, and tells of it.
func (b *Book) hold(n note, u use) {
	b.mu.Lock()
	b.notes[u.name] = n
	b.mu.Unlock()
	if b.tell == nil {
		return
	}
	e := entry{Name: u.name, Note: n, About: n.about, Identity: u.prompt.Device}
	if text, err := json.Marshal(e); err == nil {
		b.tell(text)
	}
}

// lock lets one process at a time send a PIN of that note.
func (b *Book) lock(ctx context.Context, name string) (unlock func(), err error) {
	err = errNoDirectory
	for _, s := range b.shelves {
		if unlock, err = s.lock(ctx, name); err == nil || ctx.Err() != nil {
			return unlock, err
		}
	}
	return nil, err
}

// markOf returns the mark of a PIN on its way.
func (b *Book) markOf(u use, pin []byte) mark { return b.marks(u.typed).of(u.name, pin) }

// marks returns the key for a PIN. Nothing about a typed PIN is ever written down.
func (b *Book) marks(typed bool) markKey {
	if !typed {
		if key := b.key(); key != nil {
			return key
		}
	}
	return b.own
}

// laterKey loads the key when it is first wanted: most commands send no PIN.
func laterKey(dirs []string) func() markKey {
	return sync.OnceValue(func() markKey { return loadKey(dirs) })
}

// Memory is what a running agent remembers of PINs, for its whole life, beside what its
// signers write down. Its methods may be called from any goroutine.
type Memory struct {
	own  markKey
	dirs []string
	keys []string

	mu      sync.Mutex
	entries map[string]entry
}

// NewMemory returns an empty memory, whose signers write their notes into dir, with the key
// of marks in the first of others that has one or can take one.
func NewMemory(dir string, keyDirs []string) *Memory {
	return &Memory{own: newMarkKey(), dirs: []string{dir}, keys: keyDirs, entries: map[string]entry{}}
}

// AlsoIn adds a directory for notes where the ones before cannot be written, such as that of
// the agent's socket. It holds no key of marks from then on.
func (m *Memory) AlsoIn(dir string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.dirs = append(m.dirs, dir)
	m.keys = slices.DeleteFunc(slices.Clone(m.keys), func(key string) bool { return key == dir })
}

// given is a Memory on its way to a signer process.
type given struct {
	Own     []byte   `json:"own"`
	Dirs    []string `json:"dirs"`
	Keys    []string `json:"keys,omitempty"`
	Entries []entry  `json:"entries,omitempty"`
}

// maxGiven bounds what a signer process is given of a memory, in bytes. Notes that are on
// the disk as well it finds there.
const maxGiven = 32 << 10

// Give returns the memory for a signer process of a profile, as far as it is about the
// profile's places: the newest of it, if it is much. It is for a pipe, and not to be shown.
func (m *Memory) Give(profile *config.Profile) json.RawMessage {
	m.mu.Lock()
	defer m.mu.Unlock()
	g := given{Own: m.own, Dirs: m.dirs, Keys: m.keys}
	size := 0
	for _, e := range m.about(profile) {
		text, err := json.Marshal(e)
		if size += len(text); err != nil || size > maxGiven {
			break
		}
		g.Entries = append(g.Entries, e)
	}
	text, err := json.Marshal(g)
	if err != nil {
		return nil // which no content can bring about
	}
	return text
}

// about returns what is known of a profile's places, the newest first.
func (m *Memory) about(profile *config.Profile) (entries []entry) {
	places := []string{typedSource(profile.Name)}
	for _, source := range Sources(profile) {
		places = append(places, samePlace(Place(source)))
	}
	for _, e := range m.entries {
		if slices.Contains(places, samePlace(e.About.Source)) {
			entries = append(entries, e)
		}
	}
	slices.SortFunc(entries, func(a, b entry) int { return b.Note.Time.Compare(a.Note.Time) })
	return entries
}

// Take returns the Book of a signer process that was given a memory. Every change is told,
// for Learn, before the PIN is on its way.
func Take(text json.RawMessage, tell func(json.RawMessage)) (*Book, error) {
	var g given
	if err := json.Unmarshal(text, &g); err != nil {
		return nil, err
	}
	b := &Book{key: laterKey(g.Keys), own: g.Own, tell: tell, notes: map[string]note{}}
	for _, dir := range g.Dirs {
		b.shelves = append(b.shelves, shelf(dir))
	}
	for _, e := range g.Entries {
		e.Note.about = e.About
		b.notes[e.Name] = e.Note
	}
	return b, nil
}

// Learn takes what a signer process tells. What makes no sense is dropped.
func (m *Memory) Learn(text json.RawMessage) {
	var e entry
	if json.Unmarshal(text, &e) != nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.entries[e.Name] = e
}

// Typed is what is known of the PIN that a person has typed for a profile.
type Typed struct {
	Device string // the one that it was sent to; "": it was not
	Spent  bool   // it is not sent again: it was refused, or may have been
}

// Typed returns what became of the PIN that was typed last for the profile.
func (m *Memory) Typed(profile string) (t Typed) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range m.entries {
		if e.About.Source == typedSource(profile) {
			unclear := e.Note.State == stateSending && (e.Note.Worked.compare(e.Note.PIN) != same || e.Note.Unclear > mostRetries)
			t.Device = e.Identity
			t.Spent = t.Spent || e.Note.State == stateRefused || unclear
		}
	}
	return t
}

// Retype forgets the PIN that was typed for the profile, for another one was.
func (m *Memory) Retype(profile string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for name, e := range m.entries {
		if e.About.Source == typedSource(profile) {
			delete(m.entries, name)
		}
	}
}

// typedSource stands for the place of a PIN that was typed for a profile of an agent.
func typedSource(profile string) string { return "typed:" + profile }
