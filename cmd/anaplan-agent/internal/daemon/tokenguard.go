package daemon

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime"
	"sync"

	"github.com/anaplan-agent/anaplan-agent/agent/processgroup"
	"github.com/anaplan-agent/anaplan-agent/agent/sink"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
)

// GuardCommand is the name of the hidden command that runs [Guard].
const GuardCommand = "token-files"

// Guard runs [sink.Guard] for the agent at the other end of standard input. first has it start a process
// that does so, and return: the agent is not the parent of that, so whoever ends the agent and all
// that descends from it ("End process tree" of the Task Manager) does not find it.
func Guard(first bool) error {
	if !first {
		return sink.Guard(os.Stdin)
	}
	command := &exec.Cmd{Path: build.Self(), Args: []string{os.Args[0], GuardCommand, "watch"}, Stdin: os.Stdin}
	return processgroup.StartApart(command)
}

// tokenGuard has another process remove the token files, should this one be killed. nil does nothing.
type tokenGuard struct {
	log *slog.Logger

	mu    sync.Mutex
	to    io.Writer         // the other process; nil: there is none
	told  map[string]string // by path, the last of what it was to know
	fails bool              // so that this is logged once
}

// newTokenGuard returns what this system needs: elsewhere than on Windows it is a service's directory
// that goes with the service, as systemd's RuntimeDirectory does.
func newTokenGuard(log *slog.Logger) *tokenGuard {
	if runtime.GOOS != "windows" {
		return nil
	}
	return &tokenGuard{log: log, told: map[string]string{}}
}

// tell says that a token is about to be in a file, or is. The first starts the process; one that has
// ended is started again.
func (g *tokenGuard) tell(what, path string) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.told[path] = what
	if g.to != nil && g.send(path) == nil {
		return
	}
	err := g.start()
	for path := range g.told {
		if err == nil {
			err = g.send(path)
		}
	}
	if err != nil && !g.fails {
		g.log.Warn("if this agent is killed its token files stay, until the next one starts", "error", err)
	}
	g.fails = err != nil
}

func (g *tokenGuard) send(path string) error {
	_, err := fmt.Fprintln(g.to, g.told[path]+path)
	return err
}

// start starts the process, which outlives this one, by one that ends at once.
func (g *tokenGuard) start() error {
	g.to = nil
	read, write, err := os.Pipe()
	if err != nil {
		return err
	}
	defer read.Close()
	command := &exec.Cmd{Path: build.Self(), Args: []string{os.Args[0], GuardCommand}, Stdin: read}
	if err := processgroup.StartApart(command); err != nil {
		write.Close()
		return err
	}
	if err := command.Wait(); err != nil {
		write.Close()
		return err
	}
	g.to = write // a process that ends early is missed at the next token
	return nil
}
