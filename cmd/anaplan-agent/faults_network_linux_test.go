//go:build cgo

package main

import (
	"io"
	"net"
	"net/http"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

// weathers are answers to a login or a refresh that are not Anaplan's, or not its usual ones.
var weathers = []struct {
	name   string
	fault  anaplantest.Fault
	within time.Duration // as of a trouble
}{
	{"a proxy's web page, 401", saying(401, "text/html", "<html>Sign in to the proxy</html>"), 0},
	{"401 and nothing more", saying(401, "text/plain", ""), 0},
	{"another product's 401", saying(401, "application/json", `{"error":"unauthorized"}`), 0},
	{"400 in JSON", saying(400, "application/json", `{"status":"FAILURE","statusMessage":"Bad request"}`), 0},
	{"another product's 400", saying(400, "application/json", `{"error":"bad request"}`), 0},
	{"a web page, 400", saying(400, "text/html", "<html>Bad request</html>"), 0},
	{"a firewall's web page, 403", anaplantest.Blocked(), 0},
	{"404", anaplantest.Failing(404), 0},
	{"407", anaplantest.Failing(407), 0},
	{"a redirect", redirected, 0},
	{"a sign-in page, 200", anaplantest.NotJSON(), 0},
	{"JSON without a token", saying(200, "application/json", `{}`), 0},
	{"429", anaplantest.TooManyRequests(""), 12 * time.Second},
	{"429, Retry-After: 1", anaplantest.TooManyRequests("1"), 0},
	{"500", anaplantest.Failing(500), 0},
	{"502", anaplantest.Failing(502), 0},
	{"503, a web page", anaplantest.Unavailable(), 0},
	{"a cut connection", anaplantest.Cut(), 0},
	{"the answer is lost", anaplantest.CutAfter(), 0},
	{"the answer is cut", anaplantest.CutInside(), 0},
	{"half of the JSON", anaplantest.Truncated(), 0},
	{"an endless answer", anaplantest.Endless(8 << 20), 0},
	{"a slow answer", anaplantest.Slow(time.Second), 0},
}

func saying(status int, contentType, text string) anaplantest.Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		io.WriteString(w, text)
	}
}

func redirected(w http.ResponseWriter, r *http.Request, _ http.Handler) {
	http.Redirect(w, r, "https://portal.example/", http.StatusFound)
}

func networkTroubles() (rows []trouble) {
	for _, weather := range weathers {
		login := trouble{group: "network", name: "login: " + weather.name, needs: aLogin}
		refresh := trouble{group: "network", name: "refresh: " + weather.name, needs: aRefresh}
		refresh.server.TokenLife = shortLife
		login.within, refresh.within = weather.within, weather.within
		rows = append(rows, login.under("/token/authenticate", weather.fault), refresh.under("/token/refresh", weather.fault))
	}
	blockades := []struct {
		name  string
		block func(*faultSite) func(net.Conn)
	}{
		{"connections without an answer", func(*faultSite) func(net.Conn) { return silence }},
		{"reset connections", func(*faultSite) func(net.Conn) { return reset }},
		{"no TLS", func(*faultSite) func(net.Conn) { return plainHTTP }},
		{"another authority's certificate", func(w *faultSite) func(net.Conn) { return another(w.t) }},
	}
	for _, blockade := range blockades {
		rows = append(rows, trouble{
			group: "network", name: "login: " + blockade.name, needs: aLogin,
			begin: func(w *faultSite) { w.way.cut(blockade.block(w)) },
			end:   func(w *faultSite) { w.way.cut(nil) },
			met:   func(w *faultSite) bool { return w.way.hasMet() },
		})
	}
	refused := trouble{
		group: "network", name: "login: refused connections", needs: aLogin,
		begin: func(w *faultSite) { w.way.close() },
		end:   func(w *faultSite) { w.way.reopen() },
	}
	return append(append(rows, refused), longTroubles(append(rows, refused))...)
}

// longTroubles are some of the rows, for so long that the steps in which logins are tried have grown
// longer than what is promised.
func longTroubles(rows []trouble) (long []trouble) {
	for _, row := range rows {
		switch row.name {
		case "login: a firewall's web page, 403":
			row = row.under("", anaplantest.Blocked())
		case "login: 503, a web page":
			row = row.under("", anaplantest.Unavailable())
		case "login: connections without an answer", "login: refused connections", "login: no TLS":
		default:
			continue
		}
		row.name, row.lasts, row.signatures = row.name+", for 100 s", 100*time.Second, mostSigned
		long = append(long, row)
	}
	return long
}

// mostSigned is how many signatures callers cause in 100 s of failures, by the waits of demandGap in
// package agent, and one for the login after it. Nothing else costs one.
const mostSigned = 13

// under returns the trouble with a weather at a path.
func (row trouble) under(path string, weather anaplantest.Fault) trouble {
	row.begin = func(w *faultSite) { w.anaplan.turn(path, weather) }
	row.end = func(w *faultSite) { w.anaplan.turn("", nil) }
	row.met = func(w *faultSite) bool { return w.anaplan.hasMet() }
	return row
}
