package intercepted

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"sync"
)

// tunnel connects the program with a host.
func (p *proxy) tunnel(w http.ResponseWriter, r *http.Request) {
	host, early, err := p.connect(r)
	if err != nil {
		p.fail(w, r, err)
		return
	}
	defer host.Close()
	program, sent, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return // the program has gone
	}
	defer program.Close()
	stop := context.AfterFunc(p.ctx, func() { program.Close(); host.Close() })
	defer stop()
	if _, err := io.WriteString(program, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { pass(host, program, sent.Reader) })
	both.Go(func() { pass(program, host, early) })
	both.Wait()
}

// connect connects to a host for the program, unless that goes meanwhile.
func (p *proxy) connect(r *http.Request) (net.Conn, *bufio.Reader, error) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(p.ctx, cancel)()
	return p.way.tunnel(ctx, r.Host, r.UserAgent())
}

// pass copies what one side has sent, and its end.
func pass(to, from net.Conn, early *bufio.Reader) {
	held, _ := early.Peek(early.Buffered())
	_, err := to.Write(held)
	if err == nil {
		_, err = io.Copy(to, from) // without a buffer of ours where the system has a way
	}
	if half, ok := to.(interface{ CloseWrite() error }); ok && err == nil && half.CloseWrite() == nil {
		return
	}
	to.Close()
	from.Close()
}
