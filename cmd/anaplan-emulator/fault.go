package main

import (
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

// endlessBytes is how long an endless answer is unless said otherwise: more than
// any client should read, less than would fill a disk.
const endlessBytes = 64 << 20

// faultOrder is the JSON that scripts a fault.
// Path, fault and times are those of anaplantest's Service.Fault; the argument is a
// text for all faults alike, so that the help can say what it is in a word.
type faultOrder struct {
	Path     string `json:"path"`
	Fault    string `json:"fault"`
	Argument string `json:"argument"`
	Times    int    `json:"times"`
}

// parseFault reads an order. The path may have a method before it.
func parseFault(text []byte) (faultOrder, error) {
	var order faultOrder
	if err := decodeOne(text, &order, "fault"); err != nil {
		return order, err
	}
	path := order.Path
	if _, after, ok := strings.Cut(path, " "); ok {
		path = after
	}
	if !strings.HasPrefix(path, "/") {
		return order, fmt.Errorf("path %q does not begin with a slash, or a method and then one", order.Path)
	}
	if order.Times < 0 {
		return order, fmt.Errorf("times is %d, less than none", order.Times)
	}
	return order, nil
}

// make returns the fault of that name.
// Names are those of the functions in anaplantest, in lower case with hyphens,
// where those are clear without their package.
func (o faultOrder) make(service *anaplantest.Service) (anaplantest.Fault, error) {
	plain := map[string]anaplantest.Fault{
		"blocked":      anaplantest.Blocked(),
		"cut":          anaplantest.Cut(),
		"cut-after":    anaplantest.CutAfter(),
		"cut-inside":   anaplantest.CutInside(),
		"extra-fields": anaplantest.WithExtraFields(),
		"hang":         anaplantest.Hang(nil),
		"not-json":     anaplantest.NotJSON(),
		"revoke":       service.RevokeFirst(),
		"truncated":    anaplantest.Truncated(),
		"unavailable":  anaplantest.Unavailable(),
	}
	// Before the ones that take an argument, so that a needless one is told.
	if fault, ok := plain[o.Fault]; ok {
		if o.Argument != "" {
			return nil, fmt.Errorf("fault %q takes no argument", o.Fault)
		}
		return fault, nil
	}
	argued := map[string]func() (anaplantest.Fault, error){
		"endless":           o.endless,
		"slow":              o.slow,
		"status":            func() (anaplantest.Fault, error) { return o.status(400, anaplantest.Failing) },
		"too-many-requests": o.tooManyRequests,
		"with-status":       func() (anaplantest.Fault, error) { return o.status(200, anaplantest.WithStatus) },
	}
	if build, ok := argued[o.Fault]; ok {
		return build()
	}
	// All names at once, for the one that was meant is among them.
	names := slices.Sorted(maps.Keys(plain))
	names = append(names, slices.Sorted(maps.Keys(argued))...)
	return nil, fmt.Errorf("unknown fault %q: it is one of %s", o.Fault, strings.Join(names, ", "))
}

// endless takes a number of bytes, or nothing.
func (o faultOrder) endless() (anaplantest.Fault, error) {
	if o.Argument == "" {
		return anaplantest.Endless(endlessBytes), nil
	}
	limit, err := strconv.ParseInt(o.Argument, 10, 64)
	// One chunk is sent in any case; a limit only says when to stop after that.
	if err != nil || limit < 1 {
		return nil, fmt.Errorf("argument %q of fault %q is not a number of bytes", o.Argument, o.Fault)
	}
	return anaplantest.Endless(limit), nil
}

// slow takes a duration, in Go's notation as the flags do.
func (o faultOrder) slow() (anaplantest.Fault, error) {
	delay, err := time.ParseDuration(o.Argument)
	// A wait of nothing is not a fault, and more likely a mistake.
	if err != nil || delay <= 0 {
		return nil, fmt.Errorf("argument %q of fault %q is not a time to wait, such as 5s", o.Argument, o.Fault)
	}
	return anaplantest.Slow(delay), nil
}

// status takes a status from least to 599.
func (o faultOrder) status(least int, build func(int) anaplantest.Fault) (anaplantest.Fault, error) {
	status, err := strconv.Atoi(o.Argument)
	// net/http panics on statuses that it cannot write.
	if err != nil || status < least || status > 599 {
		return nil, fmt.Errorf("argument %q of fault %q is not a status from %d to 599", o.Argument, o.Fault, least)
	}
	return build(status), nil
}

// tooManyRequests takes what Retry-After may be (RFC 9110 section 10.2.3).
func (o faultOrder) tooManyRequests() (anaplantest.Fault, error) {
	// 31 bits: what every client can turn into a duration.
	_, notSeconds := strconv.ParseUint(o.Argument, 10, 31)
	_, notDate := http.ParseTime(o.Argument)
	if o.Argument != "" && notSeconds != nil && notDate != nil {
		return nil, fmt.Errorf("argument %q of fault %q is neither seconds nor an HTTP date", o.Argument, o.Fault)
	}
	return anaplantest.TooManyRequests(o.Argument), nil
}
