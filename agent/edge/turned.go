package edge

import (
	"errors"
	"net"
	"net/http/httptrace"
	"sync/atomic"
)

// door is a connection to a member, which knows whether the member has refused this machine's certificate.
// By TLS 1.3 that is seen when the connection is first read, and a request may be on its way by then: the
// member has not read it. Its writer may fail first, of a connection that is closed already.
type door struct {
	net.Conn
	refusal atomic.Pointer[net.OpError]
}

// Read implements net.Conn.
func (d *door) Read(b []byte) (n int, err error) {
	n, err = d.Conn.Read(b)
	if said, ok := errors.AsType[*net.OpError](err); ok && said.Op == "remote error" {
		d.refusal.Store(said)
	}
	return n, err
}

// passage is what is seen of one request on its way through a door.
type passage struct {
	begun atomic.Bool // some of it may have been read
	door  atomic.Pointer[door]
}

// trace returns what is told of the way of the request.
func (p *passage) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		WroteHeaders: func() { p.begun.Store(true) },
		GotConn: func(info httptrace.GotConnInfo) {
			if through, ok := info.Conn.(*door); ok {
				p.door.Store(through)
			}
		},
	}
}

// failed returns why the way of the request has failed, and whether the member may have read some of it.
func (p *passage) failed(err error) (sent bool, why error) {
	if through := p.door.Load(); through != nil {
		if refusal := through.refusal.Load(); refusal != nil {
			return false, refusal
		}
	}
	return p.begun.Load(), err
}
