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
// never given out; and a method that reads it keeps the Secret meanwhile.
func (s Secret) lock(memory *locked.Memory) Secret {
	if s.IsZero() {
		return s
	}
	defer runtime.KeepAlive(s.value)
	block := memory.Keep((*s.value).bytes)
	copied := newSecret(held{bytes: block.Bytes(), locked: true})
	runtime.AddCleanup(copied.value, (*locked.Block).Free, block)
	return copied
}

// Reveal returns what the Secret holds, as text.
func (s Secret) Reveal() string {
	if s.value == nil {
		return ""
	}
	defer runtime.KeepAlive(s.value)
	return string((*s.value).bytes)
}

// Append appends what the Secret holds to b, and returns that.
func (s Secret) Append(b []byte) []byte {
	if s.value == nil {
		return b
	}
	defer runtime.KeepAlive(s.value)
	return append(b, (*s.value).bytes...)
}

// Bytes returns what the Secret holds; nil for the zero Secret. The slice is the Secret's
// own, or a copy where that is in locked memory, as a Keeper's tokens are: it is to be read
// only.
func (s Secret) Bytes() []byte {
	if s.value == nil {
		return nil
	}
	if !(*s.value).locked {
		return (*s.value).bytes
	}
	return s.Append(nil)
}

// Clear overwrites what the Secret holds, in all its copies. None of them may be in use.
func (s Secret) Clear() {
	if s.value != nil {
		clear((*s.value).bytes)
		runtime.KeepAlive(s.value)
	}
}

// Equal reports whether two Secrets hold the same.
func (s Secret) Equal(other Secret) bool {
	if s.IsZero() || other.IsZero() {
		return s.IsZero() && other.IsZero()
	}
	defer runtime.KeepAlive(s.value)
	defer runtime.KeepAlive(other.value)
	return bytes.Equal((*s.value).bytes, (*other.value).bytes)
}

// IsZero reports whether the Secret holds nothing.
func (s Secret) IsZero() bool { return s.value == nil || len((*s.value).bytes) == 0 }

// Format implements fmt.Formatter.
func (s Secret) Format(f fmt.State, verb rune) { io.WriteString(f, redacted) }

// String implements fmt.Stringer, for callers that do not go through fmt.
func (s Secret) String() string { return redacted }

// GoString implements fmt.GoStringer.
func (s Secret) GoString() string { return redacted }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler, which encoding/json uses for
// values and for map keys.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
