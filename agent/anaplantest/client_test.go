package anaplantest_test

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

// rsaKey is the key of all the tests: making one takes long.
var rsaKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

// loginBody is a login's body, written here a second time on purpose.
type loginBody struct {
	Format    string `json:"encodedDataFormat,omitempty"`
	Data      string `json:"encodedData,omitempty"`
	Signature string `json:"encodedSignedData,omitempty"`
}

// tokenAnswer is what the tests read of an answer.
type tokenAnswer struct {
	Meta struct {
		ValidationURL string `json:"validationUrl"`
	} `json:"meta"`
	Status        string `json:"status"`
	StatusMessage string `json:"statusMessage"`
	TokenInfo     struct {
		TokenID        string `json:"tokenId"`
		TokenValue     string `json:"tokenValue"`
		ExpiresAt      int64  `json:"expiresAt"`
		RefreshTokenID string `json:"refreshTokenId"`
		RefreshToken   string `json:"refreshToken"`
	} `json:"tokenInfo"`
	UserInfo struct {
		UserGUID     string `json:"userGuid"`
		UserID       string `json:"userId"`
		CustomerGUID string `json:"customerGuid"`
	} `json:"userInfo"`
}

// reply is an answer read to its end.
type reply struct {
	t      *testing.T
	status int
	header http.Header
	body   []byte
}

func (r reply) token() tokenAnswer {
	r.t.Helper()
	var a tokenAnswer
	r.decode(&a)
	return a
}

func (r reply) decode(into any) {
	r.t.Helper()
	if err := json.Unmarshal(r.body, into); err != nil {
		r.t.Fatalf("answer %d is not JSON: %v", r.status, err)
	}
}

func (r reply) want(status int) reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("status %d, want %d; body %.200s", r.status, status, r.body)
	}
	return r
}

// caller is a client of a server.
type caller struct {
	t      *testing.T
	server *anaplantest.Server
}

func newCaller(t *testing.T, opts *anaplantest.Options) *caller {
	return &caller{t, anaplantest.NewServer(t, opts)}
}

// do sends a request with an Authorization header and fails the test if there is
// no whole answer.
func (c *caller) do(method, path, authorization, body string) reply {
	c.t.Helper()
	r, err := c.try(method, path, authorization, body)
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

func (c *caller) try(method, path, authorization, body string) (reply, error) {
	request, err := http.NewRequestWithContext(c.t.Context(), method, c.server.URL+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return reply{}, err
	}
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	response, err := c.server.Client().Do(request)
	if err != nil {
		return reply{}, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	return reply{c.t, response.StatusCode, response.Header, text}, err
}

// login logs in with a v2 message of the server's own time.
func (c *caller) login(cert *x509.Certificate) reply {
	c.t.Helper()
	return c.do("POST", "/token/authenticate", pemHeader(cert), signedBody(c.t, "v2", v2Message(c.server.Now())))
}

// token logs in and returns the token's value, ready for the header.
func (c *caller) token() string {
	c.t.Helper()
	cert := c.server.Enroll(rsaKey().Public(), nil)
	return "AnaplanAuthToken " + c.login(cert).want(201).token().TokenInfo.TokenValue
}

// get is do for a GET with a token.
func (c *caller) get(path, token string) reply {
	c.t.Helper()
	return c.do("GET", path, token, "")
}

func pemHeader(cert *x509.Certificate) string {
	return "CACertificate " + base64.StdEncoding.EncodeToString(anaplantest.EncodePEM(cert))
}

func v2Message(now time.Time) []byte { return stampedMessage(uint64(now.Unix()), 100) }

func stampedMessage(stamp uint64, length int) []byte {
	message := make([]byte, length)
	rand.Read(message)
	binary.BigEndian.PutUint64(message, stamp)
	return message
}

// signedBody makes a login's body, signed with the standard library alone.
func signedBody(t *testing.T, format string, message []byte) string {
	t.Helper()
	digest := sha512.Sum512(message)
	signature, err := rsa.SignPKCS1v15(nil, rsaKey(), crypto.SHA512, digest[:])
	if err != nil {
		t.Fatal(err)
	}
	return bodyOf(t, loginBody{
		format, base64.StdEncoding.EncodeToString(message), base64.StdEncoding.EncodeToString(signature),
	})
}

func bodyOf(t *testing.T, body loginBody) string {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
