package agent

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"runtime"

	"github.com/anaplan-agent/anaplan-agent/agent/locked"
)

// redacted is what every way of printing a Secret prints.
const redacted = "[redacted]"

// Secret holds bytes that must not be seen: a payload, a signature, a token.
// Every fmt verb, slog and encoding/json print it as [redacted]; only Reveal, Append
// and Bytes give it out, so that each place that does is easy to find.
//
// The zero Secret holds nothing.
type Secret struct {
	// fmt reaches through unexported fields, past the methods below. Of a
	// pointer it finds there it prints the address; but for a verb that does not
	// fit a pointer (%s, %q) it starts over, and follows one pointer to a slice.
	// It never follows two.
	value **held
}

// held is what a Secret holds.
type held struct {
	bytes  []byte
	locked bool // they are in locked memory, which is another's when no Secret is left
}

// NewSecret returns a Secret that holds a copy of value.
func NewSecret[T ~string | ~[]byte](value T) Secret {
	return newSecret(held{bytes: append([]byte{}, value...)})
}

func newSecret(value held) Secret {
	first := &value
	return Secret{value: &first}
}

// lock returns a Secret that holds the same in locked memory. When no copy of the Secret is left
// the garbage collector has it overwritten and given back, and not before: a Keeper cannot know
// which callers still use a token that it has handed out.
//
// That memory is not the garbage collector's own. A slice of it does not keep it, so it is
// never given out.
func (s Secret) lock(memory *locked.Memory) Secret {
	if s.IsZero() {
		return s
	}
	defer runtime.KeepAlive(s.value)
	block := memory.Keep(s.inner())
	copied := newSecret(held{bytes: block.Bytes(), locked: true})
	runtime.AddCleanup(copied.value, (*locked.Block).Free, block)
	return copied
}

// inner returns the bytes that the Secret holds. Who reads them keeps the Secret meanwhile.
func (s Secret) inner() []byte {
	if s.value == nil {
		return nil
	}
	return (*s.value).bytes
}

// Reveal returns what the Secret holds, as text.
func (s Secret) Reveal() string {
	defer runtime.KeepAlive(s.value)
	return string(s.inner())
}

// Append appends what the Secret holds to b, and returns that.
func (s Secret) Append(b []byte) []byte {
	defer runtime.KeepAlive(s.value)
	return append(b, s.inner()...)
}

// Bytes returns what the Secret holds; nil for the zero Secret. The slice is the Secret's
// own, or a copy where that is in locked memory, as a Keeper's tokens are: it is to be read
// only.
func (s Secret) Bytes() []byte {
	if s.value != nil && (*s.value).locked {
		return s.Append(nil)
	}
	return s.inner()
}

// Clear overwrites what the Secret holds, in all its copies. None of them may be in use.
func (s Secret) Clear() {
	clear(s.inner())
	runtime.KeepAlive(s.value)
}

// Equal reports whether two Secrets hold the same.
func (s Secret) Equal(other Secret) bool {
	defer runtime.KeepAlive(s.value)
	defer runtime.KeepAlive(other.value)
	return bytes.Equal(s.inner(), other.inner())
}

// IsZero reports whether the Secret holds nothing.
func (s Secret) IsZero() bool { return len(s.inner()) == 0 }

func (s Secret) Format(f fmt.State, verb rune) { io.WriteString(f, redacted) }

// String implements fmt.Stringer, for callers that do not go through fmt.
func (s Secret) String() string { return redacted }

func (s Secret) GoString() string { return redacted }

func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler, which encoding/json uses for
// values and for map keys.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
