// Package logtest keeps the log of a program under test, which goes on writing while the test reads.
//
//	var log logtest.Buffer
//	cmd.Stderr = &log
//	...
//	if strings.Contains(log.String(), "serving") {
//
// It is a test's tool, and nothing else may use it.
package logtest

import (
	"strings"
	"sync"
)

// Buffer is an io.Writer that may be written and read at the same time. The zero Buffer is ready
// for use.
type Buffer struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer. It never fails.
func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

// String returns what was written so far.
func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
