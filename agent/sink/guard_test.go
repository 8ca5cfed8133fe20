package sink_test

import (
	"io"
	"os"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/sink"
)

// guard runs a Guard. tell has it read of a file; end is the end of the agent, and returns what came
// of it.
func guard() (tell func(what string, file *sink.File), end func() error) {
	reader, writer := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- sink.Guard(reader) }()
	tell = func(what string, file *sink.File) {
		_, _ = io.WriteString(writer, what+file.Path+"\n")
		_, _ = io.WriteString(writer, "\n") // it is read when the one before has been looked at
	}
	return tell, func() error {
		writer.Close()
		return <-ended
	}
}

// TestGuard: what an agent has written last goes when it ends; what is no longer that stays.
func TestGuard(t *testing.T) {
	kept, renewed, removed, another, untold := newFile(t), newFile(t), newFile(t), newFile(t), newFile(t)
	tell, end := guard()
	for _, file := range []*sink.File{kept, renewed, removed, another} {
		tell(sink.Writing, file)
		write(t, file, "first")
		tell(sink.Written, file)
	}
	write(t, renewed, "second")
	tell(sink.Written, renewed)
	tell(sink.Writing, untold)
	write(t, untold, "unknown")
	if err := removed.Remove(); err != nil {
		t.Error(err)
	}
	write(t, at(another.Path), "of the next agent")
	if got := content(t, kept.Path); got != "first\n" {
		t.Errorf("while the agent lives: %q", got)
	}
	if err := end(); err != nil {
		t.Error(err)
	}
	for _, file := range []*sink.File{kept, renewed, removed, untold} {
		wantNames(t, file)
	}
	if got := content(t, another.Path); got != "of the next agent\n" {
		t.Errorf("the next agent's: %q", got)
	}
}

// TestGuardOfNothing: an agent without files, and one that names what is not there.
func TestGuardOfNothing(t *testing.T) {
	for _, text := range []string{"", sink.Writing + "/not/there\n", sink.Written + "/not/there\n", "\n"} {
		if err := sink.Guard(strings.NewReader(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	file := newFile(t)
	write(t, file, "value")
	if err := sink.Guard(io.MultiReader(strings.NewReader(sink.Written+file.Path+"\n"), broken{})); err == nil {
		t.Error("no error of a pipe that breaks")
	}
	if _, err := os.Stat(file.Path); err == nil {
		t.Error("a pipe that breaks leaves the file")
	}
}

// broken is a pipe that fails.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, io.ErrUnexpectedEOF }
