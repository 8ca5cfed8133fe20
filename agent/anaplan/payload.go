package anaplan

import (
	"crypto"
	"crypto/rsa"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// Bounds of a payload. The shortest message is Anaplan's (contract section 1.2);
// the longest text leaves room for any key size.
const (
	minMessage = 100
	maxPayload = 64 << 10
)

// firstMilliseconds is the least v2 time that cannot be meant in seconds: as
// such it would be the year 5138, in milliseconds it is 1973.
const firstMilliseconds = 100_000_000_000

// ErrPayload is wrapped by every error of MarshalPayload and ParsePayload.
// Their texts name the field and never show what is in it.
var ErrPayload = errors.New("unusable login payload")

// payload is the body of POST /token/authenticate (contract section 1.2), with
// its fields in the order in which Anaplan's sample has them.
type payload struct {
	Format string `json:"encodedDataFormat,omitempty"`
	Data   string `json:"encodedData"`
	Signed string `json:"encodedSignedData"`
}

// MarshalPayload returns the login as the JSON body that Authenticate posts. It is
// a password: for minutes in v2, for the life of the certificate in v1.
func MarshalPayload(login *agent.Login) ([]byte, error) {
	if err := checkLogin(login); err != nil {
		return nil, err
	}
	return newBody(login).text, nil
}

// checkLogin returns why a login cannot be sent.
func checkLogin(login *agent.Login) error {
	if login == nil || login.Certificate == nil {
		return fmt.Errorf("%w: there is no login, or it has no certificate", ErrPayload)
	}
	if login.Message.IsZero() || login.Signature.IsZero() {
		return fmt.Errorf("%w: it is not signed", ErrPayload)
	}
	if _, err := agent.ParseFormat(string(login.Format)); err != nil {
		return fmt.Errorf("%w: %w", ErrPayload, err)
	}
	return nil
}

// ParsePayload reads what MarshalPayload wrote, on this machine or another, and
// checks it as far as that can be done without Anaplan: JSON, base64, format,
// lengths, and the signature against the certificate. Unknown fields are ignored.
// It does not judge the age of the payload; the service does.
func ParsePayload(data []byte, cert *x509.Certificate) (*agent.Login, error) {
	login, err := readPayload(data)
	if err != nil {
		return nil, err
	}
	login.Certificate = cert
	if err := checkSignature(login); err != nil {
		return nil, err
	}
	return login, nil
}

// readPayload does all that needs no certificate.
func readPayload(data []byte) (*agent.Login, error) {
	body, err := decodePayload(data)
	if err != nil {
		return nil, err
	}
	format, err := body.format()
	if err != nil {
		return nil, err
	}
	message, err := decodeField("encodedData", body.Data)
	if err != nil {
		return nil, err
	}
	signature, err := decodeField("encodedSignedData", body.Signed)
	if err != nil {
		return nil, err
	}
	login := &agent.Login{Format: format, Message: agent.NewSecret(message), Signature: agent.NewSecret(signature)}
	return login, checkMessage(login)
}

// decodePayload keeps encoding/json's own words out of the error: they quote
// what they stumble over.
func decodePayload(data []byte) (payload, error) {
	if len(data) > maxPayload {
		return payload{}, fmt.Errorf("%w: it is longer than %d bytes", ErrPayload, maxPayload)
	}
	var body payload
	err := json.Unmarshal(data, &body)
	if mistyped, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && mistyped.Field != "" {
		return payload{}, fmt.Errorf("%w: %s is not a string", ErrPayload, mistyped.Field)
	}
	if err != nil {
		return payload{}, fmt.Errorf("%w: it is not a JSON object", ErrPayload)
	}
	return body, nil
}

func (p payload) format() (agent.Format, error) {
	switch p.Format {
	case "":
		return agent.V1, nil
	case string(agent.V2):
		return agent.V2, nil
	}
	return "", fmt.Errorf("%w: encodedDataFormat is not %q; it is that, or absent for v1", ErrPayload, agent.V2)
}

func decodeField(name, text string) ([]byte, error) {
	if text == "" {
		return nil, fmt.Errorf("%w: %s is missing", ErrPayload, name)
	}
	value, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("%w: %s is not base64 of the standard alphabet with padding", ErrPayload, name)
	}
	return value, nil
}

func checkMessage(login *agent.Login) error {
	if n := len(login.Message.Bytes()); n < minMessage {
		return fmt.Errorf("%w: encodedData holds %d bytes, fewer than the %d that Anaplan wants", ErrPayload, n, minMessage)
	}
	if login.Format != agent.V2 {
		return nil
	}
	// A negative number is a time that fills all 64 bits.
	if made := login.MadeAt(); made.Unix() >= firstMilliseconds || made.Before(time.Unix(0, 0)) {
		return fmt.Errorf("%w: encodedData does not begin with a time in seconds; was it written in milliseconds?", ErrPayload)
	}
	return nil
}

func checkSignature(login *agent.Login) error {
	if login.Certificate == nil {
		return fmt.Errorf("%w: there is no certificate to check encodedSignedData with", ErrPayload)
	}
	public, ok := login.Certificate.PublicKey.(*rsa.PublicKey)
	if !ok {
		return fmt.Errorf("%w: the certificate's key is not RSA", ErrPayload)
	}
	if n := len(login.Signature.Bytes()); n != public.Size() {
		return fmt.Errorf("%w: encodedSignedData holds %d bytes, and the certificate's key makes %d", ErrPayload, n, public.Size())
	}
	// Over the bytes and not their base64 (contract section 1.4), the commonest mistake.
	digest := sha512.Sum512(login.Message.Bytes())
	if rsa.VerifyPKCS1v15(public, crypto.SHA512, digest[:], login.Signature.Bytes()) != nil {
		return fmt.Errorf("%w: encodedSignedData is not a SHA512withRSA signature over encodedData by the certificate's key;"+
			" sign the bytes, not their base64 text, and give the certificate of that key", ErrPayload)
	}
	return nil
}
