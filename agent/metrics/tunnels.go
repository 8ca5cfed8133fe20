package metrics

// Tunnel is one to a host that is not Anaplan's, which has ended or was not made.
type Tunnel struct {
	Client         string
	Made           bool
	Sent, Received int64 // bytes
}

// tunnels counts them. Hosts are not told apart: callers choose them.
type tunnels struct {
	total, sent, received *family
	table                 *bounded[tunnelKey, *tunnelSeries]
}

type tunnelKey struct {
	client string
	made   bool
}

type tunnelSeries struct{ total, sent, received *counter }

func newTunnels() *tunnels {
	t := &tunnels{
		total:    newFamily(prefix+"tunnels_total", "counter", "Tunnels to hosts that are not Anaplan's which have ended (ok) or were not made (failed)."),
		sent:     newFamily(prefix+"tunnel_sent_bytes_total", "counter", "Bytes that callers have sent through tunnels that have ended."),
		received: newFamily(prefix+"tunnel_received_bytes_total", "counter", "Bytes that callers have received through tunnels that have ended."),
	}
	t.table = newBounded(maxCalls, func(key tunnelKey) tunnelKey { return tunnelKey{otherRoute, key.made} }, t.series)
	return t
}

func (t *tunnels) add(tunnel Tunnel) {
	series := t.table.of(tunnelKey{tunnel.Client, tunnel.Made})
	series.total.Inc()
	series.sent.Add(tunnel.Sent)
	series.received.Add(tunnel.Received)
}

// series starts to count the tunnels of a key.
func (t *tunnels) series(key tunnelKey) *tunnelSeries {
	who := labels("client", key.client)
	return &tunnelSeries{
		total: t.total.counter(labels("client", key.client, "result", map[bool]string{true: "ok", false: "failed"}[key.made])),
		sent:  t.sent.counter(who), received: t.received.counter(who),
	}
}

func (t *tunnels) write(out *page) {
	t.total.write(out)
	t.sent.write(out)
	t.received.write(out)
}
