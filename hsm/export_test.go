//go:build cgo

package hsm

import "context"

// CloseUntil is Close with another end to its patience.
func CloseUntil(ctx context.Context, k *Key) error { return k.close(ctx) }
