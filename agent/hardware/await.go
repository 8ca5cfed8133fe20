package hardware

import (
	"context"
	"time"
)

// lastMoment is how long work may go on after the context has ended. A process ends soon after Await
// has returned, and a module that is writing then leaves half a file: SoftHSM writes its token anew at
// each login. Signers have a second to end.
const lastMoment = 500 * time.Millisecond

// Await runs work, which calls into somebody else's library, in a goroutine of its own and
// returns its result. Nothing in Go can interrupt such a call: it may wait for a network, for a
// finger, or for ever. So when ctx ends first Await returns the error of silence as soon as work has
// ended, and half a second later at the latest: then it leaves the goroutine behind. late gets what
// comes of work, if it ever ends.
//
// What is left behind with it (a thread, a session, a device that is locked for others) lasts
// until work or the process ends, which is why a login is best made in a process of its own.
//
// A panic of work is an error, which broken makes: in a goroutine it would end the process.
func Await[T any](ctx context.Context, silence func() error, broken func(panicked any) error, work func() (T, error), late func(T, error)) (result T, err error) {
	// The channel has no buffer: either the caller takes the result, or late does, and none is
	// lost between them.
	type outcome struct {
		result T
		err    error
	}
	done, left := make(chan outcome), make(chan struct{})
	go func() {
		defer close(left)
		var o outcome
		o.err = Recovered(broken, func() (err error) {
			o.result, err = work()
			return err
		})
		select {
		case done <- o:
		case <-ctx.Done():
			late(o.result, o.err)
		}
	}()
	select {
	case o := <-done:
		return o.result, o.err
	case <-ctx.Done():
	}
	err = silence() // which says what it waits for now
	select {
	case <-left:
	case <-time.After(lastMoment):
	}
	return result, err
}

// Recovered makes an error of a panic of work, by broken.
func Recovered(broken func(panicked any) error, work func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = broken(p)
		}
	}()
	return work()
}
