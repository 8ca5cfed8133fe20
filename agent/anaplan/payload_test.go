package anaplan_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

func TestMarshalPayload(t *testing.T) {
	message, signature := agent.NewSecret([]byte{0, 1, 0xfb, 0xff}), agent.NewSecret("signed")
	cert := &x509.Certificate{}
	tests := map[agent.Format]string{
		agent.V1: `{"encodedData":"AAH7/w==","encodedSignedData":"c2lnbmVk"}`,
		agent.V2: `{"encodedDataFormat":"v2","encodedData":"AAH7/w==","encodedSignedData":"c2lnbmVk"}`,
	}
	for format, want := range tests {
		got, err := anaplan.MarshalPayload(&agent.Login{Certificate: cert, Format: format, Message: message, Signature: signature})
		if err != nil || string(got) != want {
			t.Errorf("%s: %s, %v; want %s", format, got, err, want)
		}
	}
	_, err := anaplan.MarshalPayload(&agent.Login{Certificate: cert, Format: "v3", Message: message, Signature: signature})
	if !errors.Is(err, anaplan.ErrPayload) || !errors.Is(err, agent.ErrFormat) {
		t.Errorf("v3: %v", err)
	}
}

func TestPayloadRoundTrip(t *testing.T) {
	cert := issue(t)
	for _, format := range []agent.Format{agent.V1, agent.V2} {
		login := sign(t, cert, format, time.Now())
		text, err := anaplan.MarshalPayload(login)
		if err != nil {
			t.Fatal(err)
		}
		got, err := anaplan.ParsePayload(text, cert)
		if err != nil {
			t.Fatal(err)
		}
		if got.Format != format || got.Certificate != cert || !got.MadeAt().Equal(login.MadeAt()) ||
			got.Message.Reveal() != login.Message.Reveal() || got.Signature.Reveal() != login.Signature.Reveal() {
			t.Errorf("%s: another login came back", format)
		}
	}
}

// The first and the last time that can be meant in seconds, and the longest text.
func TestPayloadsThatJustFit(t *testing.T) {
	cert := issue(t)
	for seconds, want := range map[int64]error{0: nil, 99_999_999_999: nil, 100_000_000_000: anaplan.ErrPayload} {
		text, err := anaplan.MarshalPayload(sign(t, cert, agent.V2, time.Unix(seconds, 0)))
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, bytes.Repeat([]byte(" "), 64<<10-len(text))...)
		if _, err := anaplan.ParsePayload(text, cert); !errors.Is(err, want) {
			t.Errorf("made %d s after 1970: %v, want %v", seconds, err, want)
		}
		if _, err := anaplan.ParsePayload(append(text, ' '), cert); err == nil || !strings.Contains(err.Error(), "longer than 65536 bytes") {
			t.Errorf("a byte more: %v", err)
		}
	}
}

// fields returns a good v2 payload to spoil.
func fields(t *testing.T, cert *x509.Certificate) map[string]any {
	t.Helper()
	text, err := anaplan.MarshalPayload(sign(t, cert, agent.V2, time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]any
	if err := json.Unmarshal(text, &fields); err != nil {
		t.Fatal(err)
	}
	return fields
}

func TestParsePayloadRefuses(t *testing.T) {
	cert := issue(t)
	good := fields(t, cert)
	encode := base64.StdEncoding.EncodeToString
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	milliseconds := sign(t, cert, agent.V2, time.Unix(time.Now().UnixMilli(), 0))
	negative := sign(t, cert, agent.V2, time.Unix(-5, 0))
	tests := []struct {
		name  string
		field string
		value any // nil: the field is taken out
		cert  *x509.Certificate
		words string
	}{
		{"format of the future", "encodedDataFormat", "hunter2", cert, "encodedDataFormat is not"},
		{"format no string", "encodedDataFormat", 2, cert, "encodedDataFormat is not a string"},
		{"no data", "encodedData", nil, cert, "encodedData is missing"},
		{"empty data", "encodedData", "", cert, "encodedData is missing"},
		{"data no base64", "encodedData", "hunter2!", cert, "encodedData is not base64"},
		{"data in the URL alphabet", "encodedData", strings.Repeat("-_-_", 40), cert, "encodedData is not base64"},
		{"data short", "encodedData", encode([]byte("hunter2")), cert, "encodedData holds 7 bytes"},
		{"data a byte short", "encodedData", encode(make([]byte, 99)), cert, "encodedData holds 99 bytes"},
		{"data in milliseconds", "encodedData", encode(milliseconds.Message.Bytes()), cert, "time in seconds"},
		{"data before 1970", "encodedData", encode(negative.Message.Bytes()), cert, "time in seconds"},
		{"data of another login", "encodedData", fields(t, cert)["encodedData"], cert, "not a SHA512withRSA signature"},
		{"no signature", "encodedSignedData", nil, cert, "encodedSignedData is missing"},
		{"signature no base64", "encodedSignedData", "hunter2", cert, "encodedSignedData is not base64"},
		{"signature of another length", "encodedSignedData", encode(make([]byte, 128)), cert, "encodedSignedData holds 128 bytes, and the certificate's key makes 256"},
		{"signature wrong", "encodedSignedData", encode(make([]byte, 256)), cert, "not a SHA512withRSA signature"},
		{"no certificate", "more", "hunter2", nil, "no certificate to check"},
		{"certificate of another kind", "more", "hunter2", &x509.Certificate{PublicKey: &other.PublicKey}, "key is not RSA"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			spoiled := maps.Clone(good)
			spoiled[test.field] = test.value
			if test.value == nil {
				delete(spoiled, test.field)
			}
			text, err := json.Marshal(spoiled)
			if err != nil {
				t.Fatal(err)
			}
			_, err = anaplan.ParsePayload(text, test.cert)
			if !errors.Is(err, anaplan.ErrPayload) || !strings.Contains(err.Error(), test.words) {
				t.Errorf("error %v, want ErrPayload with the words %q", err, test.words)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows the value: %v", err)
			}
		})
	}
}

func TestParsePayloadRefusesOtherFiles(t *testing.T) {
	cert := issue(t)
	for name, text := range map[string]string{
		"empty":     "",
		"PEM":       string(anaplantest.EncodePEM(cert)),
		"cut off":   `{"encodedData":"hunter2`,
		"array":     `["hunter2"]`,
		"string":    `"hunter2"`,
		"too long":  `{"hunter2":"` + strings.Repeat("x", 64<<10) + `"}`,
		"two":       `{}{}`,
		"null":      `null`,
		"no fields": `{"hunter2":"hunter2"}`,
	} {
		_, err := anaplan.ParsePayload([]byte(text), cert)
		if !errors.Is(err, anaplan.ErrPayload) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want an ErrPayload that shows no value", name, err)
		}
		if isJSON := slices.Contains([]string{"null", "no fields", "too long"}, name); strings.Contains(err.Error(), "it is not a JSON object") == isJSON {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAuthorization(t *testing.T) {
	cert := issue(t)
	for form, prefix := range map[anaplan.HeaderForm]string{
		"": "LS0tLS1CRUdJTi", anaplan.FormPEM: "LS0tLS1CRUdJTi", anaplan.FormDER: "MII", // contract section 1.1
	} {
		value, ok := strings.CutPrefix(anaplan.Authorization(cert, form), "CACertificate ")
		if !ok || !strings.HasPrefix(value, prefix) {
			t.Errorf("%q: the value begins %.20s, want %s", form, value, prefix)
		}
		text, err := base64.StdEncoding.DecodeString(value)
		if err != nil {
			t.Errorf("%q: %v", form, err)
		}
		if form != anaplan.FormDER {
			checkPEM(t, text)
			block, _ := pem.Decode(text)
			text = block.Bytes
		}
		if !bytes.Equal(text, cert.Raw) {
			t.Errorf("%q: another certificate came out", form)
		}
	}
}

// checkPEM checks the lay-out that is safest to send (contract section 1.1).
func checkPEM(t *testing.T, text []byte) {
	t.Helper()
	lines := strings.Split(string(text), "\n")
	last := len(lines) - 1
	if lines[0] != "-----BEGIN CERTIFICATE-----" || lines[last-1] != "-----END CERTIFICATE-----" || lines[last] != "" {
		t.Errorf("the PEM is\n%s", text)
	}
	for _, line := range lines[1 : last-2] {
		if len(line) != 64 || strings.Contains(line, "\r") {
			t.Errorf("line %q has not 64 columns", line)
		}
	}
}

func TestParseHeaderForm(t *testing.T) {
	for name, want := range map[string]anaplan.HeaderForm{"": anaplan.FormPEM, "pem": anaplan.FormPEM, "der": anaplan.FormDER} {
		if got, err := anaplan.ParseHeaderForm(name); got != want || err != nil {
			t.Errorf("ParseHeaderForm(%q) = %q, %v", name, got, err)
		}
	}
	if _, err := anaplan.ParseHeaderForm("PEM"); !errors.Is(err, anaplan.ErrHeaderForm) || !strings.Contains(err.Error(), `"PEM"`) {
		t.Errorf("PEM: %v, want an ErrHeaderForm that names it", err)
	}
}
