package anaplan_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
)

// refreshed returns what a refresh gives whose answer has that Date and expiresAt.
func refreshed(t *testing.T, date string, body string) (agent.Token, error) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Date"] = nil
		if date != "" {
			w.Header().Set("Date", date)
		}
		w.Write([]byte(body))
	})
	client := newClient(t, anaplan.Config{AuthURL: "http://127.0.0.1", HTTP: pipe(t, handler), Retry: anaplan.Retry{Attempts: 1}})
	return client.Refresh(t.Context(), agent.Token{Value: agent.NewSecret("old")})
}

// A token lives as long as the answer says that came with it, whatever the time is here.
func TestLifeIsCountedByTheServicesClock(t *testing.T) {
	const life, second, minute, hour, day = 35 * time.Minute, time.Second, time.Minute, time.Hour, 24 * time.Hour
	at := func(skew time.Duration) string { return time.Now().Add(skew).UTC().Format(http.TimeFormat) }
	tests := []struct {
		name string
		date func() string
		skew time.Duration // of the service's clock, by which expiresAt is
		want time.Duration // 0: a typed error
	}{
		{"clocks agree", func() string { return at(0) }, 0, life},
		{"behind by less than a Date tells", func() string { return at(0) }, 500 * time.Millisecond, life + 500*time.Millisecond},
		{"this clock is behind", func() string { return at(4 * minute) }, 4 * minute, life - second},
		{"this clock is far behind", func() string { return at(90 * day) }, 90 * day, life - second},
		{"this clock is ahead", func() string { return at(-40 * minute) }, -40 * minute, life - second},
		{"this clock is far ahead", func() string { return at(-90 * day) }, -90 * day, life - second},
		{"no Date", func() string { return "" }, 0, life},
		{"not a Date", func() string { return "today" }, 0, life},
		{"a Date of long ago", func() string { return "Thu, 01 Jan 1970 00:00:00 GMT" }, 0, life},
		{"a Date of last week", func() string { return at(-7 * day) }, 0, life},
		{"a Date of a day ago, which a clock may be off", func() string { return at(-day) }, 0, 0},
		{"a Date of more than a day ago", func() string { return at(-day - second) }, 0, life},
		{"a Date of next week", func() string { return at(7 * day) }, 0, life},
		{"a Date of another age", func() string { return at(100 * 365 * day) }, 0, life},
		{"ended by both clocks", func() string { return at(0) }, -hour, 0},
		{"ended by the service's clock", func() string { return at(hour) }, 0, 0},
		{"a hundred years off", func() string { return at(0) }, 100 * 365 * day, 0},
		{"a hundred years off, without a Date", func() string { return "" }, 100 * 365 * day, 0},
		{"a year off", func() string { return at(366 * day) }, 366 * day, life - second},
		{"more than a year off", func() string { return at(366*day + second) }, 366*day + second, 0},
		{"as long as a token may live", func() string { return "" }, day - life, day},
		{"longer than a token may live", func() string { return "" }, day - life + time.Millisecond, 0},
		{"ends as it comes", func() string { return "" }, -life, 0},
		{"a hundred years ago", func() string { return at(0) }, -10 * 365 * day, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				end := time.Now().Add(test.skew + life).UnixMilli()
				token, err := refreshed(t, test.date(), fmt.Sprintf(`{"tokenInfo":{"tokenValue":"a.b.c","expiresAt":%d}}`, end))
				if test.want == 0 {
					if !errors.Is(err, anaplan.ErrResponse) {
						t.Errorf("until %v, error %v", token.ExpiresAt, err)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if got := time.Until(token.ExpiresAt); got != test.want {
					t.Errorf("it lives %v, want %v", got, test.want)
				}
			})
		})
	}
}

// An error about the end of a token says what is wrong with it.
func TestUnusableEnds(t *testing.T) {
	for body, words := range map[string]string{
		`{"tokenInfo":{"tokenValue":"a.b.c"}}`:                           "it has no tokenInfo.expiresAt",
		`{"tokenInfo":{"tokenValue":"a.b.c","expiresAt":null}}`:          "it has no tokenInfo.expiresAt",
		`{"tokenInfo":{"tokenValue":"a.b.c","expiresAt":4102444800000}}`: "tokenInfo.expiresAt is 2100-01-01T00:00:00Z",
		`{"tokenInfo":{"tokenValue":"a.b.c","expiresAt":946684800000}}`:  "the token has ended before it came",
	} {
		_, err := answering(t, 201, nil, body).Refresh(t.Context(), agent.Token{Value: agent.NewSecret("old")})
		if !errors.Is(err, anaplan.ErrResponse) || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: error %v, want ErrResponse with the words %q", body, err, words)
		}
	}
}

// Of the clocks an error tells if they are more than a minute apart.
func TestUnusableEndsTellOfTheClocks(t *testing.T) {
	for skew, want := range map[time.Duration]bool{time.Minute: false, -time.Minute: false, 61 * time.Second: true, -61 * time.Second: true} {
		synctest.Test(t, func(t *testing.T) {
			body := fmt.Sprintf(`{"tokenInfo":{"tokenValue":"a.b.c","expiresAt":%d}}`, time.Now().Add(-time.Hour).UnixMilli())
			_, err := refreshed(t, time.Now().Add(skew).UTC().Format(http.TimeFormat), body)
			if err == nil || strings.Contains(err.Error(), "this machine's clock says") != want {
				t.Errorf("%v apart: %v", skew, err)
			}
		})
	}
}

// What validate says of a token's end is by this machine's clock as well.
func TestIdentityEndsByThisClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Date", time.Now().Add(time.Hour).UTC().Format(http.TimeFormat))
			fmt.Fprintf(w, `{"tokenInfo":{"expiresAt":%d},"userInfo":{"userId":"u"}}`, time.Now().Add(90*time.Minute).UnixMilli())
		})
		client := newClient(t, anaplan.Config{AuthURL: "http://127.0.0.1", HTTP: pipe(t, handler)})
		got, err := client.Validate(t.Context(), agent.Token{Value: agent.NewSecret("value")})
		if left := time.Until(got.ExpiresAt); err != nil || left != 30*time.Minute-time.Second {
			t.Errorf("it lives %v, error %v", left, err)
		}
	})
}
