package agent

import "github.com/anaplan-agent/anaplan-agent/agent/locked"

// Lock returns a Secret that holds the same in locked memory.
func (s Secret) Lock(memory *locked.Memory) Secret { return s.lock(memory) }

// IsLocked reports whether a Secret is in locked memory.
func (s Secret) IsLocked() bool { return (*s.value).locked }

// Inside returns the memory in which a Secret is. It does not keep the Secret.
func (s Secret) Inside() []byte { return (*s.value).bytes }
