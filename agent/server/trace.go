package server

import (
	"net/http"
	"strings"
)

// traceOf returns the trace that a request belongs to by W3C Trace Context
// (https://www.w3.org/TR/trace-context/#traceparent-header), 32 hexadecimal digits; "" if it says
// none, or something else than one.
func traceOf(header http.Header) string {
	values := header["Traceparent"]
	if len(values) != 1 {
		return ""
	}
	parts := strings.Split(values[0], "-")
	if len(parts) < 4 || len(parts) > 4 && parts[0] == "00" || parts[0] == "ff" {
		return ""
	}
	for i, length := range []int{2, 32, 16, 2} {
		if len(parts[i]) != length || strings.Trim(parts[i], "0123456789abcdef") != "" {
			return ""
		}
	}
	if strings.Trim(parts[1], "0") == "" || strings.Trim(parts[2], "0") == "" {
		return ""
	}
	return parts[1]
}

// refusedCall is a call that is refused for its form, with as much of it as a line has room for.
func (c *call) refusedCall() Call {
	return Call{Method: shortened(c.r.Method), Path: shortened(c.r.URL.Path), Trace: traceOf(c.r.Header)}
}
