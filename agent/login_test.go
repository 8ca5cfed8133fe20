package agent_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha512"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"fmt"
	"log"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// softKey is a key in memory, with a certificate that it signed itself.
type softKey struct {
	private *rsa.PrivateKey
	cert    *x509.Certificate
	err     error // what SignSHA512 returns, if not nil
}

func newSoftKey() (*softKey, error) {
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), EmailAddresses: []string{"robot@example.com"}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &softKey{private: private, cert: cert}, err
}

func (k *softKey) Certificate() *x509.Certificate { return k.cert }

func (k *softKey) SignSHA512(ctx context.Context, message []byte) ([]byte, error) {
	if k.err != nil {
		return nil, k.err
	}
	digest := sha512.Sum512(message)
	return rsa.SignPKCS1v15(nil, k.private, crypto.SHA512, digest[:])
}

func testKey(t *testing.T) *softKey {
	t.Helper()
	key, err := newSoftKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestSignLogin(t *testing.T) {
	key := testKey(t)
	now := time.Date(2026, 11, 23, 12, 0, 0, 999, time.UTC)
	for format, length := range map[agent.Format]int{agent.V1: 150, agent.V2: 100} {
		login, err := agent.SignLogin(t.Context(), key, format, now)
		if err != nil {
			t.Fatal(err)
		}
		if login.Format != format || login.Certificate != key.cert {
			t.Errorf("%s: the login is %s with certificate %p", format, login.Format, login.Certificate)
		}
		if got := len(login.Message.Bytes()); got != length {
			t.Errorf("%s: the message has %d bytes, want %d", format, got, length)
		}
		digest := sha512.Sum512(login.Message.Bytes())
		if err := rsa.VerifyPKCS1v15(&key.private.PublicKey, crypto.SHA512, digest[:], login.Signature.Bytes()); err != nil {
			t.Errorf("%s: %v", format, err)
		}
	}
}

func TestSignLoginCarriesTheTimeInV2(t *testing.T) {
	// The time in Anaplan's own sample (contract section 1.3): 00000000 685A1FBA.
	now := time.Date(2025, 6, 24, 3, 47, 6, 5e8, time.UTC)
	login, err := agent.SignLogin(t.Context(), testKey(t), agent.V2, now)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := login.Message.Bytes()[:8], []byte{0, 0, 0, 0, 0x68, 0x5A, 0x1F, 0xBA}; !bytes.Equal(got, want) {
		t.Errorf("the message begins % x, want % x", got, want)
	}
	if got, want := login.MadeAt(), now.Truncate(time.Second); !got.Equal(want) {
		t.Errorf("MadeAt() = %v, want %v", got, want)
	}
}

func TestSignLoginNeverRepeats(t *testing.T) {
	key, now := testKey(t), time.Unix(1<<31, 0)
	for _, format := range []agent.Format{agent.V1, agent.V2} {
		seen := map[string]bool{}
		for range 20 {
			login, err := agent.SignLogin(t.Context(), key, format, now)
			if err != nil {
				t.Fatal(err)
			}
			// Each end of the random part by itself: neither may be left unfilled.
			message := login.Message.Bytes()
			for _, part := range [][]byte{message[8:24], message[len(message)-16:]} {
				if seen[string(part)] {
					t.Fatalf("%s: 16 bytes of the random part came twice", format)
				}
				seen[string(part)] = true
			}
		}
	}
}

func TestSignLoginErrors(t *testing.T) {
	key := testKey(t)
	if _, err := agent.SignLogin(t.Context(), key, "v3", time.Now()); !errors.Is(err, agent.ErrFormat) || !strings.Contains(err.Error(), `"v3"`) {
		t.Errorf("format v3: %v", err)
	}
	key.err = errors.New("the card was pulled")
	_, err := agent.SignLogin(t.Context(), key, agent.V2, time.Now())
	if !errors.Is(err, key.err) || !strings.HasPrefix(err.Error(), "signing the login: ") {
		t.Errorf("a key that fails: %v", err)
	}
}

func TestMadeAtWithoutATime(t *testing.T) {
	stamped := binary.BigEndian.AppendUint64(nil, 1)
	for name, login := range map[string]agent.Login{
		"v1":        {Format: agent.V1, Message: agent.NewSecret(stamped)},
		"too short": {Format: agent.V2, Message: agent.NewSecret(stamped[:7])},
		"empty":     {Format: agent.V2},
	} {
		if got := login.MadeAt(); !got.IsZero() {
			t.Errorf("%s: MadeAt() = %v, want none", name, got)
		}
	}
}

func TestMadeAtOfTheTimeAlone(t *testing.T) {
	login := agent.Login{Format: agent.V2, Message: agent.NewSecret(binary.BigEndian.AppendUint64(nil, 1))}
	if got := login.MadeAt(); !got.Equal(time.Unix(1, 0)) {
		t.Errorf("MadeAt() = %v", got)
	}
}

func TestParseFormat(t *testing.T) {
	for _, format := range []agent.Format{agent.V1, agent.V2} {
		if got, err := agent.ParseFormat(string(format)); got != format || err != nil {
			t.Errorf("ParseFormat(%q) = %q, %v", format, got, err)
		}
	}
	for _, name := range []string{"", "V2", "v3", "v2 "} {
		got, err := agent.ParseFormat(name)
		if got != "" || !errors.Is(err, agent.ErrFormat) || !strings.Contains(err.Error(), fmt.Sprintf("%q", name)) {
			t.Errorf("ParseFormat(%q): %v, want an ErrFormat that names it", name, err)
		}
	}
}

func TestTokenLive(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	value := agent.NewSecret("a token")
	tests := []struct {
		name  string
		token agent.Token
		want  bool
	}{
		{"ends later", agent.Token{Value: value, ExpiresAt: now.Add(time.Millisecond)}, true},
		{"ends now", agent.Token{Value: value, ExpiresAt: now}, false},
		{"ended", agent.Token{Value: value, ExpiresAt: now.Add(-time.Minute)}, false},
		{"no value", agent.Token{ExpiresAt: now.Add(time.Minute)}, false},
		{"zero", agent.Token{}, false},
	}
	for _, test := range tests {
		if got := test.token.Live(now); got != test.want {
			t.Errorf("%s: Live() = %v", test.name, got)
		}
	}
}

func ExampleSignLogin() {
	key, err := newSoftKey() // elsewhere: hsm.Open or piv.Open
	if err != nil {
		log.Fatal(err)
	}
	login, err := agent.SignLogin(context.Background(), key, agent.V2, time.Now())
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(agent.Email(login.Certificate), login.Format, login.Signature)
	// Output: robot@example.com v2 [redacted]
}
