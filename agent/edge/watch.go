package edge

import (
	"context"
	"errors"
	"io"
	"time"
)

// watchAfter is how long a member's answer, or the next piece of one, may take before it is seen whether
// the member lives: one that is frozen, or whose machine is gone, says nothing on connections that are
// there.
const watchAfter = 4 * time.Second

// errFrozen is a member that has stopped to answer.
var errFrozen = errors.New("it takes connections, and answers nothing: it is frozen, or its machine is gone")

// watched is a call whose member is looked at while it lasts.
type watched struct {
	ctx    context.Context
	cancel context.CancelCauseFunc
	timer  *time.Timer
}

// watch returns a context for one call, which ends when its member does not answer at all any more.
func (one *member) watch(ctx context.Context) (context.Context, *watched) {
	ctx, cancel := context.WithCancelCause(ctx)
	w := &watched{ctx: ctx, cancel: cancel}
	w.timer = time.AfterFunc(time.Hour, func() {
		switch isAlive := one.isAlive(ctx); {
		case ctx.Err() != nil:
		case isAlive:
			w.timer.Reset(one.patience)
		default:
			cancel(errFrozen)
			one.http.CloseIdleConnections()
		}
	})
	w.timer.Reset(one.patience) // not before the timer is there, which its function needs
	return ctx, w
}

// explain returns why a call has failed.
func (w *watched) explain(err error) error {
	if context.Cause(w.ctx) == errFrozen {
		return errFrozen
	}
	return err
}

// end ends the watch.
func (w *watched) end() {
	w.timer.Stop()
	w.cancel(nil)
}

// until returns an answer's body, with which the watch ends.
func (w *watched) until(body io.ReadCloser) io.ReadCloser { return &watchedBody{body, w} }

type watchedBody struct {
	io.ReadCloser
	*watched
}

// Close implements io.Closer.
func (b *watchedBody) Close() error {
	defer b.end()
	return b.ReadCloser.Close()
}
