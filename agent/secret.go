package agent

import (
	"fmt"
	"io"
	"log/slog"
)

// redacted is what every way of printing a Secret prints.
const redacted = "[redacted]"

// Secret holds bytes that must not be seen: a payload, a signature, a token.
// Every fmt verb, slog and encoding/json print it as [redacted]; only Reveal
// and Bytes give it out, so that each place that does is easy to find.
//
// The zero Secret holds nothing.
type Secret struct {
	// fmt reaches through unexported fields, past the methods below. Of a
	// pointer it finds there it prints the address; but for a verb that does not
	// fit a pointer (%s, %q) it starts over, and follows one pointer to a slice.
	// It never follows two.
	value **[]byte
}

// NewSecret returns a Secret that holds a copy of value.
func NewSecret[T ~string | ~[]byte](value T) Secret {
	held := append([]byte{}, value...)
	first := &held
	return Secret{value: &first}
}

// Reveal returns what the Secret holds, as text.
func (s Secret) Reveal() string { return string(s.Bytes()) }

// Bytes returns what the Secret holds; nil for the zero Secret. The slice is the
// Secret's own: who changes it changes the Secret.
func (s Secret) Bytes() []byte {
	if s.value == nil {
		return nil
	}
	return **s.value
}

// Clear overwrites what the Secret holds, in all its copies. None of them may be in use.
func (s Secret) Clear() { clear(s.Bytes()) }

// IsZero reports whether the Secret holds nothing.
func (s Secret) IsZero() bool { return len(s.Bytes()) == 0 }

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
