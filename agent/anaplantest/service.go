package anaplantest

import (
	"log/slog"
	"net/http"
	"sync/atomic"
	"time"
)

// Defaults of Options (contract sections 2.1, 6 and 9).
const (
	DefaultTokenLife  = 35 * time.Minute
	DefaultWindow     = 5 * time.Minute
	DefaultMinMessage = 100
	DefaultBurst      = 600
	DefaultRefill     = 10
)

// maxBody bounds what a request may bring. A login is a few kilobytes.
const maxBody = 1 << 20

// Options of a Service. Each zero field means the default that it names.
type Options struct {
	// Now is the clock. nil: time.Now.
	Now func() time.Time

	// ClockSkew is added to Now in all that the service does: the Date header,
	// the window of v2 messages, the end of tokens. SetClockSkew changes it.
	ClockSkew time.Duration

	// TokenLife is how long a token lives after login or refresh. 0: 35 minutes.
	TokenLife time.Duration

	// Window is how far a v2 message's time may be from the service's clock,
	// before or after. 0: 5 minutes.
	Window time.Duration

	// AcceptV1 takes messages without a timestamp too, as Anaplan did before its
	// cut-off date.
	AcceptV1 bool

	// MinMessage is the least length of a message in bytes. 0: 100.
	MinMessage int

	// RefuseReplays refuses a message that has logged in once.
	RefuseReplays bool

	// RotateTokens makes each refresh return a new token value and end the old
	// one. By default the value stays and its end moves.
	RotateTokens bool

	// Burst is how many integration requests may come at once, and Refill how
	// many more each second. 0: 600 and 10.
	Burst, Refill int

	// Log gets one line a request. nil: nothing is logged.
	Log *slog.Logger
}

// Service is the stand-in as an http.Handler, for those who bring their own
// listener. Its methods do at run time what an administrator, or bad weather,
// does to Anaplan. All may be called at any time, from any goroutine.
type Service struct {
	options  Options
	skew     atomic.Int64
	mux      *http.ServeMux
	registry registry
	sessions sessions
	replays  replays
	tasks    tasks
	bucket   bucket
	faults   faults
	tally    tally
}

// New returns a Service. opts may be nil.
func New(opts *Options) *Service {
	s := &Service{options: withDefaults(opts)}
	s.SetClockSkew(s.options.ClockSkew)
	s.mux = s.routes()
	return s
}

// withDefaults returns the options with every zero field set. It takes a copy: the
// caller may use its Options for the next service.
func withDefaults(opts *Options) Options {
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	setDefault(&o.TokenLife, DefaultTokenLife)
	setDefault(&o.Window, DefaultWindow)
	setDefault(&o.MinMessage, DefaultMinMessage)
	setDefault(&o.Burst, DefaultBurst)
	setDefault(&o.Refill, DefaultRefill)
	return o
}

// setDefault sets a field that is zero to value.
func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// routes names every path that the service knows. Counts uses the same names.
func (s *Service) routes() *http.ServeMux {
	mux := http.NewServeMux()
	for pattern, endpoint := range map[string]endpoint{
		"POST /token/authenticate": s.authenticate,
		"POST /token/refresh":      s.refresh,
		"GET /token/validate":      s.validate,
		"POST /token/logout":       s.logout,

		"GET /2/0/users/me":                                              s.api(s.usersMe),
		"GET /2/0/workspaces":                                            s.api(s.workspaces),
		"GET /2/0/models":                                                s.api(s.models),
		"GET /2/0/workspaces/{ws}/models":                                s.api(s.models),
		"GET /2/0/workspaces/{ws}/models/{m}/processes":                  s.api(s.processes),
		"POST /2/0/workspaces/{ws}/models/{m}/processes/{p}/tasks":       s.api(s.startTask),
		"GET /2/0/workspaces/{ws}/models/{m}/processes/{p}/tasks/{task}": s.api(s.pollTask),
		"/": notFound,
	} {
		mux.Handle(pattern, endpoint)
	}
	return mux
}

// Now returns the service's time: the clock and its skew.
func (s *Service) Now() time.Time {
	return s.options.Now().Add(time.Duration(s.skew.Load()))
}

// SetClockSkew moves the service's clock so far from the real one: positive is
// ahead.
func (s *Service) SetClockSkew(skew time.Duration) { s.skew.Store(int64(skew)) }

// ServeHTTP implements http.Handler.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	// Counted before anything can go wrong, so that tests of retries see every
	// try, answered or not.
	_, pattern := s.mux.Handler(r)
	s.tally.request(pattern)
	seen := &record{ResponseWriter: w}
	// Deferred, because a fault that cuts the connection panics.
	defer s.log(r, seen)

	// net/http would put the real time there, and a client that measures its
	// clock against this header must see the service's own.
	w.Header().Set("Date", s.Now().UTC().Format(http.TimeFormat))
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if fault := s.faults.take(r.URL.Path); fault != nil {
		seen.fault = true
		s.tally.fault()
		fault(seen, r, s.mux)
		return
	}
	s.mux.ServeHTTP(seen, r)
}

// log says what became of a request; never what was in it.
func (s *Service) log(r *http.Request, seen *record) {
	s.options.Log.Info("request", "method", r.Method, "path", r.URL.Path,
		"status", seen.status, "reason", seen.reason, "fault", seen.fault)
}
