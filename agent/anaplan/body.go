package anaplan

import (
	"encoding/base64"
	"errors"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// errWiped is what a transport reads that goes on with a login which is over.
var errWiped = errors.New("the login is over")

// body is the JSON of a login. Until a request is written it is the only place that holds
// the secrets in this form.
type body struct {
	text            []byte
	message, signed []byte // the base64 of the two secrets, within text

	mu    sync.Mutex // guards what text holds, once requests read it
	wiped bool
}

// newBody writes the JSON by hand and at its final size: an encoder would keep copies of
// what went through it, and so would a buffer that grows. Base64 needs no escapes.
func newBody(login *agent.Login) *body {
	head := `{"encodedData":"`
	if login.Format == agent.V2 {
		head = `{"encodedDataFormat":"v2","encodedData":"`
	}
	const middle, end = `","encodedSignedData":"`, `"}`
	message, signature := login.Message.Bytes(), login.Signature.Bytes()
	encoding := base64.StdEncoding
	size := len(head) + encoding.EncodedLen(len(message)) + len(middle) + encoding.EncodedLen(len(signature)) + len(end)
	b := &body{text: make([]byte, 0, size+maxPadding)}
	b.text = append(b.text, head...)
	b.message = b.encode(message)
	b.text = append(b.text, middle...)
	b.signed = b.encode(signature)
	b.text = append(b.text, end...)
	return b
}

// encode adds the base64 of a value, and returns it.
func (b *body) encode(value []byte) []byte {
	from := len(b.text)
	b.text = base64.StdEncoding.AppendEncode(b.text, value)
	return b.text[from:]
}

// wipe overwrites the text. A transport may still read it (http.RoundTripper): it gets an
// error then, and never zeros in place of the rest.
func (b *body) wipe() {
	b.mu.Lock()
	defer b.mu.Unlock()
	clear(b.text)
	b.wiped = true
}

// Bytes that crypto/tls puts before and behind what it encrypts (RFC 8446 section 5.2): a
// header, a type and a tag.
const (
	recordHead = 5
	recordTail = 1 + 16
)

// maxPadding is more than pad ever adds.
const maxPadding = 64

// pad makes the text a little longer, by white space that JSON allows at its end, where
// crypto/tls would leave a copy of it behind. It copies the text into a buffer and encrypts
// it there, unless that has no room for the tag: then it takes a larger one, and drops the
// first as it is. The room is what Go's allocator rounds a size up by.
func (b *body) pad() {
	for !hasRoom(len(b.text)) && len(b.text) < cap(b.text) {
		b.text = append(b.text, ' ')
	}
}

// hasRoom reports whether a new buffer of crypto/tls for a text has room for the tag.
func hasRoom(length int) bool {
	buffer := append(make([]byte, recordHead), make([]byte, length)...)
	return cap(buffer) >= len(buffer)+recordTail
}

// addTo makes the text the body of a request. isOurs: by a transport of newTransport, whose
// copies of the text are overwritten when they have been sent.
//
// There is one copy, and this is why. net/http flushes the header before it reads a body
// that is not of its own types (transferWriter.FlushHeaders). So the buffer of the
// connection is empty, and bufio.Writer.ReadFrom passes the body by it: io.Copy reads it
// into new memory and writes that to the connection, where crypto/tls encrypts it, through
// proxies too. All of that is done, well or not, when the same goroutine tells
// WroteRequest. So what Read was given can be overwritten then: it has been sent, and
// nobody else has it.
//
// Other transports may share such memory between requests. What they keep is theirs.
func (b *body) addTo(request *http.Request, isOurs bool) *http.Request {
	s := &requestBody{body: b}
	request.Body, request.GetBody, request.ContentLength = s, s.again, int64(len(b.text))
	if !isOurs {
		return request
	}
	trace := &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) { s.takeBack() }}
	return request.WithContext(httptrace.WithClientTrace(request.Context(), trace))
}

// requestBody is the body of one request.
type requestBody struct {
	body *body
	sent int
	lent [][]byte // what Read was given: it holds parts of the text
}

// Read implements io.Reader, except that it keeps p, see addTo.
func (s *requestBody) Read(p []byte) (int, error) {
	s.body.mu.Lock()
	defer s.body.mu.Unlock()
	switch {
	case s.body.wiped:
		return 0, errWiped
	case s.sent == len(s.body.text):
		return 0, io.EOF
	}
	n := copy(p, s.body.text[s.sent:])
	s.sent += n
	s.lent = append(s.lent, p[:n])
	return n, nil
}

// Close implements io.Closer.
func (s *requestBody) Close() error { return nil }

// again is an http.Request's GetBody. A transport calls it that has found its connection
// dead before it has read anything.
func (s *requestBody) again() (io.ReadCloser, error) {
	s.body.mu.Lock()
	defer s.body.mu.Unlock()
	s.sent = 0
	return s, nil
}

// takeBack overwrites what Read was given.
func (s *requestBody) takeBack() {
	s.body.mu.Lock()
	defer s.body.mu.Unlock()
	for _, p := range s.lent {
		clear(p)
	}
	s.lent = nil
}
