package pin

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// A device is known by what stays of it. Its notes may have other names: older versions went by the
// label of a token, and so does this one while another token has the same serial number.

// former is a note of a device and a place under another name than it has now.
type former struct {
	note
	mark mark // of the PIN, under that name
	name string
}

// learn notes which PIN it is, and what is known of it under other names. pin is nil if it is not known.
func (b *Book) learn(u *use, pin []byte) {
	markIn := func(name string) mark {
		if pin == nil {
			return ""
		}
		return b.marks(u.typed).of(name, pin)
	}
	u.mark = markIn(u.name)
	if u.typed || u.device.Card || !u.device.isNumbered() {
		return
	}
	u.labelledMark = markIn(u.labelled)
	for name, n := range b.formerNotes(*u) {
		u.former = append(u.former, former{n, markIn(name), name})
	}
}

// formerNotes returns the notes about the device and the place that have another name, the newest of each.
func (b *Book) formerNotes(u use) map[string]note {
	found := map[string]note{}
	take := func(name string, n note) {
		old, known := found[name]
		isMeant := samePlace(n.about.Source) == samePlace(u.source) && n.about.device().isFormer(u.device)
		if name != u.name && isMeant && (!known || n.isNewer(old)) {
			found[name] = n
		}
	}
	for _, s := range slices.Concat(b.shelves, b.also) {
		for _, name := range s.names() {
			if n, ok, err := s.read(name); ok && err == nil {
				take(name, n)
			}
		}
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for name, n := range b.notes {
		take(name, n)
	}
	return found
}

// names returns those of all notes.
func (s shelf) names() (names []string) {
	if s == "" {
		return nil
	}
	entries, _ := os.ReadDir(string(s))
	for _, entry := range entries {
		if filepath.Ext(entry.Name()) == noteExtension {
			names = append(names, entry.Name())
		}
	}
	return names
}

// isNumbered reports whether the serial number is one: modules that know none tell zeros.
func (d Device) isNumbered() bool { return strings.Trim(d.Serial, "0 ") != "" }

// isFormer reports whether a note about a device is about another one, too, although it has another
// name: one of them has no kind.
func (d Device) isFormer(now Device) bool {
	switch {
	case d.Card != now.Card || d.Serial != now.Serial || d.Kind == now.Kind:
		return false
	case now.Kind == "":
		return d.Label == now.Label
	}
	return d.Kind == ""
}

// judgeFormer says what the notes under other names mean for the PIN. n is the one under its own: a PIN that
// worked under it is well.
func (b *Book) judgeFormer(u use, n note) error {
	if u.labelled != "" {
		if _, _, err := b.read(u.labelled, u.typed); err != nil {
			return err
		}
	}
	for _, f := range u.former {
		if n.Worked.compare(u.mark) == same || slices.ContainsFunc(u.former, f.isOutdatedBy) {
			continue
		}
		u := u
		u.mark = f.mark
		err := b.judgeNote(u, f.note)
		refused, isRefused := errors.AsType[*RefusedError](err)
		if isRefused && refused.Many && (n.State != "" || f.name != u.labelled) {
			continue // it counts on under the new name, or is of another program
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// isOutdatedBy reports whether the PIN has worked since, under one more name.
func (f former) isOutdatedBy(other former) bool {
	return other.Worked.compare(other.mark) == same && !other.Time.Before(f.Time)
}

// inherited is what the first note under a new name takes over from the one by the label.
func (u use) inherited() (n note) {
	for _, f := range u.former {
		if f.name != u.labelled {
			continue
		}
		n.Row, n.about.Counts = f.Row, f.about.Counts
		if f.State == stateSending {
			n.Row++
		}
		if f.Worked.compare(f.mark) == same {
			n.Worked = u.mark
		}
	}
	return n
}

// keys returns the use for a PIN that is a key's, and may be another than the device's.
func (b *Book) keys(u use) use {
	u.name, u.seen, u.former = keyName(u.name), note{}, nil
	if u.labelled == "" {
		return u
	}
	u.labelled = keyName(u.labelled)
	if n, _, err := b.read(u.labelled, u.typed); err == nil && n.State != "" {
		u.former = []former{{n, u.labelledMark, u.labelled}}
	}
	return u
}

// keyName names the note of a key's own PIN.
func keyName(device string) string { return hashName("key\x00" + device) }
