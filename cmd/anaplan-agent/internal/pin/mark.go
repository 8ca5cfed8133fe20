package pin

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/atomicfile"
)

// mark tells one PIN from another, and nothing else of either: the name of a random key and
// a MAC under it. "" is the mark of no PIN. Without the key, of 256 bits, all PINs are as
// likely as before; so it must not lie where the marks do.
type mark string

// keyLength is that of a key of marks, in bytes.
const keyLength = 32

// markKey makes marks.
type markKey []byte

// newMarkKey returns a key that nobody else has.
func newMarkKey() markKey {
	key := make(markKey, keyLength)
	rand.Read(key)
	return key
}

// of returns the mark of a PIN from a place. It differs for each place, so that marks do not show
// that two places have the same PIN. Without a key it is "".
func (k markKey) of(place string, pin []byte) mark {
	if len(k) != keyLength {
		return ""
	}
	mac := hmac.New(sha256.New, k)
	fmt.Fprintf(mac, "%d %s ", len(place), place)
	mac.Write(pin)
	return mark(k.name() + ":" + letters(mac.Sum(nil)[:16]))
}

// letters encodes bytes without digits, so that nobody who searches a note for a PIN finds
// one by chance.
func letters(data []byte) string {
	text := make([]byte, 0, 2*len(data))
	for _, b := range data {
		text = append(text, 'a'+b>>4, 'a'+b&0xf)
	}
	return string(text)
}

// name names the key. It is a hash, which reveals nothing of such a long random number.
func (k markKey) name() string {
	sum := sha256.Sum256(k)
	return letters(sum[:4])
}

// comparison is what two marks say of their PINs.
type comparison int

const (
	unknown comparison = iota // one is missing, or they are of two keys
	same
	different
)

// compare compares the PINs of two marks.
func (m mark) compare(other mark) comparison {
	key, _, _ := strings.Cut(string(m), ":")
	otherKey, _, _ := strings.Cut(string(other), ":")
	switch {
	case m == "" || other == "" || key != otherKey:
		return unknown
	case m == other:
		return same
	}
	return different
}

// keyFile is the name of the file with the key of marks.
const keyFile = "pin.key"

// loadKey returns the key of marks that lies in the first of the directories that has one, or can
// take one; nil if none can. Marks are useless then, and a PIN counts as changed only if the user
// says so.
func loadKey(dirs []string) markKey {
	for _, dir := range dirs {
		if key := readKey(filepath.Join(dir, keyFile)); key != nil {
			return key
		}
	}
	for _, dir := range dirs {
		if key, err := makeKey(dir); err == nil {
			return key
		}
	}
	return nil
}

// readKey returns the key in a file; nil without a whole one.
func readKey(path string) markKey {
	key, err := os.ReadFile(path)
	if err != nil || len(key) != keyLength {
		return nil
	}
	return key
}

// makeKey makes a key in a directory, unless another process does so at the same time: then
// that one's is returned.
func makeKey(dir string) (markKey, error) {
	if err := atomicfile.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	key, path := newMarkKey(), filepath.Join(dir, keyFile)
	err := atomicfile.Write(path, key, atomicfile.Options{New: true})
	if errors.Is(err, fs.ErrExist) {
		theirs, unread := os.ReadFile(path)
		switch {
		case unread != nil:
			return nil, unread
		case len(theirs) == keyLength:
			return theirs, nil
		}
		os.Remove(path) // what is left of one on a damaged disk, say
		err = atomicfile.Write(path, key, atomicfile.Options{New: true})
	}
	if err != nil {
		return nil, err
	}
	return key, nil
}
