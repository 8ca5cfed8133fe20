package processgroup_test

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/processgroup"
)

// TestMain is the programs of the tests, too.
func TestMain(m *testing.M) {
	if len(os.Args) < 2 || os.Args[1] != "program" {
		os.Exit(m.Run())
	}
	for _, word := range os.Args[2:] {
		take(word)
	}
}

// take is what a program does for a word.
func take(word string) {
	switch word {
	case "bind":
		processgroup.Bind()
	case "bind-and-release":
		processgroup.Bind()()
	case "start": // a helper that holds the output open
		helper := program("wait")
		helper.Stdout = os.Stdout
		if err := helper.Start(); err != nil {
			panic(err)
		}
		fmt.Println(helper.Process.Pid)
	case "wait":
		time.Sleep(time.Hour)
	}
}

func program(words ...string) *exec.Cmd {
	return exec.Command(os.Args[0], append([]string{"program"}, words...)...)
}

// output starts a program by start, and returns its output when its helper runs.
func output(t *testing.T, cmd *exec.Cmd, start func() error) *bufio.Reader {
	t.Helper()
	reader, writer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { reader.Close() })
	cmd.Stdout = writer
	err = start()
	writer.Close()
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(reader)
	var pid int
	if _, err := fmt.Fscanln(lines, &pid); err != nil {
		t.Fatalf("it has not started its helper: %v", err)
	}
	t.Cleanup(func() {
		if helper, err := os.FindProcess(pid); err == nil {
			helper.Kill()
		}
	})
	return lines
}

// hasEnded reports whether nobody holds the output any more, within a time.
func hasEnded(lines *bufio.Reader, within time.Duration) bool {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		io.Copy(io.Discard, lines)
	}()
	select {
	case <-ended:
		return true
	case <-time.After(within):
		return false
	}
}

func TestKill(t *testing.T) {
	for _, words := range [][]string{
		{"start", "wait"},
		{"start"}, // it ends, and its helper does not
	} {
		cmd := program(words...)
		var group *processgroup.Group
		lines := output(t, cmd, func() (err error) {
			group, err = processgroup.Start(cmd)
			return err
		})
		group.Kill()
		group.Kill()
		if !hasEnded(lines, 2*time.Minute) {
			t.Errorf("%q: the helper runs", words)
		}
		if err := cmd.Wait(); err == nil && len(words) > 1 {
			t.Errorf("%q: it has ended by itself", words)
		}
		group.Close()
	}
}

func TestStartOfNothing(t *testing.T) {
	if group, err := processgroup.Start(exec.Command("no-such-program")); err == nil || group != nil {
		t.Errorf("got %v, %v", group, err)
	}
}
