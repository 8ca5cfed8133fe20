package signer

import (
	"context"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// busyAfter is how long a device is waited for before somebody is told.
const busyAfter = 300 * time.Millisecond

// device is where the orders on one device take turns.
type device struct {
	name  string
	turn  chan struct{} // full while there is a run on the device
	stuck chan int      // gives the number of a child that cannot be ended, as long as there is one
}

func newDevice(name string) *device {
	return &device{name: name, turn: make(chan struct{}, 1), stuck: make(chan int)}
}

// device returns a device by its name. It stays: an agent knows few. One without a name is
// nobody else's.
func (p *Process) device(name string) *device {
	if name == "" {
		return newDevice(name)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.devices == nil {
		p.devices = map[string]*device{}
	}
	if p.devices[name] == nil {
		p.devices[name] = newDevice(name)
	}
	return p.devices[name]
}

// enter waits for its turn, first come, first served. Nobody waits for a child that cannot be
// ended: that may take until the machine is started again.
func (d *device) enter(ctx context.Context, notify agent.NotifyFunc) error {
	if ctx.Err() != nil {
		return stopped(ctx)
	}
	busy := time.NewTimer(busyAfter)
	defer busy.Stop()
	for {
		select {
		case d.turn <- struct{}{}:
			return nil
		case pid := <-d.stuck:
			return cannotEnd(pid)
		case <-busy.C:
			notify.Tell(agent.NoticeBusy, "waiting for another login with the same device")
		case <-ctx.Done():
			return stopped(ctx)
		}
	}
}

func (d *device) leave() { <-d.turn }

// keep keeps the device from everybody until a child has ended that cannot be ended, and tells all
// that come: the next one would be stuck in the same driver.
func (d *device) keep(pid int, ended <-chan struct{}) {
	for {
		select {
		case d.stuck <- pid:
		case <-ended:
			d.leave()
			return
		}
	}
}
