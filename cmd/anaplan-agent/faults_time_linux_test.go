//go:build cgo

package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"syscall"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
)

func timeTroubles() (rows []trouble) {
	for _, skew := range []time.Duration{-40 * time.Minute, -4 * time.Minute, 4 * time.Minute, 40 * time.Minute} {
		row := trouble{
			group: "time", name: fmt.Sprintf("Anaplan's clock is %v off, and it takes logins", skew), needs: aLogin,
			begin: func(w *faultSite) { w.anaplan.server.SetClockSkew(skew) },
			end:   func(w *faultSite) { w.anaplan.server.SetClockSkew(0) },
		}
		row.server.Window = 24 * time.Hour
		rows = append(rows, row)
	}
	return append(rows,
		trouble{group: "time", name: "no expiresAt", needs: aLogin}.under("/token/authenticate", edited(func(info map[string]any) { delete(info, "expiresAt") })),
		trouble{group: "time", name: "expiresAt is in a hundred years", needs: aLogin}.under("/token/authenticate", edited(func(info map[string]any) { info["expiresAt"] = time.Now().AddDate(100, 0, 0).UnixMilli() })),
		trouble{group: "time", name: "tokens of 6 seconds", server: anaplantest.Options{TokenLife: 6 * time.Second}, lasts: 15 * time.Second},
		trouble{group: "time", name: "the machine sleeps for 4 s", server: anaplantest.Options{TokenLife: 6 * time.Second},
			begin: func(w *faultSite) { w.signalAll(syscall.SIGSTOP) }, end: func(w *faultSite) { w.signalAll(syscall.SIGCONT) }, lasts: 4 * time.Second},
	)
}

// edited returns a Fault that changes the tokenInfo of the real answer.
func edited(edit func(info map[string]any)) anaplantest.Fault {
	return func(w http.ResponseWriter, r *http.Request, real http.Handler) {
		answer := httptest.NewRecorder()
		real.ServeHTTP(answer, r)
		var body struct {
			TokenInfo map[string]any `json:"tokenInfo"`
		}
		if json.Unmarshal(answer.Body.Bytes(), &body) != nil || body.TokenInfo == nil {
			panic(http.ErrAbortHandler)
		}
		edit(body.TokenInfo)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(answer.Code)
		json.NewEncoder(w).Encode(body)
	}
}
