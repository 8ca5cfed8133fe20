package edge

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/backoff"
	"github.com/anaplan-agent/anaplan-agent/agent/neterror"
)

// Lead is how a member of a fleet goes to the one that leads, which may be itself. All functions must
// be there.
type Lead struct {
	Self  string   // the address of this machine, among those of the members
	Trust []string // names, of which the certificate of a member has one

	// Who returns the address of the member that leads. Where that is not known it waits for a while, and
	// then returns this one's: a call that two members make is better than one that nobody does.
	Who func(ctx context.Context) string

	// After returns the member that leads in the place of that one, which has refused a connection or said
	// that it cannot lead. It waits for a while until somebody does, and then returns this one's.
	After func(ctx context.Context, gone string) string

	// Here reports whether a call is made on this machine, whoever leads.
	Here func(ctx context.Context) bool

	// Suspect is told that the port of a member has refused a connection.
	Suspect func(address string)

	// Introduce says in a header whose a call is.
	Introduce func(ctx context.Context, header http.Header)

	Own      http.RoundTripper                                   // makes calls on this machine
	Ready    func(ctx context.Context) (time.Time, error)        // sees to it that Own can, until then
	Identify func(ctx context.Context) (anaplan.Identity, error) // whose calls they are
}

// standIn is what stands for a token where this machine makes the calls.
const standIn = "made-here"

// stand returns what stands for a token, once calls can be made here.
func (l *Lead) stand(ctx context.Context) (agent.Token, error) {
	ends, err := l.Ready(ctx)
	if err != nil {
		return agent.Token{}, err
	}
	return agent.Token{Value: agent.NewSecret(standIn), ExpiresAt: ends}, nil
}

// make makes a call on this machine. sent: it may have been made.
func (l *Lead) make(req *http.Request, body *keptBody) (response *http.Response, sent bool, err error) {
	out := req.Clone(req.Context())
	if body != nil {
		if out.Body, err = body.next(); err != nil {
			return nil, false, err
		}
	}
	response, err = l.Own.RoundTrip(out)
	if err == nil {
		response.Request = req
		return response, true, nil
	}
	_, isBefore := err.(*agent.Problem) // of the login: nothing was sent
	return nil, !isBefore, err
}

// isSelf reports whether a member is this machine.
func (m *Members) isSelf(one *member) bool { return m.lead != nil && one.Address() == m.lead.Self }

// tries are the members to which one call goes, one after the other until one has made it.
type tries struct {
	m     *Members
	ctx   context.Context
	order []int // in which to go to them, if there is no lead
	been  []int // in turn
	gone  bool  // the last of them leads no more
}

func (m *Members) tries(ctx context.Context) *tries {
	t := &tries{m: m, ctx: ctx}
	if m.lead == nil {
		t.order = m.order()
	}
	return t
}

// next returns the next one. Of a fleet that is the one that leads, or who leads after that has failed;
// at last this machine itself.
func (t *tries) next() (number int, ok bool) {
	number = -1
	switch lead := t.m.lead; {
	case lead == nil:
		if len(t.been) < len(t.order) {
			number = t.order[len(t.been)]
		}
	case lead.Here(t.ctx):
		number = t.m.numberOf(lead.Self)
	case t.gone:
		number = t.m.numberOf(lead.After(t.ctx, t.m.all[t.been[len(t.been)-1]].Address()))
	default:
		number = t.m.numberOf(lead.Who(t.ctx))
		if number < 0 || slices.Contains(t.been, number) {
			number = t.m.numberOf(lead.Self)
		}
	}
	if number < 0 || slices.Contains(t.been, number) {
		return 0, false
	}
	t.been, t.gone = append(t.been, number), false
	return number, true
}

func (m *Members) numberOf(address string) int {
	return slices.IndexFunc(m.all, func(one *member) bool { return one.Address() == address })
}

// use notes that a member has done it.
func (t *tries) use(number int) {
	if t.m.lead == nil {
		t.m.use(t.been[0], number)
	}
}

// failed notes that a member could not be reached. Where a connection broke it is seen whether its port
// takes another: of a member that was killed that is all that shows.
func (t *tries) failed(number int, err error) {
	if t.m.lead == nil {
		return
	}
	one := t.m.all[number]
	if isBroken(err) || !isReachError(err) && err != errFrozen {
		err = one.redial(t.ctx)
	}
	if neterror.IsRefused(err) {
		t.m.lead.Suspect(one.Address())
		t.gone = true
	}
}

// isBroken reports whether the other end has ended a connection that was being made.
func isBroken(err error) bool {
	return neterror.IsBroken(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}

// A process that ends closes its connections one by one, and its port among them: until then that still
// takes connections, or resets them.
const (
	redials    = 5
	redialWait = 20 * time.Millisecond
)

// redial connects for a while, until that is refused, and returns why it fails.
func (one *member) redial(ctx context.Context) (err error) {
	for range redials {
		var conn net.Conn
		if conn, err = one.dial(ctx, "", ""); err == nil {
			conn.Close()
		}
		if timed, ok := errors.AsType[net.Error](err); neterror.IsRefused(err) || ok && timed.Timeout() || backoff.Sleep(ctx, redialWait) != nil {
			return err
		}
	}
	return err
}

// declined notes that a member has said that another one is to be asked. Where it gives the lead away with
// that, it is seen who gets it: a call that is made here instead would cost a login.
func (t *tries) declined(number int, code agent.Code) {
	t.gone = t.m.lead != nil && !t.m.isSelf(t.m.all[number]) && (code == agent.CodeStopping || code.IsOfKey())
}
