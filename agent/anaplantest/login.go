package anaplantest

import (
	"bytes"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Reason is why a login was refused.
type Reason string

// The reasons.
const (
	BadHeader     Reason = "no header that logs in by certificate"
	BasicAuth     Reason = "basic authentication"
	BadEncoding   Reason = "the header holds no certificate in PEM or DER"
	BadRequest    Reason = "the body is not a login"
	NotRegistered Reason = "the certificate is not registered"
	Disabled      Reason = "the certificate is disabled"
	NotYetValid   Reason = "the certificate is not valid yet"
	Expired       Reason = "the certificate has expired"
	V1Refused     Reason = "the message is v1"
	TooShort      Reason = "the message is too short"
	BadSignature  Reason = "the signature does not verify"
	OutsideWindow Reason = "the message's time is outside the window"
	Replayed      Reason = "the message has been used before"
)

// refusal is a login refused: the reason, and what there is to say beyond it.
type refusal struct {
	reason Reason
	detail string
}

// refuse makes a refusal. What it is given to say must hold nothing secret: it is
// logged and counted.
func refuse(reason Reason, format string, args ...any) *refusal {
	return &refusal{reason: reason, detail: fmt.Sprintf(format, args...)}
}

// String is the refusal in words, for the log and for Counts.
func (f *refusal) String() string {
	if f.detail == "" {
		return string(f.reason)
	}
	return string(f.reason) + ": " + f.detail
}

// answer is what the wire tells of a refusal (contract section 2.2).
func (f *refusal) answer() answer {
	switch f.reason {
	case BadHeader:
		return authFailure(http.StatusUnauthorized, codeBadHeader, f.String())
	case BadRequest:
		return authFailure(http.StatusBadRequest, codeBadRequest, f.String())
	}
	return authFailure(http.StatusUnauthorized, codeBadCredential, f.String())
}

// authenticate is POST /token/authenticate (contract section 1).
func (s *Service) authenticate(r *http.Request) answer {
	user, refused := s.login(r)
	if refused != nil {
		s.tally.refuse(refused)
		return refused.answer()
	}
	s.tally.login()
	session := s.sessions.open(user, s.Now(), s.options.TokenLife)
	return answer{status: http.StatusCreated, body: s.tokenAnswer(r, "Login successful", session)}
}

// login returns the user that the request proves to be. The signature is checked before the time in
// the message, for until then its author is not known.
func (s *Service) login(r *http.Request) (user string, refused *refusal) {
	cert, refused := certificateOf(r.Header)
	if refused != nil {
		return "", refused
	}
	message, refused := readMessage(r.Body)
	if refused != nil {
		return "", refused
	}
	user, refused = s.admit(cert)
	if refused == nil {
		refused = message.checkSignature(cert)
	}
	if refused == nil {
		refused = s.checkMessage(message)
	}
	return user, refused
}

// certificateOf reads the Authorization header (contract section 1.1).
func certificateOf(header http.Header) (*x509.Certificate, *refusal) {
	scheme, value, _ := strings.Cut(header.Get("Authorization"), " ")
	switch scheme {
	case "CACertificate":
		return parseHeader(value)
	case "Basic":
		return nil, refuse(BasicAuth, "this service knows no passwords")
	case "":
		return nil, refuse(BadHeader, "there is no Authorization header")
	}
	return nil, refuse(BadHeader, "the Authorization header's scheme is not CACertificate")
}

// parseHeader takes form A, the base64 of PEM, and form B, the base64 of DER.
func parseHeader(value string) (*x509.Certificate, *refusal) {
	decoded, err := decodeBase64(value)
	if err != nil {
		return nil, refuse(BadEncoding, "it is not base64")
	}
	// DER first: no DER begins like PEM, so that no certificate is taken for the other form.
	if cert, err := parseDER(decoded); err == nil {
		return cert, nil
	}
	cert, err := parsePEM(decoded)
	if err != nil {
		return nil, refuse(BadEncoding, "decoded, it is not DER, and as PEM: %v", err)
	}
	return cert, nil
}

// decodeBase64 is as strict as Java's basic decoder, which Anaplan uses: Go's
// own skips line breaks.
func decodeBase64(text string) ([]byte, error) {
	if strings.ContainsAny(text, "\r\n") {
		return nil, base64.CorruptInputError(strings.IndexAny(text, "\r\n"))
	}
	return base64.StdEncoding.Strict().DecodeString(text)
}

// message is a login's body, decoded (contract section 1.2).
type message struct {
	format    string // "v2", or "" for v1
	data      []byte
	signature []byte
}

// readMessage reads a login's body. Unknown fields are ignored and field order is
// free, as with any JSON service.
func readMessage(body io.Reader) (*message, *refusal) {
	var wire struct {
		Format    string `json:"encodedDataFormat"`
		Data      string `json:"encodedData"`
		Signature string `json:"encodedSignedData"`
	}
	text, err := io.ReadAll(body)
	if err != nil {
		return nil, refuse(BadRequest, "it could not be read to its end")
	}
	if err := json.Unmarshal(text, &wire); err != nil {
		return nil, refuse(BadRequest, "it is not JSON of the right shape")
	}
	if wire.Format != "" && wire.Format != "v2" {
		return nil, refuse(BadRequest, "encodedDataFormat is neither v2 nor absent")
	}
	m := &message{format: wire.Format}
	var refused *refusal
	if m.data, refused = decodeField("encodedData", wire.Data); refused != nil {
		return nil, refused
	}
	m.signature, refused = decodeField("encodedSignedData", wire.Signature)
	return m, refused
}

// decodeField decodes one base64 field. The error does not quote it: a signed
// message is as good as a password.
func decodeField(name, text string) ([]byte, *refusal) {
	if text == "" {
		return nil, refuse(BadRequest, "%s is missing", name)
	}
	decoded, err := decodeBase64(text)
	if err != nil {
		return nil, refuse(BadRequest, "%s is not base64", name)
	}
	return decoded, nil
}

// admit returns the user of a certificate that may log in now.
func (s *Service) admit(cert *x509.Certificate) (string, *refusal) {
	entry, ok := s.registry.find(cert)
	now := s.Now()
	switch {
	case !ok:
		return "", refuse(NotRegistered, "its id is %s", idOf(cert))
	case !entry.Enabled:
		return "", refuse(Disabled, "its id is %s", entry.ID)
	case now.Before(cert.NotBefore):
		return "", refuse(NotYetValid, "it begins %s", cert.NotBefore.UTC().Format(time.RFC3339))
	case now.After(cert.NotAfter):
		return "", refuse(Expired, "it ended %s", cert.NotAfter.UTC().Format(time.RFC3339))
	}
	return entry.UserID, nil
}

// checkSignature verifies SHA512withRSA over the decoded bytes (contract section
// 1.4). Only certificates with RSA keys get as far: see RegisterCertificate.
func (m *message) checkSignature(cert *x509.Certificate) *refusal {
	digest := sha512.Sum512(m.data)
	key, _ := cert.PublicKey.(*rsa.PublicKey)
	if rsa.VerifyPKCS1v15(key, crypto.SHA512, digest[:], m.signature) == nil {
		return nil
	}
	// The commonest mistake on Anaplan's forum (contract section 7.4), so it is
	// worth a look and words of its own.
	encoded := sha512.Sum512([]byte(base64.StdEncoding.EncodeToString(m.data)))
	if rsa.VerifyPKCS1v15(key, crypto.SHA512, encoded[:], m.signature) == nil {
		return refuse(BadSignature, "it is over the base64 text; sign the bytes before they are encoded")
	}
	return refuse(BadSignature, "")
}

// checkMessage judges what was signed: its length, its time, its newness.
func (s *Service) checkMessage(m *message) *refusal {
	if m.format == "" && !s.options.AcceptV1 {
		return refuse(V1Refused, "only v2 is accepted")
	}
	// A v2 message holds its timestamp, however short a message may be.
	least := s.options.MinMessage
	if m.format == "v2" {
		least = max(least, timestampLength)
	}
	if len(m.data) < least {
		return refuse(TooShort, "it has %d bytes, not %d", len(m.data), least)
	}
	if m.format == "v2" {
		if refused := checkTime(m.data, s.Now(), s.options.Window); refused != nil {
			return refused
		}
	}
	if s.options.RefuseReplays && s.replays.seen(m.data) {
		return refuse(Replayed, "")
	}
	return nil
}

// timestampLength is the length of the time at the head of a v2 message
// (contract section 1.3).
const timestampLength = 8

// checkTime compares the time in a v2 message, in seconds, with the clock.
func checkTime(data []byte, now time.Time, window time.Duration) *refusal {
	stamp := binary.BigEndian.Uint64(data[:timestampLength])
	if isNear(stamp, now, window) {
		return nil
	}
	// A client that counts in milliseconds would be told that it is fifty
	// thousand years ahead, which helps nobody.
	if isNear(stamp/1000, now, window) {
		return refuse(OutsideWindow, "the timestamp is in milliseconds; it must be in seconds")
	}
	behind, word := uint64(now.Unix())-stamp, "behind"
	if stamp > uint64(now.Unix()) {
		behind, word = stamp-uint64(now.Unix()), "ahead of"
	}
	return refuse(OutsideWindow, "the timestamp is %d s %s the server's clock, and %d s are allowed",
		behind, word, int64(window.Seconds()))
}

// isNear reports whether a time in seconds is within window of now. Times beyond
// what int64 holds are near nothing.
func isNear(stamp uint64, now time.Time, window time.Duration) bool {
	allowed, clock := int64(window.Seconds()), now.Unix()
	return stamp <= 1<<62 && int64(stamp) >= clock-allowed && int64(stamp) <= clock+allowed
}

// replays remembers the messages that have logged in. Its zero value is empty.
type replays struct {
	mu sync.Mutex
	// Of each message only the digest is kept, for no table of logins should be
	// worth stealing.
	sums map[[sha256.Size]byte]bool
}

// seen reports whether data was here before, and remembers it.
func (p *replays) seen(data []byte) bool {
	sum := sha256.Sum256(bytes.Clone(data))
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sums == nil {
		p.sums = make(map[[sha256.Size]byte]bool)
	}
	known := p.sums[sum]
	p.sums[sum] = true
	return known
}
