//go:build cgo

package hsm

import (
	"context"
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/progress"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// await is hardware.Await for calls into a module. Nothing is begun once ctx has ended.
func await[T any](ctx context.Context, silence func() error, work func() (T, error), late func(T)) (result T, err error) {
	if err := context.Cause(ctx); err != nil {
		return result, err
	}
	return hardware.Await(ctx, silence, broken, work, func(result T, _ error) { late(result) })
}

// call is await for work that begins with a module not yet open. address stands
// for the module in errors.
func call[T any](ctx context.Context, address uri.URI, work func(*progress.Progress) (T, error), late func(T)) (T, error) {
	p := &progress.Progress{}
	p.Module("starting") // before the goroutine runs, since ctx may end first
	return await(ctx,
		func() error { return p.Silence(ctx, address.String()) },
		func() (T, error) { return work(p) },
		late)
}

// broken is the error for a panic. miekg/pkcs11 and crypto11 have some, for modules that tell
// impossible lengths and tokens that they did not expect. What was opened stays open until the
// process ends; a call that panics is a call to a broken module.
func broken(panicked any) error {
	return fmt.Errorf("%w: it made the PKCS#11 library fail: %v", ErrModule, panicked)
}

// forget is late for work that leaves nothing open.
func forget[T any](T) {}
