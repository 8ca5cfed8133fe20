package metrics

import (
	"strconv"
	"time"
)

// maxRequests bounds the pairs of route and status that are counted one by one.
const maxRequests = 500

// requests counts requests. Each token handed out is counted here.
type requests struct {
	total   *family
	seconds *family
	table   *bounded[requestKey, *request]
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
	r.table = newBounded(maxRequests, func(requestKey) requestKey { return requestKey{otherRoute, 0} }, r.series)
	return r
}

// add counts a request.
func (r *requests) add(route string, status int, took time.Duration) {
	request := r.table.of(requestKey{route, status})
	request.total.Inc()
	request.seconds.Update(took.Seconds())
}

// series starts to count the requests of a key.
func (r *requests) series(key requestKey) *request {
	return &request{
		total:   r.total.counter(labels("route", key.route, "status", strconv.Itoa(key.status))),
		seconds: r.seconds.histogram(labels("route", key.route), requestBounds),
	}
}
