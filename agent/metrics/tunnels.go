package metrics

import (
	"sync"
	"sync/atomic"
)

// Tunnel is one to a host that is not Anaplan's, which has ended or was not made.
type Tunnel struct {
	Client         string
	Made           bool
	Sent, Received int64 // bytes
}

// tunnels counts them. Hosts are not told apart: callers choose them.
type tunnels struct {
	total, sent, received *family

	table sync.Map // of *tunnelSeries by tunnelKey
	kept  atomic.Int64
}

type tunnelKey struct {
	client string
	made   bool
}

type tunnelSeries struct{ total, sent, received *counter }

func newTunnels() *tunnels {
	return &tunnels{
		total:    newFamily(prefix+"tunnels_total", "counter", "Tunnels to hosts that are not Anaplan's which have ended (ok) or were not made (failed)."),
		sent:     newFamily(prefix+"tunnel_sent_bytes_total", "counter", "Bytes that callers have sent through tunnels that have ended."),
		received: newFamily(prefix+"tunnel_received_bytes_total", "counter", "Bytes that callers have received through tunnels that have ended."),
	}
}

func (t *tunnels) add(tunnel Tunnel) {
	series := t.of(tunnelKey{tunnel.Client, tunnel.Made})
	series.total.Inc()
	series.sent.Add(tunnel.Sent)
	series.received.Add(tunnel.Received)
}

// of returns the series of a key, those of all others together once there are too many.
func (t *tunnels) of(key tunnelKey) *tunnelSeries {
	if known, ok := t.table.Load(key); ok {
		return known.(*tunnelSeries)
	}
	if t.kept.Load() >= maxCalls {
		key.client = otherRoute
	}
	who := labels("client", key.client)
	made := &tunnelSeries{
		total: t.total.counter(labels("client", key.client, "result", map[bool]string{true: "ok", false: "failed"}[key.made])),
		sent:  t.sent.counter(who), received: t.received.counter(who),
	}
	known, loaded := t.table.LoadOrStore(key, made)
	if !loaded {
		t.kept.Add(1)
	}
	return known.(*tunnelSeries)
}

func (t *tunnels) write(out *page) {
	t.total.write(out)
	t.sent.write(out)
	t.received.write(out)
}
