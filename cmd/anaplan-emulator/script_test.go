package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){program: main})
}

// TestScripts runs the program as people do, with openssl and curl as its
// clients. The commands beside testscript's own:
//
//	serve ARG...  starts the program on a free port and waits until it listens;
//	              sets URL
//	stop          ends it by SIGTERM, wants exit code 0, and writes its log to log
//
// Where openssl, curl or xxd is missing it skips, unless ANAPLAN_AGENT_REQUIRE says
// that nothing may be.
func TestScripts(t *testing.T) {
	for _, tool := range []string{"openssl", "curl", "xxd"} {
		if _, err := exec.LookPath(tool); err != nil && os.Getenv("ANAPLAN_AGENT_REQUIRE") == "" {
			t.Skip(err)
		} else if err != nil {
			t.Fatal(err)
		}
	}
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		WorkdirRoot:         t.TempDir(), // which a run that leaves scripts out does not leave either
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setUp,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"serve": start, "stop": stop},
	})
}

// setUp gives each script the shell helpers of testdata.
func setUp(env *testscript.Env) error {
	helpers, err := filepath.Glob("testdata/*.sh")
	if err != nil {
		return err
	}
	for _, helper := range helpers {
		text, err := os.ReadFile(helper)
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(env.WorkDir, filepath.Base(helper)), text, 0o600); err != nil {
			return err
		}
	}
	env.Values[processKey{}] = new(process)
	return nil
}

// processKey is where a script's process is kept.
type processKey struct{}

// process is the program at work.
type process struct {
	cmd    *exec.Cmd
	log    bytes.Buffer
	copied chan struct{} // closed when log is whole
}

func start(ts *testscript.TestScript, _ bool, args []string) {
	p := ts.Value(processKey{}).(*process)
	*p = process{copied: make(chan struct{})}
	p.cmd = exec.Command(program, append([]string{"--listen", "127.0.0.1:0"}, args...)...)
	p.cmd.Dir = ts.Getenv("WORK")
	stderr, err := p.cmd.StderrPipe()
	ts.Check(err)
	ts.Check(p.cmd.Start())
	ts.Defer(func() { p.end() })

	lines := bufio.NewReader(stderr)
	url, err := p.awaitURL(lines)
	go func() {
		defer close(p.copied)
		io.Copy(&p.log, lines)
	}()
	ts.Check(err)
	ts.Setenv("URL", url)
}

// awaitURL reads the log until the program listens.
func (p *process) awaitURL(lines *bufio.Reader) (string, error) {
	for {
		line, err := lines.ReadString('\n')
		p.log.WriteString(line)
		if err != nil {
			return "", fmt.Errorf("%s does not listen: %s", program, p.log.String())
		}
		if _, url, ok := strings.Cut(strings.TrimSpace(line), "msg=listening url="); ok {
			return url, nil
		}
	}
}

func stop(ts *testscript.TestScript, _ bool, _ []string) {
	p := ts.Value(processKey{}).(*process)
	ts.Check(p.end())
	ts.Check(os.WriteFile(ts.MkAbs("log"), p.log.Bytes(), 0o600))
}

// end ends the process, once, and returns how it ended.
func (p *process) end() error {
	if p.cmd.ProcessState != nil {
		return nil
	}
	p.cmd.Process.Signal(syscall.SIGTERM)
	<-p.copied
	return p.cmd.Wait()
}
