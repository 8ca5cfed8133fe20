package anaplantest

import (
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

// Defaults of Options (contract sections 2.1, 6 and 9; Anaplan's documentation of the
// integration API for pages and chunks).
const (
	DefaultTokenLife  = 35 * time.Minute
	DefaultWindow     = 5 * time.Minute
	DefaultMinMessage = 100
	DefaultBurst      = 600
	DefaultRefill     = 10
	DefaultPageSize   = 5000
	DefaultChunkSize  = 10_000_000
	DefaultMaxChunk   = 50 << 20
	DefaultMaxContent = 64 << 20
	DefaultMaxRead    = 1_000_000
)

// maxBody bounds what a request may bring that uploads nothing. A login is a few
// kilobytes.
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

	// Things is how many processes each model has beside its own: "Process 1" and so
	// on.
	Things int

	// PageSize is how many things of a list come at once at most, whatever the
	// request's limit. 0: 5000.
	PageSize int

	// ChunkSize is into how many bytes exports and dumps are cut. 0: 10 MB.
	ChunkSize int

	// MaxChunk is how large a chunk, or a file that is uploaded at once, may be, and
	// MaxContent how large all files together. 0: 50 MiB, 64 MiB.
	MaxChunk, MaxContent int

	// MaxRead is how many items of a list, or cells of a view, come in one answer at most; more are read
	// by a request for pages. 0: 1,000,000.
	MaxRead int

	// RejectedRowsFail makes an import fail that had to leave rows out. By default it
	// succeeds, and there is a dump of these rows.
	RejectedRowsFail bool

	// QuickTasks ends a task at the first poll, unless its Outcome says at which. Clients poll
	// every 5 seconds, as Anaplan asks them to.
	QuickTasks bool

	// Log gets one line a request. nil: nothing is logged.
	Log *slog.Logger
}

// Service is the stand-in as an http.Handler, for tests that bring their own listener. Its methods
// do at run time what an administrator, or bad weather, does to Anaplan. All may be called at any
// time, from any goroutine.
type Service struct {
	options Options
	skew    atomic.Int64
	mux     *http.ServeMux

	// Each with the methods by which a test does something to it.
	registry
	sessions
	faults
	*tenant

	replays replays
	bucket  bucket
	tally   tally
}

// New returns a Service. opts may be nil.
func New(opts *Options) *Service {
	s := &Service{options: withDefaults(opts)}
	s.tenant = newTenant(&s.options)
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
	setDefault(&o.PageSize, DefaultPageSize)
	setDefault(&o.ChunkSize, DefaultChunkSize)
	setDefault(&o.MaxChunk, DefaultMaxChunk)
	setDefault(&o.MaxContent, DefaultMaxContent)
	setDefault(&o.MaxRead, DefaultMaxRead)
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

		"GET /2/0/users/me": s.api(s.usersMe),

		"GET /2/0/workspaces":             s.inTenant(listWorkspaces),
		"GET /2/0/workspaces/{ws}":        s.inTenant(getWorkspace),
		"GET /2/0/workspaces/{ws}/models": s.inTenant(listModels),
		"GET /2/0/models":                 s.inTenant(listModels),
		"/":                               notFound,
	} {
		mux.Handle(pattern, endpoint)
	}
	// Anaplan has models at either place.
	s.modelRoutes(mux, "/2/0/workspaces/{ws}/models/{m}")
	s.modelRoutes(mux, "/2/0/models/{m}")
	return mux
}

// modelRoutes is routes for a model and all that is in it.
func (s *Service) modelRoutes(mux *http.ServeMux, base string) {
	file := base + "/files/{id}"
	for pattern, next := range map[string]func(*call) answer{
		"GET " + base:                 getModel,
		"GET " + base + "/files":      list("files"),
		"POST " + file:                beginUpload,
		"PUT " + file:                 putFile,
		"GET " + file:                 getFile,
		"DELETE " + file:              deleteFile,
		"GET " + file + "/chunks":     listChunks,
		"GET " + file + "/chunks/{n}": getChunk,
		"PUT " + file + "/chunks/{n}": putChunk,
		"POST " + file + "/complete":  completeUpload,
	} {
		mux.Handle(pattern, s.inTenant(next))
	}
	for _, kind := range actionKinds() {
		s.taskRoutes(mux, base+"/"+kind, kind)
	}
	s.structureRoutes(mux, base)
	// The documentation has it as a POST, and anaplan-sdk and apapi as a GET.
	mux.Handle("POST "+base+"/status", s.inTenant(modelStatus))
	mux.Handle("GET "+base+"/status", s.inTenant(modelStatus))
}

// structureRoutes is routes for what a model is built of.
func (s *Service) structureRoutes(mux *http.ServeMux, base string) {
	l, view, line := base+"/lists/{id}", base+"/views/{id}", base+"/lineItems/{id}"
	for pattern, next := range map[string]func(*call) answer{
		"GET " + base + "/lists":                         list("lists"),
		"GET " + l:                                       withList(describeList),
		"GET " + l + "/items":                            withList(getItems),
		"POST " + l + "/items":                           withList(changeItems),
		"PUT " + l + "/items":                            withList(updateItems),
		"GET " + l + "/preview":                          withList(previewList),
		"GET " + base + "/modules":                       list("modules"),
		"GET " + base + "/modules/{id}/views":            listWithin("views", "views"),
		"GET " + base + "/modules/{id}/lineItems":        listWithin("lineItems", "items"),
		"GET " + base + "/views":                         listWithin("views", "views"),
		"GET " + view:                                    withView(describeView),
		"GET " + view + "/data":                          withView(getCells),
		"GET " + view + "/dimensions/{dimension}/items":  withView(getDimension),
		"GET " + base + "/lineItems":                     listWithin("lineItems", "items"),
		"GET " + line + "/dimensions":                    listDimensions,
		"GET " + line + "/dimensions/{dimension}/items":  withDimension(listDimension),
		"GET " + base + "/dimensions/{dimension}/items":  withDimension(listDimension),
		"POST " + base + "/dimensions/{dimension}/items": withDimension(lookUpItems),
	} {
		mux.Handle(pattern, s.inTenant(next))
	}
	s.readRoutes(mux, l+"/readRequests", "lists", "listReadRequest")
	s.readRoutes(mux, view+"/readRequests", "views", "viewReadRequest")
}

// readRoutes is routes for reading something large.
func (s *Service) readRoutes(mux *http.ServeMux, base, kind, name string) {
	one := base + "/{request}"
	for pattern, next := range map[string]func(*call) answer{
		"POST " + base:                 beginRead(kind, name),
		"POST " + base + "/{$}":        beginRead(kind, name), // as the documentation writes it
		"GET " + one:                   withRead(name, pollRead),
		"DELETE " + one:                withRead(name, endRead),
		"GET " + one + "/pages/{page}": withRead(name, readPage),
	} {
		mux.Handle(pattern, s.inTenant(next))
	}
}

// taskRoutes is routes for one kind of the things that can be run.
func (s *Service) taskRoutes(mux *http.ServeMux, base, kind string) {
	tasks := base + "/{id}/tasks"
	task := tasks + "/{task}"
	for pattern, next := range map[string]func(*call) answer{
		"GET " + base:                                list(kind),
		"GET " + base + "/{id}":                      describe(kind),
		"GET " + tasks:                               listTasks(kind),
		"POST " + tasks:                              s.counted(startTask(kind)),
		"GET " + task:                                withTask(kind, pollTask),
		"DELETE " + task:                             withTask(kind, cancelTask),
		"GET " + task + "/dump":                      withTask(kind, getDump),
		"GET " + task + "/dump/chunks":               withTask(kind, listDump),
		"GET " + task + "/dump/chunks/{n}":           withTask(kind, getDumpChunk),
		"GET " + task + "/dumps/{object}":            withTask(kind, getDump),
		"GET " + task + "/dumps/{object}/chunks":     withTask(kind, listDump),
		"GET " + task + "/dumps/{object}/chunks/{n}": withTask(kind, getDumpChunk),
	} {
		mux.Handle(pattern, s.inTenant(next))
	}
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
	r.Body = http.MaxBytesReader(w, r.Body, s.bodyLimit(pattern))
	if fault := s.faults.take(r.Method, r.URL.Path); fault != nil {
		seen.fault = true
		s.tally.fault()
		fault(seen, r, s.mux)
		return
	}
	s.mux.ServeHTTP(seen, r)
}

// bodyLimit is how much a request of that route may bring.
func (s *Service) bodyLimit(pattern string) int64 {
	// Nothing but files, their chunks and items of lists is put.
	if strings.HasPrefix(pattern, "PUT ") || strings.HasSuffix(pattern, "/items") {
		return int64(s.options.MaxChunk)
	}
	return maxBody
}

// log says what became of a request; never what was in it.
func (s *Service) log(r *http.Request, seen *record) {
	s.options.Log.Info("request", "method", r.Method, "path", r.URL.Path,
		"status", seen.status, "reason", seen.reason, "fault", seen.fault)
}
