package agent

import (
	"encoding/json"
	"math"
	"testing"
	"time"
)

// TestProblemJSON: a wait is in seconds, and survives the way.
func TestProblemJSON(t *testing.T) {
	for _, test := range []struct {
		wait time.Duration
		json string
	}{
		{0, `{"code":"locked","message":"m"}`},
		{90 * time.Second, `{"code":"locked","message":"m","wait_seconds":90}`},
		{1500 * time.Millisecond, `{"code":"locked","message":"m","wait_seconds":1.5}`},
	} {
		written, err := json.Marshal(struct{ P *Problem }{&Problem{Code: CodeLocked, Message: "m", Wait: test.wait}})
		if want := `{"P":` + test.json + `}`; err != nil || string(written) != want {
			t.Errorf("%v: %s, %v, want %s", test.wait, written, err, want)
		}
		var read Problem
		if err := json.Unmarshal([]byte(test.json), &read); err != nil || read.Wait != test.wait || read.Message != "m" {
			t.Errorf("%s: %+v, %v", test.json, read, err)
		}
	}
}

// TestProblemWithOddWait: a wait that is not one does no harm.
func TestProblemWithOddWait(t *testing.T) {
	for text, want := range map[string]time.Duration{"-1": 0, "1e300": math.MaxInt64, "9223372037": math.MaxInt64, "null": 0} {
		var read Problem
		if err := json.Unmarshal([]byte(`{"wait_seconds":`+text+`}`), &read); err != nil || read.Wait != want {
			t.Errorf("%s: %v, %v, want %v", text, read.Wait, err, want)
		}
	}
}
