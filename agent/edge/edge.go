package edge

import (
	"cmp"
	"context"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/backoff"
	"github.com/anaplan-agent/anaplan-agent/agent/memberuri"
	"github.com/anaplan-agent/anaplan-agent/agent/mutualtls"
)

// Times.
const (
	reachTime  = 3 * time.Second        // for a connection and its handshake: members are near
	headerTime = 5 * time.Minute        // for an answer to begin; a member waits for Anaplan as long
	idleTime   = 90 * time.Second       // of a connection that nothing uses; less than the other end's
	backEvery  = 10 * time.Second       // how often it is seen whether a member before the one in use is back
	backAfter  = time.Minute            // for how long a member is used at least that has taken another's place
	downWait   = 500 * time.Millisecond // before the members are tried again when none can be reached
)

// Config says which members there are.
type Config struct {
	Members  []memberuri.URI     // in the order in which to use them; at least one
	Identity *mutualtls.Identity // of this machine
	Logger   *slog.Logger        // nil discards

	// Lead is who makes the calls, where this machine is a member itself. nil: the first of Members that
	// can be reached.
	Lead *Lead

	// Back is told when a member can be reached after none could. nil: nobody is.
	Back func()

	// Sent is told of each call that was sent to another agent, and whether that has made it. nil: nobody is.
	Sent func(member string, ok bool)
}

// Members are the agents that have the key. All methods may be called at the same time.
type Members struct {
	all  []*member
	log  *slog.Logger
	back func()
	sent func(member string, ok bool)
	down chan struct{} // has one when none could be reached
	lead *Lead         // nil: all is as above, and none of them is this machine

	mu    sync.Mutex
	inUse int
	found bool      // it has answered
	since time.Time // when it took the place of another
}

// member is one of them.
type member struct {
	memberuri.URI
	identity *mutualtls.Identity
	names    []string      // of which its certificate must have one; nil: that of its host
	patience time.Duration // with a call of which nothing comes, see watchAfter
	http     *http.Transport

	shown atomic.Pointer[mutualtls.State] // the certificate of this machine that connections were made with last
}

// New returns Members. Nothing is connected yet.
func New(config Config) *Members {
	m := &Members{log: cmp.Or(config.Logger, slog.New(slog.DiscardHandler)), back: config.Back, sent: config.Sent, down: make(chan struct{}, 1), lead: config.Lead}
	if m.back == nil {
		m.back = func() {}
	}
	if m.sent == nil {
		m.sent = func(string, bool) {}
	}
	for _, address := range config.Members {
		one := &member{URI: address, identity: config.Identity, patience: watchAfter}
		switch {
		case config.Lead != nil:
			one.names = config.Lead.Trust
		case address.ID != "":
			one.names = []string{address.ID}
		}
		one.http = &http.Transport{
			DialTLSContext: one.dial, ResponseHeaderTimeout: headerTime, IdleConnTimeout: idleTime,
			MaxIdleConnsPerHost: 64, DisableCompression: true, ExpectContinueTimeout: time.Second,
		}
		m.all = append(m.all, one)
	}
	return m
}

// Base is the URL that requests are for; which member gets them is seen when they are sent.
func (m *Members) Base() string { return "https://" + m.all[0].Address() }

// Using returns the member in use, and its number from 1; 0 for one that is yet to be reached.
func (m *Members) Using() (address string, number int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !m.found {
		return m.all[m.inUse].Address(), 0
	}
	return m.all[m.inUse].Address(), m.inUse + 1
}

// Run looks after the members until ctx ends: those that come first are used again when they are back.
func (m *Members) Run(ctx context.Context) {
	ticker := time.NewTicker(backEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			for _, one := range m.all {
				one.http.CloseIdleConnections()
			}
			return
		case <-ticker.C:
			m.goBack(ctx)
		case <-m.down:
			m.await(ctx)
		}
	}
}

// await looks for the first member that comes back, until ctx ends.
func (m *Members) await(ctx context.Context) {
	for {
		for number, one := range m.all {
			if one.isThere(ctx) {
				m.log.Info("a member can be reached again", "member", m.all[number].Address())
				m.back()
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(downWait + backoff.Jitter(downWait)): // many edges look at the same time
		}
	}
}

// goBack uses the first member again that can be reached, where it is not in use for that it could not be.
func (m *Members) goBack(ctx context.Context) {
	m.mu.Lock()
	inUse, due := m.inUse, time.Since(m.since) >= backAfter
	m.mu.Unlock()
	if !due {
		return
	}
	for number := range inUse {
		if m.all[number].isThere(ctx) {
			m.use(inUse, number)
			return
		}
	}
}

// order returns the members in the order in which to try them.
func (m *Members) order() []int {
	m.mu.Lock()
	defer m.mu.Unlock()
	order := []int{m.inUse}
	for number := range m.all {
		if number != m.inUse {
			order = append(order, number)
		}
	}
	return order
}

// use has one member take the place of another, unless something else has happened meanwhile.
func (m *Members) use(before, number int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.found = m.found || m.inUse == before
	if before == number || m.inUse != before {
		return
	}
	m.inUse, m.since = number, time.Now()
	m.log.Warn("another member is used", "member", m.all[number].Address(), "before", m.all[before].Address())
}

// dial connects to a member and makes sure that it is one.
func (one *member) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	shown := one.identity.State()
	one.shown.Store(&shown)
	conn, err := one.identity.Dial(ctx, one.Address(), one.Host, one.names...)
	if err != nil {
		return nil, &unreachedError{err}
	}
	return &door{Conn: conn}, nil
}

// refused is that the member does not allow something to this machine. If that has another certificate by
// now, the next call shows it, and does not go over a connection with the one before.
func (one *member) refused() {
	now, shown := one.identity.State(), one.shown.Load()
	if shown != nil && !(now.NotBefore.Equal(shown.NotBefore) && now.NotAfter.Equal(shown.NotAfter) && slices.Equal(now.Names, shown.Names)) {
		one.http.CloseIdleConnections()
	}
}

// isThere reports whether a member answers, and takes this machine's certificate.
func (one *member) isThere(ctx context.Context) bool { return one.answers(ctx, one.http) }

// isAlive is isThere on a connection of its own: those that are there may be to a member that is frozen.
func (one *member) isAlive(ctx context.Context) bool {
	return one.answers(ctx, &http.Transport{DialTLSContext: one.dial, DisableKeepAlives: true})
}

func (one *member) answers(ctx context.Context, way http.RoundTripper) bool {
	ctx, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+one.Address()+"/healthz", nil)
	if err != nil {
		return false
	}
	response, err := way.RoundTrip(req)
	discard(response)
	return err == nil && response.StatusCode == http.StatusOK
}

// reason says in words why there is no answer.
func reason(err error) string { return mutualtls.Reason(err, reachTime) }

// unreachedError is a member to which there is no connection: nothing has been sent.
type unreachedError struct{ err error }

func (e *unreachedError) Error() string { return e.err.Error() }

// Unwrap returns why.
func (e *unreachedError) Unwrap() error { return e.err }

// unreachable is that no member can be reached, and why. It passes by itself.
func (m *Members) unreachable(failures []error) *agent.Problem {
	select {
	case m.down <- struct{}{}:
	default:
	}
	var words []string
	for _, failure := range failures {
		words = append(words, failure.Error())
	}
	return &agent.Problem{
		Code: agent.CodeDeviceAbsent, Wait: downWait,
		Message: "no member of the fleet can be reached: " + strings.Join(words, "; "),
		Hints:   []string{"anaplan-agent doctor looks at each; they are tried again all the time"},
	}
}
