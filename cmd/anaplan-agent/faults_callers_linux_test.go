//go:build cgo

package main

import (
	"io"
	"net"
	"strings"
)

func callerTroubles() []trouble {
	say := func(n int, text string) func(*faultSite) {
		return func(w *faultSite) { w.visit(n, text) }
	}
	quiet := func(name string, begin func(*faultSite)) trouble {
		return trouble{group: "callers", name: name, begin: begin, end: func(*faultSite) {}}
	}
	rows := []trouble{
		quiet("500 idle connections", say(500, "")),
		quiet("100 halves of a request", say(100, "GET /v1/token HTTP/1.1\r\nHost: x\r\nX-")),
		quiet("100 requests whose body does not come", say(100, "POST /v1/unlock HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n1")),
		quiet("100 times noise", say(100, strings.Repeat("\x00\xff\r\n", 1000))),
		quiet("a header of 1 MB", say(4, "GET / HTTP/1.1\r\nX: "+strings.Repeat("a", 1<<20))),
		quiet("300 requests at once on a connection", say(4, strings.Repeat("GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n", 300))),
		quiet("200 callers that hang up", func(w *faultSite) {
			for range 200 {
				if conn, err := net.Dial("unix", w.path("run/agent.sock")); err == nil {
					io.WriteString(conn, "GET /v1/token HTTP/1.1\r\nHost: x\r\n\r\n")
					conn.Close()
				}
			}
		}),
	}
	crowd := quiet("200 callers at a login", func(w *faultSite) { more := w.watch(200); w.t.Cleanup(more.stop) })
	crowd.needs = aLogin
	return append(rows, crowd)
}

// visit opens connections to the agent that say something and wait until the row is over.
func (w *faultSite) visit(n int, text string) {
	for range n {
		conn, err := net.Dial("unix", w.path("run/agent.sock"))
		if err != nil {
			continue
		}
		w.t.Cleanup(func() { conn.Close() })
		w.visitors = append(w.visitors, conn)
		go io.WriteString(conn, text)
	}
}
