package server

import (
	"cmp"
	"time"
)

// Limits bounds what callers can take. Zero fields have the default that is given.
type Limits struct {
	HeaderBytes int // of a request's line and header, roughly; 16 KiB
	BodyBytes   int // of a PIN; 1 KiB. No other request has a body

	HeaderTime time.Duration // for a request's header to arrive; 5 s
	TLSTime    time.Duration // from a tunnel to Anaplan on to the end of its first request's header; 30 s
	BodyTime   time.Duration // for its body, or a piece of one that is refused; 5 s
	WriteTime  time.Duration // for the caller to take a notice or an answer; 10 s
	StreamTime time.Duration // for the caller to take a piece of Anaplan's answer; 2 min
	IdleTime   time.Duration // that a connection may do nothing between requests; 2 min
	Drain      time.Duration // for requests under way when the server ends; 5 s

	// Connections is how many there can be; the default is what the process may open
	// less 256 for itself, at least 64, at most 16,384. One user or client has at most
	// UserConnections, by default 7/8 of them, so that the others still get in.
	Connections     int
	UserConnections int

	// Tunnels is how many there can be to hosts that are not Anaplan's; an eighth of Connections, at
	// least 8, at most 256. One user or client has at most 7/8 of them. TunnelIdle is for how long
	// nothing may pass through one; 10 min.
	Tunnels    int
	TunnelIdle time.Duration

	// Strangers is how many of Connections all callers can have together that come over TCP and
	// have not shown a secret yet, and how many each user of the machine can have that no profile
	// and no client lets in. By default a quarter, at most 1024. For one more the oldest is closed;
	// over TCP not before it has had StrangerTime, 100 ms, in which to show a secret. So
	// Strangers/StrangerTime newcomers a second get their turn.
	Strangers    int
	StrangerTime time.Duration

	// Rate and Burst are what a user or client can do, in the cost of one reading request: it
	// has Burst and gets Rate a second. What does something costs 1000. 100,000 and 200,000.
	// All strangers over TCP together have a tenth.
	Rate  float64
	Burst int
}

const (
	costRead  = 1
	costLogin = 100 // a phantom token, of its own client's allowance
	costAct   = 1000

	reservedFiles  = 256    // for devices' children, logs, Anaplan
	mostConnection = 16_384 // some 20 kB each

	mostStrangers  = 1024 // some 20 MB
	strangersShare = 10

	// surplusConnections are taken beyond the limit, to be told so once they have asked.
	surplusConnections = 64
)

// orDefaults returns the limits with the defaults filled in.
func (l Limits) orDefaults() Limits {
	l.HeaderBytes = cmp.Or(l.HeaderBytes, 16<<10)
	l.BodyBytes = cmp.Or(l.BodyBytes, 1<<10)
	l.HeaderTime = cmp.Or(l.HeaderTime, 5*time.Second)
	l.TLSTime = cmp.Or(l.TLSTime, 30*time.Second)
	l.BodyTime = cmp.Or(l.BodyTime, 5*time.Second)
	l.WriteTime = cmp.Or(l.WriteTime, 10*time.Second)
	l.StreamTime = cmp.Or(l.StreamTime, 2*time.Minute)
	l.IdleTime = cmp.Or(l.IdleTime, 2*time.Minute)
	l.Drain = cmp.Or(l.Drain, 5*time.Second)
	l.Connections = cmp.Or(l.Connections, min(max(openFiles()-reservedFiles, 64), mostConnection))
	l.UserConnections = cmp.Or(l.UserConnections, max(l.Connections*7/8, 1))
	l.Tunnels = cmp.Or(l.Tunnels, min(max(l.Connections/8, 8), 256))
	l.TunnelIdle = cmp.Or(l.TunnelIdle, 10*time.Minute)
	l.Strangers = cmp.Or(l.Strangers, min(max(l.Connections/4, 1), mostStrangers))
	l.StrangerTime = cmp.Or(l.StrangerTime, 100*time.Millisecond)
	l.Rate = cmp.Or(l.Rate, 100_000)
	l.Burst = max(cmp.Or(l.Burst, 200_000), costAct)
	return l
}
