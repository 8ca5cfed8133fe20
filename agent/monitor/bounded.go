package monitor

import (
	"net"
	"sync"
)

// bounded is a listener with room for so many connections; others wait until there is.
type bounded struct {
	net.Listener
	places chan struct{} // one in it for each connection
	end    <-chan struct{}
}

// Accept returns the next connection once there is room for it.
func (b *bounded) Accept() (net.Conn, error) {
	conn, err := b.Listener.Accept()
	if err != nil {
		return nil, err
	}
	select {
	case b.places <- struct{}{}:
		return &place{Conn: conn, places: b.places}, nil
	case <-b.end:
		conn.Close()
		return nil, net.ErrClosed
	}
}

// place is a connection that takes up one.
type place struct {
	net.Conn
	places chan struct{}
	once   sync.Once
}

// Close closes the connection and makes room.
func (p *place) Close() error {
	p.once.Do(func() { <-p.places })
	return p.Conn.Close()
}
