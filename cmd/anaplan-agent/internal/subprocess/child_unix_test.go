//go:build unix

package subprocess_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/subprocess"
)

// TestMain is the children of the tests, too.
func TestMain(m *testing.M) {
	if len(os.Args) < 2 || os.Args[1] != "child" {
		os.Exit(m.Run())
	}
	if len(os.Args) > 2 { // it talks before the protocol
		os.Stdout.WriteString(os.Args[2])
	}
	if err := subprocess.ServeChild(child); err != nil {
		os.Stderr.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
}

// child does what it is ordered, word by word.
func child(order []string, say func(any) error) error {
	for _, word := range order {
		switch word {
		case "print": // as a library does, by the descriptor's number
			noise := exec.Command("echo", "noise")
			noise.Stdout = os.NewFile(1, "1")
			if err := noise.Run(); err != nil {
				return err
			}
		case "die":
			os.Exit(7)
		case "hang":
			select {}
		default:
			if err := say(word); err != nil {
				return err
			}
		}
	}
	return nil
}

// ask has a child do its work, until it says "done".
func ask(t *testing.T, limit time.Duration, args []string, order any) (heard string, end subprocess.ChildEnd) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()
	var words []string
	end, err := subprocess.AskChild(ctx, append([]string{"child"}, args...), order, func(answer []byte) (bool, error) {
		word, err := strconv.Unquote(string(answer))
		words = append(words, word)
		return word == "done", err
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(words, " "), end
}

func TestAskChild(t *testing.T) {
	large := strings.Repeat("x", 200_000)
	for _, test := range []struct {
		order []string
		heard string
		done  bool
	}{
		{[]string{"a", "b", "done", "c"}, "a b done", true},
		{[]string{"print", "a", "print", "done"}, "a done", true},
		{[]string{large, "done"}, large + " done", true},
		{[]string{"a", "die", "done"}, "a", false},
		{nil, "", false},
		{[]string{"a", "done", "hang"}, "a done", true},
	} {
		heard, end := ask(t, time.Minute, nil, test.order)
		if heard != test.heard || end.Done != test.done || end.Late || end.Err != nil {
			t.Errorf("%.50q: heard %.50q, %+v", test.order, heard, end)
		}
	}
}

func TestAskChildThatHangs(t *testing.T) {
	heard, end := ask(t, 5*time.Second, nil, []string{"a", "hang"})
	if heard != "a" || !end.Late || end.Done || end.State == nil {
		t.Errorf("heard %q, %+v", heard, end)
	}
}

func TestAskChildThatMakesNoSense(t *testing.T) {
	if heard, end := ask(t, time.Minute, []string{"Segmentation fault\n"}, []string{"done"}); heard != "" || end.Err == nil || end.Done {
		t.Errorf("heard %q, %+v", heard, end)
	}
	_, err := subprocess.AskChild(t.Context(), []string{"child"}, func() {}, nil)
	if err == nil {
		t.Error("an order that is not JSON is sent")
	}
	if _, end := ask(t, time.Minute, nil, 5); end.Done || end.Err != nil || end.State.ExitCode() != 1 {
		t.Errorf("an order of another kind: %+v", end)
	}
}

func TestAskChildWithoutTime(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("stop"))
	end, err := subprocess.AskChild(ctx, []string{"child"}, []string{"hang"}, func([]byte) (bool, error) { return false, nil })
	if err != nil || end.Done || end.Late {
		t.Errorf("got %+v, %v", end, err)
	}
}
