package agentclient

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestKeepRenewed: a token of 35 minutes lives for a day, also where its agent is away for a
// quarter of an hour; and where it ends all the same, that is an error.
func TestKeepRenewed(t *testing.T) {
	const life = 35 * time.Minute
	away := errors.New("the agent is not running")
	for _, test := range []struct {
		name  string
		renew func(since time.Duration) error
		lives time.Duration // 0: the whole day
	}{
		{"at once", func(time.Duration) error { return nil }, 0},
		{"away for 15 minutes", func(since time.Duration) error {
			if since > time.Hour && since < time.Hour+15*time.Minute {
				return away
			}
			return nil
		}, 0},
		{"away for good", func(time.Duration) error { return away }, life},
		{"ended by the program", func(since time.Duration) error {
			if since > time.Hour {
				return errors.New("it has been ended")
			}
			return nil
		}, time.Hour},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begun := time.Now()
				ends := begun.Add(life)
				ctx, cancel := context.WithTimeout(t.Context(), 24*time.Hour)
				defer cancel()
				err := keepRenewed(ctx, ends, func(context.Context) (time.Time, bool, error) {
					if time.Now().After(ends) && test.lives == 0 {
						t.Error("it has ended")
					}
					if err := test.renew(time.Since(begun)); err != nil {
						return time.Time{}, err != away, err
					}
					ends = time.Now().Add(life)
					return ends, false, nil
				})
				switch {
				case test.lives == 0 && (err != nil || time.Since(begun) != 24*time.Hour):
					t.Errorf("after %v: %v", time.Since(begun), err)
				case test.lives != 0 && (err == nil || time.Since(begun) < test.lives || time.Since(begun) > test.lives+life):
					t.Errorf("after %v: %v", time.Since(begun), err)
				}
			})
		})
	}
}
