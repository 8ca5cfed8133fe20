package anaplantest_test

import (
	"bytes"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

// A login is answered in the shape that contract section 2.1 gives.
func TestLoginAnswer(t *testing.T) {
	c := newCaller(t, nil)
	cert := c.server.Enroll(rsaKey().Public(), nil)
	before := time.Now()
	a := c.login(cert).want(201).token()

	if a.Status != "SUCCESS" || a.StatusMessage != "Login successful" {
		t.Errorf("status %q, message %q", a.Status, a.StatusMessage)
	}
	if want := c.server.URL + "/token/validate"; a.Meta.ValidationURL != want {
		t.Errorf("validationUrl %q, want %q", a.Meta.ValidationURL, want)
	}
	checkUUID(t, a.TokenInfo.TokenID)
	checkUUID(t, a.TokenInfo.RefreshTokenID)
	checkTokenValue(t, a.TokenInfo.TokenValue)
	issued := uuidMillis(t, a.TokenInfo.TokenID)
	if got := a.TokenInfo.ExpiresAt - issued; got != 2_100_000 {
		t.Errorf("expiresAt is %d ms after the time in tokenId, want 2100000", got)
	}
	if issued < before.UnixMilli() || issued > time.Now().UnixMilli() {
		t.Errorf("the time in tokenId is not that of the login")
	}
	if got := c.server.Counts(); got.Logins != 1 || got.Requests["POST /token/authenticate"] != 1 {
		t.Errorf("counts %+v", got)
	}
}

func checkUUID(t *testing.T, id string) {
	t.Helper()
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-1[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(id) {
		t.Errorf("%q is not a UUID of version 1", id)
	}
}

func checkTokenValue(t *testing.T, value string) {
	t.Helper()
	parts := strings.Split(value, ".")
	if len(parts) != 3 || len(parts[0]) != 24 || len(parts[1]) != 448 || len(parts[2]) != 44 {
		t.Errorf("the token's parts have the wrong lengths")
	}
	for _, part := range parts {
		if _, err := base64.StdEncoding.DecodeString(part); err != nil {
			t.Errorf("a part of the token is not standard base64: %v", err)
		}
	}
}

// uuidMillis returns the Unix time in a version 1 UUID.
func uuidMillis(t *testing.T, id string) int64 {
	t.Helper()
	raw, err := hex.DecodeString(strings.ReplaceAll(id, "-", ""))
	if err != nil {
		t.Fatal(err)
	}
	low, mid := binary.BigEndian.Uint32(raw), binary.BigEndian.Uint16(raw[4:])
	high := binary.BigEndian.Uint16(raw[6:]) & 0x0fff
	ticks := uint64(high)<<48 | uint64(mid)<<32 | uint64(low)
	return (int64(ticks) - 122192928000000000) / 10_000
}

// The forms of contract section 1.1 that the header may have, and those that it
// may not.
func TestHeaderForms(t *testing.T) {
	c := newCaller(t, nil)
	cert := c.server.Enroll(rsaKey().Public(), nil)
	text := anaplantest.EncodePEM(cert)
	crlf := bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
	encode := base64.StdEncoding.EncodeToString

	for _, test := range []struct {
		name, header, code string
		status             int
		reason             anaplantest.Reason
	}{
		{"A, LF", "CACertificate " + encode(text), "", 201, ""},
		{"A, CRLF", "CACertificate " + encode(crlf), "", 201, ""},
		{"A, no newline at the end", "CACertificate " + encode(bytes.TrimSpace(text)), "", 201, ""},
		{"B", "CACertificate " + encode(cert.Raw), "", 201, ""},
		{"C", "CACertificate " + encode([]byte(encode(cert.Raw))), "FAILURE_BAD_CREDENTIAL", 401, anaplantest.BadEncoding},
		{"D", "CACertificate " + strings.ReplaceAll(string(text), "\n", ""), "FAILURE_BAD_CREDENTIAL", 401, anaplantest.BadEncoding},
		{"text before", "CACertificate " + encode(append([]byte("Bag Attributes\n"), text...)), "FAILURE_BAD_CREDENTIAL", 401, anaplantest.BadEncoding},
		{"two blocks", "CACertificate " + encode(append(bytes.Clone(text), text...)), "FAILURE_BAD_CREDENTIAL", 401, anaplantest.BadEncoding},
		{"damaged block", "CACertificate " + encode(text[:len(text)-40]), "FAILURE_BAD_CREDENTIAL", 401, anaplantest.BadEncoding},
		{"base64url", "CACertificate " + base64.RawURLEncoding.EncodeToString(text), "FAILURE_BAD_CREDENTIAL", 401, anaplantest.BadEncoding},
		{"no value", "CACertificate", "FAILURE_BAD_CREDENTIAL", 401, anaplantest.BadEncoding},
		{"basic", "Basic dXNlcjpwYXNz", "FAILURE_BAD_CREDENTIAL", 401, anaplantest.BasicAuth},
		{"bearer", "Bearer abc", "FAILURE_BAD_HEADER", 401, anaplantest.BadHeader},
		{"lower case", "cacertificate " + encode(text), "FAILURE_BAD_HEADER", 401, anaplantest.BadHeader},
		{"none", "", "FAILURE_BAD_HEADER", 401, anaplantest.BadHeader},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := c.server.Counts().Refused[test.reason]
			r := c.do("POST", "/token/authenticate", test.header, signedBody(t, "v2", v2Message(time.Now()))).want(test.status)
			if test.status == 201 {
				return
			}
			if got := r.token().Status; got != test.code {
				t.Errorf("status %q, want %q", got, test.code)
			}
			if after := c.server.Counts().Refused[test.reason]; after != before+1 {
				t.Errorf("%q counted %d times, want %d", test.reason, after, before+1)
			}
		})
	}
}

// Bodies that are not logins are answered 400.
func TestMalformedBodies(t *testing.T) {
	c := newCaller(t, nil)
	header := pemHeader(c.server.Enroll(rsaKey().Public(), nil))
	var good loginBody
	if err := json.Unmarshal([]byte(signedBody(t, "v2", v2Message(time.Now()))), &good); err != nil {
		t.Fatal(err)
	}
	with := func(change func(*loginBody)) string {
		b := good
		change(&b)
		return bodyOf(t, b)
	}
	for _, test := range []struct{ name, body, words string }{
		{"empty", "", "not JSON"},
		{"not JSON", "encodedData=x", "not JSON"},
		{"list", "[]", "not JSON of the right shape"},
		{"number", `{"encodedData":1}`, "not JSON of the right shape"},
		{"two objects", bodyOf(t, good) + bodyOf(t, good), "not JSON"},
		{"no data", with(func(b *loginBody) { b.Data = "" }), "encodedData is missing"},
		{"no signature", with(func(b *loginBody) { b.Signature = "" }), "encodedSignedData is missing"},
		{"data not base64", with(func(b *loginBody) { b.Data += "!" }), "encodedData is not base64"},
		{"data in lines", with(func(b *loginBody) { b.Data = b.Data[:64] + "\n" + b.Data[64:] }), "encodedData is not base64"},
		{"signature not base64", with(func(b *loginBody) { b.Signature = "-" + b.Signature[1:] }), "encodedSignedData is not base64"},
		{"other format", with(func(b *loginBody) { b.Format = "v3" }), "encodedDataFormat"},
		{"too long", `{"encodedData":"` + strings.Repeat("A", 2<<20) + `"}`, "could not be read"},
	} {
		t.Run(test.name, func(t *testing.T) {
			a := c.do("POST", "/token/authenticate", header, test.body).want(400).token()
			if a.Status != "FAILURE_BAD_REQUEST" {
				t.Errorf("status %q", a.Status)
			}
			if got := c.server.Counts().LastRefusal; !strings.Contains(got, test.words) {
				t.Errorf("last refusal %q lacks %q", got, test.words)
			}
		})
	}
}

// Messages that are well-formed and signed, but not to be taken.
func TestRefusedMessages(t *testing.T) {
	now := time.Now()
	seconds := uint64(now.Unix())
	for _, test := range []struct {
		name    string
		opts    anaplantest.Options
		format  string
		message []byte
		want    string // of the refusal; "" is a login
	}{
		{"v2", anaplantest.Options{}, "v2", stampedMessage(seconds, 100), ""},
		{"longer v2", anaplantest.Options{}, "v2", stampedMessage(seconds, 108), ""},
		{"v2 where v1 may be", anaplantest.Options{AcceptV1: true}, "v2", stampedMessage(seconds, 100), ""},
		{"v1", anaplantest.Options{}, "", stampedMessage(0, 150), "the message is v1: only v2 is accepted"},
		{"v1 accepted", anaplantest.Options{AcceptV1: true}, "", stampedMessage(0, 150), ""},
		{"short", anaplantest.Options{}, "v2", stampedMessage(seconds, 99), "the message is too short: it has 99 bytes, not 100"},
		{"short allowed", anaplantest.Options{MinMessage: 20}, "v2", stampedMessage(seconds, 20), ""},
		{"no time at all", anaplantest.Options{MinMessage: 1}, "v2", []byte("abc"), "it has 3 bytes, not 8"},
		{"an hour behind", anaplantest.Options{}, "v2", stampedMessage(seconds-3600, 100), "behind the server's clock, and 300 s are allowed"},
		{"an hour ahead", anaplantest.Options{}, "v2", stampedMessage(seconds+3600, 100), "ahead of the server's clock"},
		{"an hour in a wide window", anaplantest.Options{Window: 2 * time.Hour}, "v2", stampedMessage(seconds-3600, 100), ""},
		{"skewed server", anaplantest.Options{ClockSkew: -time.Hour}, "v2", stampedMessage(seconds, 100), "ahead of the server's clock"},
		{"skewed alike", anaplantest.Options{ClockSkew: -time.Hour}, "v2", stampedMessage(seconds-3600, 100), ""},
		{"milliseconds", anaplantest.Options{}, "v2", stampedMessage(uint64(now.UnixMilli()), 100), "is in milliseconds"},
		{"largest time", anaplantest.Options{}, "v2", stampedMessage(math.MaxUint64, 100), "ahead of"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCaller(t, &test.opts)
			// From years ago, so that it is valid at a skewed time too.
			cert := c.server.Enroll(rsaKey().Public(), &anaplantest.IssueOptions{NotBefore: now.AddDate(-1, 0, 0)})
			r := c.do("POST", "/token/authenticate", pemHeader(cert), signedBody(t, test.format, test.message))
			if test.want == "" {
				r.want(201)
				return
			}
			if got := r.want(401).token().Status; got != "FAILURE_BAD_CREDENTIAL" {
				t.Errorf("status %q", got)
			}
			if got := c.server.Counts().LastRefusal; !strings.Contains(got, test.want) {
				t.Errorf("last refusal %q lacks %q", got, test.want)
			}
		})
	}
}

// The edges of the window are inside it, to the second.
func TestWindowEdges(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	for _, test := range []struct {
		offset int
		status int
	}{{-301, 401}, {-300, 201}, {0, 201}, {300, 201}, {301, 401}} {
		c := newCaller(t, &anaplantest.Options{Now: func() time.Time { return now }})
		cert := c.server.Enroll(rsaKey().Public(), &anaplantest.IssueOptions{NotAfter: now.AddDate(1, 0, 0)})
		message := stampedMessage(uint64(now.Unix()+int64(test.offset)), 100)
		c.do("POST", "/token/authenticate", pemHeader(cert), signedBody(t, "v2", message)).want(test.status)
	}
}

func TestReplay(t *testing.T) {
	for _, refuse := range []bool{false, true} {
		c := newCaller(t, &anaplantest.Options{RefuseReplays: refuse})
		header := pemHeader(c.server.Enroll(rsaKey().Public(), nil))
		body := signedBody(t, "v2", v2Message(time.Now()))
		c.do("POST", "/token/authenticate", header, body).want(201)
		second := c.do("POST", "/token/authenticate", header, body)
		if !refuse {
			second.want(201)
			continue
		}
		second.want(401)
		if got := c.server.Counts().Refused[anaplantest.Replayed]; got != 1 {
			t.Errorf("replays refused: %d", got)
		}
	}
}

func TestBadSignatures(t *testing.T) {
	c := newCaller(t, nil)
	header := pemHeader(c.server.Enroll(rsaKey().Public(), nil))
	message := v2Message(time.Now())
	encoded := base64.StdEncoding.EncodeToString(message)

	var ofText, ofOther loginBody
	json.Unmarshal([]byte(signedBody(t, "v2", []byte(encoded))), &ofText)
	json.Unmarshal([]byte(signedBody(t, "v2", v2Message(time.Now()))), &ofOther)
	for _, test := range []struct{ name, signature, want string }{
		{"over the base64 text", ofText.Signature, "sign the bytes before they are encoded"},
		{"over another message", ofOther.Signature, "the signature does not verify"},
		{"empty of meaning", base64.StdEncoding.EncodeToString([]byte("x")), "the signature does not verify"},
	} {
		body := bodyOf(t, loginBody{"v2", encoded, test.signature})
		c.do("POST", "/token/authenticate", header, body).want(401)
		if got := c.server.Counts().LastRefusal; !strings.Contains(got, test.want) {
			t.Errorf("%s: last refusal %q lacks %q", test.name, got, test.want)
		}
	}
}

// What the registry and the certificate itself say of a login.
func TestCertificateStates(t *testing.T) {
	now := time.Now()
	day := 24 * time.Hour
	for _, test := range []struct {
		name string
		opts anaplantest.IssueOptions
		then func(t *testing.T, s *anaplantest.Server, id string) error
		want anaplantest.Reason
	}{
		{"good", anaplantest.IssueOptions{}, nil, ""},
		{"server only", anaplantest.IssueOptions{ServerOnly: true}, nil, ""},
		{"expired", anaplantest.IssueOptions{NotBefore: now.Add(-2 * day), NotAfter: now.Add(-day)}, nil, anaplantest.Expired},
		{"not yet valid", anaplantest.IssueOptions{NotBefore: now.Add(day)}, nil, anaplantest.NotYetValid},
		{"disabled", anaplantest.IssueOptions{}, func(_ *testing.T, s *anaplantest.Server, id string) error { return s.Disable(id) }, anaplantest.Disabled},
		{"deleted", anaplantest.IssueOptions{}, func(_ *testing.T, s *anaplantest.Server, id string) error { return s.Delete(id) }, anaplantest.NotRegistered},
		{"enabled again", anaplantest.IssueOptions{}, func(t *testing.T, s *anaplantest.Server, id string) error {
			if err := s.Disable(id); err != nil {
				t.Error(err)
			}
			return s.Enable(id)
		}, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCaller(t, nil)
			cert := c.server.Enroll(rsaKey().Public(), &test.opts)
			if test.then != nil {
				if err := test.then(t, c.server, onlyID(t, c.server)); err != nil {
					t.Fatal(err)
				}
			}
			if test.want == "" {
				c.login(cert).want(201)
				return
			}
			c.login(cert).want(401)
			if c.server.Counts().Refused[test.want] != 1 {
				t.Errorf("refused for %q", c.server.Counts().LastRefusal)
			}
		})
	}
}

func onlyID(t *testing.T, s *anaplantest.Server) string {
	t.Helper()
	list := s.Certificates()
	if len(list) != 1 {
		t.Fatalf("%d certificates, want 1", len(list))
	}
	return list[0].ID
}

// Two certificates of one user may overlap, as in a rotation, and each proves
// its own key only.
func TestOverlap(t *testing.T) {
	c := newCaller(t, nil)
	var certs []*x509.Certificate
	for range 2 {
		certs = append(certs, c.server.Enroll(rsaKey().Public(), nil))
	}
	for _, cert := range certs {
		c.login(cert).want(201)
	}
}
