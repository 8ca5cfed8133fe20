package metrics

import (
	"maps"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// maxRequests bounds the pairs of route and status that are counted one by one.
const maxRequests = 500

// otherRoute stands for all routes beyond that.
const otherRoute = "other"

// requests counts requests. Each token handed out is counted here, so a count takes no
// lock but the histogram's and allocates nothing: the table is never changed but replaced.
type requests struct {
	total   *family
	seconds *family

	table atomic.Pointer[map[requestKey]*request]
	mu    sync.Mutex // held while the table is replaced
}

type requestKey struct {
	route  string
	status int
}

type request struct {
	total   *counter
	seconds *histogram
}

func newRequests() *requests {
	r := &requests{
		total:   newFamily(prefix+"requests_total", "counter", "Requests answered."),
		seconds: newFamily(prefix+"request_seconds", "histogram", "How long requests took."),
	}
	r.table.Store(&map[requestKey]*request{})
	return r
}

// add counts a request.
func (r *requests) add(route string, status int, took time.Duration) {
	request, ok := (*r.table.Load())[requestKey{route, status}]
	if !ok {
		request = r.grow(requestKey{route, status})
	}
	request.total.Inc()
	request.seconds.Update(took.Seconds())
}

// grow returns the request of a key, and puts it into the table as long as there is room.
func (r *requests) grow(key requestKey) *request {
	r.mu.Lock()
	defer r.mu.Unlock()
	table := *r.table.Load()
	if len(table) >= maxRequests {
		key = requestKey{otherRoute, 0}
	}
	if request, ok := table[key]; ok {
		return request
	}
	grown := maps.Clone(table)
	grown[key] = &request{
		total:   r.total.counter(labels("route", key.route, "status", strconv.Itoa(key.status))),
		seconds: r.seconds.histogram(labels("route", key.route), requestBounds),
	}
	r.table.Store(&grown)
	return grown[key]
}
