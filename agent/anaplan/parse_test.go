package anaplan

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"math/big"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode"
)

// FuzzAnswer gives the client any answer: it returns a usable token, or a
// typed error of one clean, short line without the secrets of the request.
func FuzzAnswer(f *testing.F) {
	const good = `{"status":"SUCCESS","tokenInfo":{"tokenId":"i","tokenValue":"a.b.c","expiresAt":4102444800000,"refreshTokenId":"r"},"userInfo":{"userId":"u"}}`
	f.Add(200, "application/json", "", "", []byte(good))
	f.Add(401, "application/json", "", "", []byte(`{"status":"FAILURE_BAD_CREDENTIAL","statusMessage":"you sent `+echoed+`"}`))
	f.Add(302, "", "https://"+echoed+".example/", "", []byte("<html>"))
	f.Add(429, "text/html; =", "", "12", []byte(nil))
	f.Add(201, "", "", "", []byte(good[:50]))
	f.Fuzz(func(t *testing.T, status int, contentType, location, retryAfter string, body []byte) {
		answer := &answer{
			host: "auth.example", status: status, body: body, arrived: time.Unix(1_800_000_000, 0), attempts: 1, secrets: secrets{[]byte(echoed)},
			header: http.Header{"Content-Type": {contentType}, "Location": {location}, "Retry-After": {retryAfter}},
		}
		if err := answer.refusal(ErrBadCredential); err != nil {
			checkError(t, err)
			return
		}
		if token, err := answer.token(); err != nil {
			checkError(t, err)
		} else if !token.Live(answer.arrived) || !visible(token.Value.Reveal()) || strings.IndexFunc(token.ID+token.RefreshID, unicode.IsControl) >= 0 {
			t.Errorf("unusable token %+v", token)
		}
		if identity, err := answer.identity(); err != nil {
			checkError(t, err)
		} else if strings.IndexFunc(identity.UserID+identity.UserGUID+identity.CustomerGUID, unicode.IsControl) >= 0 {
			t.Errorf("unclean identity %+v", identity)
		}
	})
}

// FuzzParsePayload has a key for which no signature is valid: a fuzzer would not
// find one anyway, and a new key in each of its processes would confuse it. So
// the round trip is that of all before the signature.
func FuzzParsePayload(f *testing.F) {
	modulus := new(big.Int).Lsh(big.NewInt(1), 2047)
	cert := &x509.Certificate{PublicKey: &rsa.PublicKey{N: modulus.Add(modulus, big.NewInt(1)), E: 65537}}
	data, signed := strings.Repeat("AAAAAG", 24), strings.Repeat("A", 342)+"=="
	f.Add([]byte(`{"encodedDataFormat":"v2","encodedData":"` + data + `","encodedSignedData":"` + signed + `"}`))
	f.Add([]byte(`{"encodedData":"` + data + `","encodedSignedData":"` + signed + `"}`))
	f.Add([]byte(`{"encodedDataFormat":"v2","encodedData":"AAAA","encodedSignedData":"AAAA"}`))
	f.Add([]byte(`{"encodedData":`))
	f.Fuzz(func(t *testing.T, text []byte) {
		if _, err := ParsePayload(text, cert); !errors.Is(err, ErrPayload) {
			t.Errorf("error %v, want ErrPayload", err)
		}
		login, err := readPayload(text)
		if err != nil {
			return
		}
		login.Certificate = cert
		again, err := MarshalPayload(login)
		if err != nil {
			t.Fatal(err)
		}
		twin, err := readPayload(again)
		if err != nil || twin.Format != login.Format || twin.Message.Reveal() != login.Message.Reveal() || twin.Signature.Reveal() != login.Signature.Reveal() {
			t.Errorf("the round trip gives another login: %v", err)
		}
	})
}

const echoed = "VGhpcyBpcyBhIHNlY3JldCB0aGF0IG5vYm9keSBtYXkgc2VlLg=="

func checkError(t *testing.T, err error) {
	t.Helper()
	refusal, ok := errors.AsType[*AnswerError](err)
	if !ok || refusal.Kind == nil {
		t.Fatalf("untyped error %v", err)
	}
	text := err.Error()
	if strings.Contains(text, echoed) || strings.IndexFunc(text, unicode.IsControl) >= 0 || len([]rune(refusal.Message)) > maxText+1 {
		t.Errorf("unclean error %q", text)
	}
}

func TestScrub(t *testing.T) {
	known := secrets{[]byte(echoed)}
	for text, want := range map[string]string{
		"token " + echoed + " refused":                   "token [redacted] refused",
		"value=" + echoed + ";":                          "[redacted];",
		`"` + echoed[:16] + `"`:                          `"[redacted]"`,
		"cut ..." + echoed[20:40] + "...":                "cut [redacted]",
		"a piece " + echoed[5:17]:                        "a piece [redacted]",
		"a piece ..." + echoed[5:17]:                     "a piece [redacted]",
		"by chance " + echoed[5:16] + "?" + echoed[:11]:  "by chance " + echoed[5:16] + "?" + echoed[:11],
		echoed[:20] + "\n" + echoed[20:]:                 "[redacted] [redacted]",
		"5f0c1a52-4e6b-11ef-a1f5-0242ac120002 is new":    "5f0c1a52-4e6b-11ef-a1f5-0242ac120002 is new",
		"Invalid header. Verify the header.":             "Invalid header. Verify the header.",
		"tab\tbell\a bidi\u202e zero\u200bwidth":         "tab bell bidi zero width",
		strings.Repeat("é", 300):                         strings.Repeat("é", 200) + "…",
		strings.Repeat("é", 2000) + " " + echoed + "...": strings.Repeat("é", 200) + "…",
		"": "",
	} {
		if got := known.clean(text); got != want {
			t.Errorf("clean(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestDelaysDouble(t *testing.T) {
	for retry, delays := range map[Retry]map[int]time.Duration{
		{Delay: 200 * time.Millisecond, MaxDelay: time.Minute}:            {1: 200 * time.Millisecond, 2: 400 * time.Millisecond, 3: 800 * time.Millisecond, 4: time.Second, 90: time.Second},
		{Delay: 200 * time.Millisecond, MaxDelay: 300 * time.Millisecond}: {1: 200 * time.Millisecond, 2: 300 * time.Millisecond, 90: 300 * time.Millisecond},
		{Delay: 3 * time.Second, MaxDelay: time.Minute}:                   {1: 3 * time.Second, 2: 3 * time.Second, 90: 3 * time.Second},
		{Delay: 3 * time.Second, MaxDelay: 2 * time.Second}:               {1: 2 * time.Second, 90: 2 * time.Second},
	} {
		for attempt, delay := range delays {
			for range 20 {
				if got, bearable := retry.wait(attempt, ErrUnavailable); got < delay/2 || got >= delay || !bearable {
					t.Fatalf("%+v, after attempt %d: %v, want %v to %v", retry, attempt, got, delay/2, delay)
				}
			}
		}
	}
}

// TestLongestWait: a wait of exactly MaxDelay is taken, whatever chance adds to it.
func TestLongestWait(t *testing.T) {
	retry := Retry{Delay: time.Hour, MaxDelay: time.Minute}
	for asked, want := range map[time.Duration]bool{59 * time.Second: true, time.Minute: true, 61 * time.Second: false} {
		for range 20 {
			if _, got := retry.wait(1, &AnswerError{Kind: ErrRateLimited, RetryAfter: asked}); got != want {
				t.Fatalf("a wait of %v is bearable: %v", asked, got)
			}
		}
	}
	if _, bearable := (Retry{MaxDelay: limitedDelay - 1}).wait(1, ErrRateLimited); bearable {
		t.Error("a 429 that names no time is waited for longer than MaxDelay")
	}
}
