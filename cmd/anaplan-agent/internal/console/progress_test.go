package console

import (
	"bytes"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
)

// TestStepsAreShownWithTheirTime: what takes more than a second is to be seen, and for how long.
func TestStepsAreShownWithTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		bar := &ProgressBar{Out: &out}
		failed := errors.New("failed")
		err := bar.Watch(func() error {
			bar.Step("a short one")
			time.Sleep(500 * time.Millisecond)
			bar.Step("looking")
			time.Sleep(2600 * time.Millisecond)
			bar.Show("half")
			time.Sleep(1400 * time.Millisecond)
			return failed
		})
		line := EraseLine + build.Program + ": "
		want := line + "looking (1s)" + line + "looking (2s)" + line + "half" + EraseLine
		if got := out.String(); got != want || err != failed {
			t.Errorf("got %q, want %q (%v)", got, want, err)
		}
	})
}

// TestProgressForNobody: where nobody watches nothing is written, and the work is done.
func TestProgressForNobody(t *testing.T) {
	bar := &ProgressBar{}
	done := false
	bar.Step("looking")
	bar.Show("half")
	if err := bar.Watch(func() error { done = true; return nil }); err != nil || !done {
		t.Errorf("done: %v, %v", done, err)
	}
	bar.End()
}
