package fleet

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// Origin says whose a call is that one member makes at another. The zero Origin is the member's own.
type Origin struct {
	// For is what the call is made for: "client:NAME", or "user:NAME" for somebody on the member's
	// machine that may use its profile. "": the member itself.
	For string

	// Caller is who is at the other end of the member's own connection: "certificate:NAME", "user:NAME",
	// or "tcp" for a program of the machine of which no more is known. "": nobody is.
	Caller string

	// Here: it has come from a member already, and is made here whoever leads.
	Here bool
}

// Kinds of what is in an Origin, in front of the names.
const (
	ClientKind      = "client:"
	UserKind        = "user:"
	CertificateKind = "certificate:"
	CallerTCP       = "tcp"
)

type originKey struct{}

// With returns a context whose calls have the origin.
func With(ctx context.Context, origin Origin) context.Context {
	return context.WithValue(ctx, originKey{}, origin)
}

// From returns the origin of a context's calls.
func From(ctx context.Context) Origin {
	origin, _ := ctx.Value(originKey{}).(Origin)
	return origin
}

// self stands for the member itself, so that its calls are told from those of a client that happens to
// have a member's certificate.
const self = "member"

// Write puts the origin into a request's header.
func (o Origin) Write(header http.Header) {
	header.Set(local.HeaderFor, self)
	if o.For != "" {
		header.Set(local.HeaderFor, o.For)
	}
	if o.Caller != "" {
		header.Set(local.HeaderCaller, o.Caller)
	}
}

// IsTold reports whether a request says whose it is, as members do.
func IsTold(header http.Header) bool {
	return header[local.HeaderFor] != nil || header[local.HeaderCaller] != nil
}

// originBytes is more than the name of anybody has.
const originBytes = 2048

// Read returns the origin that a request's header tells.
func Read(header http.Header) (Origin, error) {
	told, callers := header[local.HeaderFor], header[local.HeaderCaller]
	if len(told) != 1 || len(callers) > 1 || len(told[0])+len(strings.Join(callers, "")) > originBytes {
		return Origin{}, fmt.Errorf("there must be one header %s, and at most one %s", local.HeaderFor, local.HeaderCaller)
	}
	origin := Origin{Here: true, Caller: strings.Join(callers, "")}
	switch {
	case told[0] == self:
	case hasName(told[0], ClientKind), hasName(told[0], UserKind):
		origin.For = told[0]
	default:
		return Origin{}, fmt.Errorf("the header %s names neither a client nor a user", local.HeaderFor)
	}
	return origin, nil
}

func hasName(text, kind string) bool {
	name, ok := strings.CutPrefix(text, kind)
	return ok && name != ""
}
