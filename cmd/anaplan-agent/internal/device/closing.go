package device

// Devices are closed after their results have been delivered: modules and smart card libraries may
// crash or hang when they end, and that must not lose a signature, or waste the PIN that was sent
// for it.

import (
	"fmt"
	"sync"
	"time"
)

// CloseTimeout is how long to wait for a device to close.
const CloseTimeout = 2 * time.Second

// Closings are the devices that are still to be closed. Its methods may be called from any
// goroutine. The zero closings are ready for use.
type Closings struct {
	mu    sync.Mutex
	queue []func()
	what  string        // the last that was given
	under chan struct{} // closed when all that was begun has ended; nil: nothing was
}

// Module gives a PKCS#11 module to be closed, and how. It is hsm.Options.Closing.
func (c *Closings) Module(path string, close func()) { c.add("the PKCS#11 module "+path, close) }

// add gives something to be closed, and how.
func (c *Closings) add(what string, close func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.what, c.queue = what, append(c.queue, close)
}

// then gives something to be done after what is in the queue by now.
func (c *Closings) then(work func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue = append(c.queue, work)
}

// Begin starts closing what is in the queue, and does not wait.
func (c *Closings) Begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) == 0 {
		return
	}
	modulesClose(true)
	queue, before, under := c.queue, c.under, make(chan struct{})
	c.queue, c.under = nil, under
	go func() {
		defer close(under)
		if before != nil {
			<-before
		}
		for _, close := range queue {
			close()
		}
	}()
}

// BeginEarly is Begin where a module that ends badly takes nothing with it that is not delivered yet.
func (c *Closings) BeginEarly() {
	if closesEarly {
		c.Begin()
	}
}

// End closes what is in the queue and waits for all of it, at most CloseTimeout. The error,
// returned once, names what did not close.
func (c *Closings) End() error {
	c.Begin()
	c.mu.Lock()
	under, what := c.under, c.what
	c.under = nil
	c.mu.Unlock()
	if under == nil {
		return nil
	}
	err := awaitClosing(under, what)
	if err != nil {
		modulesLeft()
	}
	return err
}

// awaitClosing waits until what is under way has ended, its module has died, or it takes too long.
func awaitClosing(under <-chan struct{}, what string) error {
	late := time.NewTimer(CloseTimeout)
	defer late.Stop()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-under:
			return nil
		case <-late.C:
			return fmt.Errorf("%s did not close within %v and is left alone; its work is done", what, CloseTimeout)
		case <-look.C:
			if moduleDied() {
				return fmt.Errorf("%s crashed while it closed; its work is done", what)
			}
		}
	}
}

// reopen ends what is under way, before a device is opened anew.
func (c *Closings) reopen() error {
	err := c.End()
	modulesClose(false)
	return err
}
