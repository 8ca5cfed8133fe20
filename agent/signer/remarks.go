package signer

import (
	"bytes"
	"context"
	"log/slog"
	"regexp"
	"sync"
)

// maxRemarks is how much of a child's standard error is kept, in bytes.
const maxRemarks = 16 << 10

// remarks is what a child says on its standard error. All is read, so that the child
// never waits for it, and the beginning is kept.
type remarks struct {
	mu      sync.Mutex
	text    []byte
	dropped int
}

// Write implements io.Writer.
func (r *remarks) Write(text []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	kept := text[:min(len(text), maxRemarks-len(r.text))]
	r.text = append(r.text, kept...)
	r.dropped += len(text) - len(kept)
	return len(text), nil
}

// log logs the remarks, line by line. The PIN is taken out: some modules print what they
// are called with. For that a line which is cut off is dropped as a whole, as the PIN may
// be cut as well.
func (r *remarks) log(logger *slog.Logger, level slog.Level, pin []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	text, dropped := r.text, r.dropped
	if dropped > 0 {
		whole := bytes.LastIndexByte(text, '\n') + 1
		text, dropped = text[:whole], dropped+len(text)-whole
	}
	if len(pin) > 0 {
		text = bytes.ReplaceAll(text, pin, []byte("[redacted]"))
	}
	for line := range bytes.Lines(text) {
		logger.Log(context.Background(), level, "signer process said", "line", string(bytes.TrimRight(line, "\r\n")))
	}
	if dropped > 0 {
		logger.Log(context.Background(), level, "signer process said too much", "dropped_bytes", dropped)
	}
	clear(r.text)
}

// foreignCrash is how the report of Go's runtime begins after a crash in foreign code.
var foreignCrash = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?m)^(SIG[A-Z]+: [a-z ]+)\nPC=.*\nsignal arrived during cgo execution$`)
})

// crash returns the signal of a crash in foreign code, as Go's runtime calls it; "" without a
// report of one.
func (r *remarks) crash() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if report := foreignCrash().FindSubmatch(r.text); report != nil {
		return string(report[1])
	}
	return ""
}
