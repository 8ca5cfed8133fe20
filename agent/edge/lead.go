package edge

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
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
	again bool  // one was gone to a second time
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
	default:
		number = t.m.numberOf(lead.Who(t.ctx))
		if number < 0 || slices.Contains(t.been, number) {
			number = t.m.numberOf(lead.Self)
		}
	}
	if number < 0 || slices.Contains(t.been, number) {
		return 0, false
	}
	t.been = append(t.been, number)
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

// failed notes that a member could not be reached. Where a connection breaks, the member may be about to end:
// its port says that, if it is gone to once more.
func (t *tries) failed(number int, err error) {
	switch {
	case t.m.lead == nil:
	case neterror.IsRefused(err):
		t.m.lead.Suspect(t.m.all[number].Address())
	case isBroken(err) && !t.again:
		t.again = true
		t.been = slices.DeleteFunc(t.been, func(one int) bool { return one == number })
		select {
		case <-t.ctx.Done():
		case <-time.After(endingTime):
		}
	}
}

// isBroken reports whether the other end has ended a connection, made or about to be made.
func isBroken(err error) bool {
	return neterror.IsBroken(err) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
}
