package proxy

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strings"
	"sync"
	"time"
)

// continueTime is how long an upload waits for the service to say that it wants it.
const continueTime = time.Second

// errTakenBack ends the reading of a body by an attempt that will not have it.
var errTakenBack = errors.New("the body is for the next attempt")

// errTooLong is a body that does not end where its length says.
var errTooLong = errors.New("the body is longer than its Content-Length")

// payload is the body of a request, for all its attempts.
type payload struct {
	memory []byte                        // all of it; nil: it is not in memory
	get    func() (io.ReadCloser, error) // gives it once more; nil: nothing does
	stream *stream                       // of the attempt; nil: in memory, or none
}

// replayBytes is how long a body may be to be read into memory first, so that it can be sent again
// after a 401.
const replayBytes = 64 << 10

// takeBody takes over the body of a request, which it reads if it is short.
func takeBody(req *http.Request) (*payload, error) {
	if req.Body == nil || req.Body == http.NoBody {
		return &payload{}, nil
	}
	if req.GetBody == nil && 0 < req.ContentLength && req.ContentLength <= replayBytes {
		defer req.Body.Close()
		memory, err := readBody(req.Body, int(req.ContentLength))
		return &payload{memory: memory}, err
	}
	waits := strings.EqualFold(strings.TrimSpace(req.Header.Get("Expect")), "100-continue")
	return &payload{get: req.GetBody, stream: newStream(req.Body, waits)}, nil
}

// readBody reads a body of that length.
func readBody(body io.Reader, length int) ([]byte, error) {
	memory := make([]byte, length+1)
	n, err := io.ReadFull(body, memory)
	switch {
	case err == nil:
		return nil, errTooLong
	case n == length && errors.Is(err, io.ErrUnexpectedEOF):
		return memory[:length], nil
	case err == io.EOF:
		return nil, io.ErrUnexpectedEOF
	}
	return nil, err
}

// request returns a request for the next attempt.
func (p *payload) request(req *http.Request) *http.Request {
	ctx := req.Context()
	if p.stream != nil && p.stream.waits {
		ctx = httptrace.WithClientTrace(ctx, p.stream.trace())
	}
	out := req.WithContext(ctx)
	out.Header = req.Header.Clone()
	switch {
	case p.stream != nil:
		out.Body = p.stream
		p.stream.given = true
	case p.memory != nil:
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(p.memory)), nil }
		out.Body, _ = out.GetBody()
		out.Header.Del("Expect") // there is nothing to save
	}
	return out
}

// takeBack reports whether the body can be sent a second time. If it has not been begun,
// the first attempt will not have it.
func (p *payload) takeBack() bool {
	return p.stream == nil || p.stream.takeBack() || p.get != nil
}

// rewind gets ready for the second attempt, after a takeBack.
func (p *payload) rewind() error {
	if p.stream == nil {
		return nil
	}
	next, err := p.stream.source, error(nil)
	if !p.stream.hand() {
		next, err = p.get()
	}
	if err == nil {
		p.stream = newStream(next, p.stream.waits)
	}
	return err
}

// failure returns what reading the body failed with.
func (p *payload) failure() error {
	if p.stream == nil {
		return nil
	}
	return p.stream.failure()
}

// isUnwanted reports whether there is an answer before anybody wanted the body. It is not
// read any more: that would ask the client for it.
func (p *payload) isUnwanted() bool {
	return p.stream != nil && p.stream.waits && p.stream.takeBack()
}

// settle says that there will be no other attempt.
func (p *payload) settle() {
	if p.stream != nil {
		p.stream.settle()
	}
}

// lastAnswer is an answer to a request of which the body is unwanted. To say so ends the
// connection, so it waits for the end of the answer.
type lastAnswer struct {
	io.ReadCloser
	body *payload
}

// Close implements io.Closer.
func (a lastAnswer) Close() error {
	defer a.body.settle()
	return a.ReadCloser.Close()
}

// stream is a body on its way. It can be taken back from an attempt that has not begun to
// read it.
type stream struct {
	source io.ReadCloser
	waits  bool // the service is asked first whether it wants the body
	given  bool // an attempt has it

	decided  chan struct{} // closed when it is known what becomes of the body
	informed chan struct{} // closed when the service has said something before its answer

	mu       sync.Mutex
	answered bool // the service has begun to say something
	told     bool // informed is closed
	reading  bool
	taken    bool
	settled  bool // decided is closed
	closed   bool // by the attempt
	err      error
}

func newStream(source io.ReadCloser, waits bool) *stream {
	return &stream{source: source, waits: waits, decided: make(chan struct{}), informed: make(chan struct{})}
}

// trace watches for the service's first word. http.Transport reads a body also when it has
// an answer already, to keep its connection, and at once: the body would be begun before
// the answer is seen to be a 401.
func (s *stream) trace() *httptrace.ClientTrace {
	return &httptrace.ClientTrace{
		GotFirstResponseByte: s.heard,
		Got100Continue:       s.inform,
		Got1xxResponse:       func(int, textproto.MIMEHeader) error { s.inform(); return nil },
	}
}

func (s *stream) heard() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answered = true
}

func (s *stream) inform() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.told {
		s.told = true
		close(s.informed)
	}
}

// Read implements io.Reader.
func (s *stream) Read(p []byte) (int, error) {
	if s.isAnswered() {
		s.await()
	}
	if !s.begin() {
		<-s.decided // an error here ends the connection, of which the answer is still read
		return 0, errTakenBack
	}
	n, err := s.source.Read(p)
	if err != nil && err != io.EOF {
		s.fail(err)
	}
	return n, err
}

// isAnswered reports whether an answer is on its way that may make the body needless.
func (s *stream) isAnswered() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waits && !s.reading && s.answered
}

// await waits until it is seen what the answer is.
func (s *stream) await() {
	timer := time.NewTimer(continueTime)
	defer timer.Stop()
	select {
	case <-s.decided:
	case <-s.informed:
	case <-timer.C: // half an answer, it seems
	}
}

func (s *stream) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reading = !s.taken
	return s.reading
}

func (s *stream) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *stream) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Close implements io.Closer. A body that has not been begun is kept for the next attempt.
func (s *stream) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.taken || !s.reading && !s.settled {
		return nil
	}
	return s.source.Close()
}

// takeBack reports whether the body has not been begun, and will not be by this attempt.
func (s *stream) takeBack() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken = !s.reading
	return s.taken
}

// hand reports whether the body is there for another attempt.
func (s *stream) hand() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.decide()
	return s.taken
}

// settle closes the body if no attempt does.
func (s *stream) settle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.settled {
		return
	}
	if !s.given || s.taken || s.closed && !s.reading {
		s.source.Close()
	}
	s.decide()
}

func (s *stream) decide() {
	if !s.settled {
		s.settled = true
		close(s.decided)
	}
}

func closeBody(req *http.Request) {
	if req.Body != nil {
		req.Body.Close()
	}
}
