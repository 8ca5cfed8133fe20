package subprocess

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/frame"
	"github.com/anaplan-agent/anaplan-agent/agent/processgroup"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
)

// This very program as a process of its own that works with a device: a library that crashes, hangs
// or prints harms no more than that process. It is told an order and gives any number of answers, in
// JSON, in frames as signers have them.
const (
	kindOrder  frame.Kind = 1
	kindAnswer frame.Kind = 2

	mostInFrame = 1 << 20 // bytes
)

// ChildEnd is how a child came to its end.
type ChildEnd struct {
	Done  bool // hear has had what it waited for
	Late  bool // the context ended first, by its time
	State *os.ProcessState
	Err   error // what it sent makes no sense
}

// AskChild starts the command of this program that these arguments name, gives it an order, and has
// hear take its answers until that is done, the child has ended or ctx has. It returns when the child
// and all that it started have been ended. What libraries print is dropped.
func AskChild(ctx context.Context, args []string, order any, hear func(answer []byte) (done bool, err error)) (ChildEnd, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := &exec.Cmd{Path: build.Self(), Args: append([]string{os.Args[0]}, args...), WaitDelay: OutputDelay}
	group, said, err := startChild(cmd, order)
	if err != nil {
		return ChildEnd{}, fmt.Errorf("starting the process that looks at the device: %w", err)
	}
	stop := context.AfterFunc(ctx, func() {
		group.Kill()
		time.AfterFunc(OutputDelay, func() { said.Close() }) // what it left behind may hold the pipe
	})
	end := listen(said, hear)
	said.Close()
	time.AfterFunc(OutputDelay, cancel) // it is about to end, or hangs
	cmd.Wait()                          // its error says no more than the state
	group.Close()
	end.Late = !stop() && errors.Is(ctx.Err(), context.DeadlineExceeded)
	end.State = cmd.ProcessState
	return end, nil
}

// startChild starts the command with its order, and returns its group and its output.
func startChild(cmd *exec.Cmd, order any) (*processgroup.Group, io.ReadCloser, error) {
	var input bytes.Buffer
	if err := send(&input, kindOrder, order); err != nil {
		return nil, nil, err
	}
	cmd.Stdin = &input
	output, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	group, err := processgroup.Start(cmd)
	return group, output, err
}

// listen has hear take the answers.
func listen(said io.Reader, hear func(answer []byte) (done bool, err error)) (end ChildEnd) {
	for !end.Done && end.Err == nil {
		answer, err := frame.Read(said, mostInFrame, kindAnswer)
		switch {
		case errors.Is(err, frame.ErrGarbage):
			end.Err = err
		case err != nil: // it has ended
			return end
		default:
			end.Done, end.Err = hear(answer.Payload)
		}
	}
	return end
}

// ServeChild is the other side: it reads the order and does the work, which gives its answers by say,
// from any goroutine. Standard input and output are the protocol's alone from here on.
func ServeChild[Order any](work func(order Order, say func(answer any) error) error) error {
	input, output, err := frame.TakePipes()
	if err != nil {
		return fmt.Errorf("taking standard input and output for the protocol: %w", err)
	}
	sent, err := frame.Read(input, mostInFrame, kindOrder)
	var order Order
	if err == nil {
		err = json.Unmarshal(sent.Payload, &order)
	}
	if err != nil {
		return fmt.Errorf("reading the order from standard input: %w (%s starts this command itself; it is not for people)", err, build.Program)
	}
	var mu sync.Mutex // one frame at a time
	return work(order, func(answer any) error {
		mu.Lock()
		defer mu.Unlock()
		return send(output, kindAnswer, answer)
	})
}

func send(w io.Writer, kind frame.Kind, value any) error {
	payload, err := json.Marshal(value)
	if err != nil {
		return err
	}
	return frame.Write(w, mostInFrame, kind, payload)
}
