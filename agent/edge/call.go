package edge

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/proxy"
)

// RoundTrip implements http.RoundTripper: it sends a request to the member in use, or where that cannot
// be reached or cannot serve to the next. Its Authorization is not sent, for the certificate says who is
// calling.
func (m *Members) RoundTrip(req *http.Request) (*http.Response, error) {
	body := keepBody(req)
	tries := m.tries(req.Context())
	var failures []error
	var refusal *http.Response
	var own error
	for number, ok := tries.next(); ok; number, ok = tries.next() {
		one := m.all[number]
		response, sent, err := m.send(one, req, body)
		isMade := err == nil && !isElsewhere(response, req.Method)
		m.tell(one, req, isMade)
		if isMade || err == nil && !body.isWhole() {
			tries.use(number)
			body.release(true)
			discard(refusal)
			return response, nil
		}
		if err == nil {
			discard(refusal)
			refusal = response
			tries.declined(number, agent.Code(response.Header.Get(local.HeaderProblem)))
			continue
		}
		if sent && !isRead(req.Method) || !body.isWhole() || req.Context().Err() != nil {
			body.release(false)
			discard(refusal)
			return nil, m.broken(one, err)
		}
		if m.isSelf(one) {
			own = err
			continue
		}
		tries.failed(number, err)
		failures = append(failures, fmt.Errorf("%s: %s", one.Address(), reason(err)))
	}
	body.release(false)
	switch {
	case own != nil: // what is wrong here can be put right here
		discard(refusal)
		return nil, own
	case refusal != nil:
		return refusal, nil
	}
	return nil, m.unreachable(failures)
}

// tell tells what has come of a call at a member. One that its caller has given up says nothing of that.
func (m *Members) tell(one *member, req *http.Request, isMade bool) {
	if !m.isSelf(one) && (isMade || req.Context().Err() == nil) {
		m.sent(one.Address(), isMade)
	}
}

// broken is that a member has not answered to a call that it may have made.
func (m *Members) broken(one *member, err error) error {
	if m.lead == nil || m.isSelf(one) { // package proxy finds words
		return err
	}
	return &agent.Problem{
		Code: agent.CodeUnreachable, Message: "the member " + one.Address() + ", which leads, has not answered: " + reason(err), Hints: []string{proxy.MayBeDone},
	}
}

// send sends a request to a member. sent: it may have arrived.
func (m *Members) send(one *member, req *http.Request, body *keptBody) (response *http.Response, sent bool, err error) {
	if m.isSelf(one) {
		return m.lead.make(req, body)
	}
	var way passage
	ctx, watched := one.watch(req.Context())
	ctx = httptrace.WithClientTrace(ctx, way.trace())
	out := req.Clone(ctx)
	out.URL.Scheme, out.URL.Host, out.Host = "https", one.Address(), one.Address()
	out.Header.Del("Authorization")
	m.introduce(one, out)
	if body != nil {
		if out.Body, err = body.next(); err != nil {
			watched.end()
			return nil, false, err
		}
	}
	response, err = one.http.RoundTrip(out)
	if err != nil {
		sent, err = way.failed(watched.explain(err))
		watched.end()
		return nil, sent, err
	}
	if response.StatusCode == http.StatusForbidden {
		one.refused()
	}
	response.Request = req
	response.Body = watched.until(response.Body)
	return response, true, nil
}

// introduce says in a request who is calling, beside the certificate.
func (m *Members) introduce(one *member, out *http.Request) {
	if one.Client != "" {
		out.Header.Set(local.HeaderClient, one.Client)
	}
	if m.lead != nil {
		m.lead.Introduce(out.Context(), out.Header)
	}
}

// isRead reports whether a method only reads.
func isRead(method string) bool { return method == http.MethodGet || method == http.MethodHead }

// isElsewhere reports whether a member's answer says that another one is to be asked: it has called
// nothing. That Anaplan cannot be reached may be said of a call that was made.
func isElsewhere(response *http.Response, method string) bool {
	switch code := agent.Code(response.Header.Get(local.HeaderProblem)); code {
	case agent.CodeStopping, agent.CodeAuditFailed:
		return true
	case agent.CodeUnreachable:
		return isRead(method)
	default:
		return code.IsOfKey()
	}
}

// discard drops an answer that nobody gets; nil is none.
func discard(response *http.Response) {
	if response != nil {
		io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10))
		response.Body.Close()
	}
}

// keptBody is the body of a request that several members may get, until one has begun to read it. nil:
// there is none.
type keptBody struct {
	io.ReadCloser
	get func() (io.ReadCloser, error) // nil: there is only this one

	mu            sync.Mutex
	begun, closed bool
	released      bool
}

func keepBody(req *http.Request) *keptBody {
	if req.Body == nil || req.Body == http.NoBody {
		return nil
	}
	return &keptBody{ReadCloser: req.Body, get: req.GetBody}
}

// next returns the body for one more member.
func (b *keptBody) next() (io.ReadCloser, error) {
	if b.get != nil {
		return b.get()
	}
	return b, nil
}

// isWhole reports whether another member can have it.
func (b *keptBody) isWhole() bool {
	if b == nil || b.get != nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return !b.begun
}

// Read implements io.Reader.
func (b *keptBody) Read(to []byte) (int, error) {
	b.mu.Lock()
	b.begun = true
	b.mu.Unlock()
	return b.ReadCloser.Read(to)
}

// Close implements io.Closer. A body that nobody has begun to read is kept.
func (b *keptBody) Close() error {
	b.mu.Lock()
	b.closed = true
	now := b.begun || b.released
	b.mu.Unlock()
	if now {
		return b.ReadCloser.Close()
	}
	return nil
}

// release says that no other member gets it. used: one has it, and closes it.
func (b *keptBody) release(used bool) {
	if b == nil {
		return
	}
	b.mu.Lock()
	b.released = true
	now := b.get != nil || b.closed || !used
	b.mu.Unlock()
	if now {
		b.ReadCloser.Close()
	}
}
