package phantom

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// Holder is what a token stands for.
type Holder struct {
	Client  string // whose tokens are counted together, as "client:nightly" or "user:1000"
	Profile string
	User    string // that the token is bound to, as the kernel knows it; "": none

	// Parent is the ID of the token with which this one was asked for: it ends with that one, and
	// renewing it renews that one, too. "": it stands alone.
	Parent string
}

// Token is a token as its store tells it.
type Token struct {
	Holder

	// Value is what the client shows; only of a token that was just issued or refreshed.
	Value agent.Secret

	// ID names the token for as long as it lives, and is not secret. It is a UUID.
	ID string

	// RefreshID is another one with each refresh, as Anaplan's.
	RefreshID string

	// ExpiresAt is when it ends, by the wall clock.
	ExpiresAt time.Time
}

const (
	valuePrefix = "aap_"
	valueBytes  = 32
	valueLength = len(valuePrefix) + (valueBytes*8+5)/6 // base64 has 6 bits a character
)

// Is reports whether a text looks like a phantom token, which Anaplan's do not.
func Is(value string) bool { return len(value) == valueLength && strings.HasPrefix(value, valuePrefix) }

// newValue returns a value, which can stand in a header as it is: 256 bits of chance.
func newValue() string {
	var random [valueBytes]byte
	rand.Read(random[:])
	return valuePrefix + base64.RawURLEncoding.EncodeToString(random[:])
}

// newUUID returns a UUID of version 4 (RFC 9562, section 5.4).
func newUUID() string {
	var id [16]byte
	rand.Read(id[:])
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	text := hex.AppendEncode(make([]byte, 0, 36), id[:4])
	for _, part := range [][]byte{id[4:6], id[6:8], id[8:10], id[10:]} {
		text = hex.AppendEncode(append(text, '-'), part)
	}
	return string(text)
}

// key is what a token is found by.
type key [sha256.Size]byte

func keyOf(value string) key { return sha256.Sum256([]byte(value)) }
