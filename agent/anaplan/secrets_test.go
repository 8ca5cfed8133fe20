package anaplan_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

// echo answers with the given status and everything that was sent, in every
// place where an answer can hold it.
func echo(status int, message func(header, body string) string) anaplantest.Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		body, _ := io.ReadAll(r.Body)
		said := message(r.Header.Get("Authorization"), string(body))
		answer, _ := json.Marshal(map[string]any{
			"status": said, "statusMessage": said,
			"tokenInfo": map[string]any{"tokenId": said, "tokenValue": said, "refreshTokenId": said, "expiresAt": 1},
			"userInfo":  map[string]any{"userId": said, "userGuid": said},
		})
		w.Header().Set("Location", "https://"+strings.NewReplacer(" ", "", "/", "", "\n", "", `"`, "", "{", "", "}", "", ",", "", ":", "").Replace(said)+"/")
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(status)
		w.Write(answer)
	}
}

// garble breaks HTTP with what was sent.
func garble(w http.ResponseWriter, r *http.Request, _ http.Handler) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "HTTP/9 %s\r\n\r\n", r.Header.Get("Authorization"))
}

func faults() map[string]anaplantest.Fault {
	faults := map[string]anaplantest.Fault{
		"none":  func(w http.ResponseWriter, r *http.Request, real http.Handler) { real.ServeHTTP(w, r) },
		"html":  anaplantest.Unavailable(),
		"block": anaplantest.Blocked(), "cut": anaplantest.Cut(), "inside": anaplantest.CutInside(),
		"truncated": anaplantest.Truncated(), "endless": anaplantest.Endless(1 << 17), "garble": garble,
	}
	for _, status := range []int{200, 302, 400, 401, 403, 429, 503} {
		faults[fmt.Sprint("echo ", status)] = echo(status, func(header, body string) string { return header + " " + body })
		faults[fmt.Sprint("echo a part ", status)] = echo(status, func(header, body string) string {
			return header[len(header)/3:len(header)/2] + "\n" + body[len(body)/3:len(body)/2]
		})
	}
	return faults
}

// TestNothingSecretIsShown has all calls go wrong in all ways, and looks through
// the log and the errors for any piece of what was sent or received.
func TestNothingSecretIsShown(t *testing.T) {
	for name, fault := range faults() {
		t.Run(name, func(t *testing.T) {
			inBubble(t, agent.V2, nil, func(r *rig) {
				var shown bytes.Buffer
				logger := slog.New(slog.NewTextHandler(&shown, &slog.HandlerOptions{Level: slog.LevelDebug}))
				client := newClient(r, anaplan.Config{AuthURL: "http://127.0.0.1", HTTP: pipe(r.T, r.service), Logger: logger})
				good, err := client.Authenticate(r.Context(), r.login)
				if err != nil {
					r.Fatal(err)
				}
				r.service.Fault("/token/", 1000, fault)
				token, login := client.Authenticate(r.Context(), sign(r, r.login.Certificate, agent.V2, time.Now()))
				_, again := client.Authenticate(r.Context(), r.login)
				fresh, refresh := client.Refresh(r.Context(), good)
				identity, validate := client.Validate(r.Context(), good)
				for _, value := range []any{login, again, refresh, validate, client.Logout(r.Context(), good), token, fresh, identity} {
					fmt.Fprintf(&shown, "%v %+v %#v\n", value, value, value)
				}
				encode := base64.StdEncoding.EncodeToString
				for _, secret := range []string{
					encode(r.login.Message.Bytes()), encode(r.login.Signature.Bytes()), good.Value.Reveal(),
					anaplan.Authorization(r.login.Certificate, anaplan.FormPEM)[len("CACertificate "):],
				} {
					findPieces(r.T, shown.String(), secret)
				}
				if !strings.Contains(shown.String(), "msg=answered") && !strings.Contains(shown.String(), `msg="no answer"`) {
					r.Error("the log is silent")
				}
			})
		})
	}
}

// TestTokenWithinItsIDs: ids are shown, so what a service writes into them of the token is left out.
func TestTokenWithinItsIDs(t *testing.T) {
	inBubble(t, agent.V2, nil, func(r *rig) {
		const value = "token-value-0123456789"
		r.service.Fault(authenticate, 1, func(w http.ResponseWriter, _ *http.Request, _ http.Handler) {
			w.WriteHeader(http.StatusCreated)
			json.NewEncoder(w).Encode(map[string]any{"status": "SUCCESS", "tokenInfo": map[string]any{
				"tokenId": "id " + value, "refreshTokenId": value, "tokenValue": value, "expiresAt": time.Now().Add(time.Hour).UnixMilli(),
			}})
		})
		token, err := r.client.Authenticate(r.Context(), r.login)
		if err != nil || token.Value.Reveal() != value {
			r.Fatalf("got %v, %v", token, err)
		}
		findPieces(r.T, token.ID+" "+token.RefreshID, value)
	})
}

// findPieces looks for any 16 bytes of the secret.
func findPieces(t *testing.T, shown, secret string) {
	t.Helper()
	for i := 0; i+16 <= len(secret); i++ {
		piece := secret[i : i+16]
		if at := strings.Index(shown, piece); at >= 0 {
			t.Errorf("shown: ...%.200s", shown[max(at-100, 0):])
			return
		}
	}
}
