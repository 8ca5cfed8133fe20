//go:build cgo

package main

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/logtest"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/rogpeppe/go-internal/testscript"
)

// secretsKey is where secrets are kept that a script comes by: tokens and logins. No
// agent's log may hold them.
type secretsKey struct{}

// secretList is a list that the script and its server add to.
type secretList struct {
	mu   sync.Mutex
	list []string
}

func (l *secretList) add(secrets ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.list = append(l.list, secrets...)
}

func (l *secretList) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.list)
}

// agentKey is where a script's agent is kept.
type agentKey struct{}

// runningAgent is an agent that a script has started.
type runningAgent struct {
	cmd   *exec.Cmd
	ended chan struct{}
	log   logtest.Buffer
	heard int // so much of the log was there when a signal was sent
}

// agentCommand is the command agentd of the scripts:
//
//	agentd start [ARG...]  starts serve, logging all, and waits until it answers; it is
//	                       the program $AGENTD, if that is set. Sets AGENT to the URL of
//	                       its TCP port, if it has one
//	agentd stop            ends it by SIGTERM; it must exit with 0
//	agentd kill            ends it by SIGKILL
//	agentd hup             sends SIGHUP; agentd log looks at what is logged from then on
//	agentd log TEXT        waits until its log holds TEXT
//	agentd nolog TEXT      fails if its log holds TEXT
//	agentd keep FILE       writes what its log holds by now to a file
//	agentd children N      waits until it has that many child processes
//	agentd soon ARG...     runs the program again and again until it exits with 0
//	agentd at-once N [CODE ARG...]
//	                       N runs of the program at the same time, which must exit with
//	                       CODE and say the same, which is then in the file said; token
//	                       with 0, if nothing is named
//
// Whenever it ends it must have loaded no library that belongs to a signer, and its log
// must hold no secret.
func agentCommand(ts *testscript.TestScript, _ bool, args []string) {
	held := ts.Value(agentKey{}).(**runningAgent)
	if args[0] == "start" {
		*held = startAgent(ts, args[1:])
		return
	}
	a := *held
	if a == nil {
		ts.Fatalf("no agent: begin with: agentd start")
	}
	switch args[0] {
	case "stop":
		a.end(ts, syscall.SIGTERM)
	case "kill":
		a.end(ts, syscall.SIGKILL)
	case "hup":
		a.heard = len(a.log.String())
		ts.Check(a.cmd.Process.Signal(syscall.SIGHUP))
	case "log":
		until(ts, "the log holds "+args[1], func() bool { return strings.Contains(a.log.String()[a.heard:], args[1]) })
	case "nolog":
		if strings.Contains(a.log.String(), args[1]) {
			ts.Fatalf("the log holds %s", args[1])
		}
	case "keep":
		ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(a.log.String()), 0o600))
	case "children":
		until(ts, args[1]+" children", func() bool { return strconv.Itoa(childrenOf(a.cmd.Process.Pid)) == args[1] })
	case "soon":
		until(ts, build.Program+" "+strings.Join(args[1:], " ")+" succeeds", func() bool { return ts.Exec(build.Program, args[1:]...) == nil })
	case "at-once":
		atOnce(ts, args[1], args[2:])
	default:
		ts.Fatalf("unknown command agentd %s", args[0])
	}
}

// startAgent starts serve in the environment of the script.
func startAgent(ts *testscript.TestScript, args []string) *runningAgent {
	path, err := exec.LookPath(cmp.Or(ts.Getenv("AGENTD"), build.Program))
	ts.Check(err)
	args = append([]string{"serve", "--log-level", "debug"}, args...)
	a := &runningAgent{cmd: exec.Command(path, args...), ended: make(chan struct{})}
	a.cmd.Dir, a.cmd.Env = ts.Getenv("WORK"), environment(ts)
	a.cmd.Stderr = &a.log
	a.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // it has no terminal
	ts.Check(a.cmd.Start())
	go func() {
		a.cmd.Wait()
		close(a.ended)
	}()
	ts.Defer(func() {
		a.checkLibraries(ts)
		a.cmd.Process.Kill()
		<-a.ended
		ts.Logf("the agent's log:\n%s", a.log.String())
		found := ts.Value(secretsKey{}).(*secretList).all()
		for _, secret := range slices.Concat(scriptSecrets, []string{"PIN=", "AnaplanAuthToken"}, found) {
			if strings.Contains(a.log.String(), secret) {
				ts.Fatalf("the log shows %s", secret)
			}
		}
	})
	until(ts, "the agent serves", func() bool {
		select {
		case <-a.ended:
			ts.Fatalf("the agent ended: %s", a.log.String())
		default:
		}
		return strings.Contains(a.log.String(), "msg=serving") || strings.Contains(a.log.String(), `"msg":"serving"`)
	})
	if _, address, _ := strings.Cut(a.log.String(), " address="); strings.HasPrefix(address, "127.") {
		address, _, _ = strings.Cut(address, " ")
		ts.Setenv("AGENT", "http://"+address)
	}
	return a
}

// foreignLibraries are parts of the names of libraries that only signers may load.
var foreignLibraries = []string{"softhsm", "pkcs11", "shim", "module.so", "pcsc"}

// checkLibraries checks that the agent itself has loaded none of them.
func (a *runningAgent) checkLibraries(ts *testscript.TestScript) {
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", a.cmd.Process.Pid))
	if err != nil {
		return // it has ended
	}
	for line := range strings.Lines(string(maps)) {
		_, path, _ := strings.Cut(line, "/")
		for _, name := range foreignLibraries {
			if strings.Contains(filepath.Base(path), name) {
				ts.Fatalf("the agent has loaded %s", path)
			}
		}
	}
}

// end ends the agent, and waits for that.
func (a *runningAgent) end(ts *testscript.TestScript, s syscall.Signal) {
	a.checkLibraries(ts)
	ts.Check(a.cmd.Process.Signal(s))
	select {
	case <-a.ended:
	case <-time.After(enough):
		ts.Fatalf("the agent does not end")
	}
	if code := a.cmd.ProcessState.ExitCode(); s == syscall.SIGTERM && code != 0 {
		ts.Fatalf("the agent ended with %v", a.cmd.ProcessState)
	}
}

// environment returns the script's environment.
func environment(ts *testscript.TestScript) []string {
	ts.Check(ts.Exec("env"))
	return strings.Split(strings.TrimSuffix(ts.ReadFile("stdout"), "\n"), "\n")
}

// childrenOf counts the child processes of a process, those that nobody has waited for
// included.
func childrenOf(pid int) (n int) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		text, _ := os.ReadFile(task)
		n += len(bytes.Fields(text))
	}
	return n
}

// atOnce runs the program a number of times at the same time, and checks that all runs
// end in the same way: args are the exit code and the program's arguments.
func atOnce(ts *testscript.TestScript, number string, args []string) {
	n, err := strconv.Atoi(number)
	ts.Check(err)
	if len(args) == 0 {
		args = []string{"0", "token"}
	}
	env := environment(ts)
	said := make([]string, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			var stderr strings.Builder
			cmd := exec.Command(build.Program, args[1:]...)
			cmd.Env, cmd.Dir, cmd.Stderr = env, ts.Getenv("WORK"), &stderr
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
			cmd.Run()
			said[i] = fmt.Sprintf("exit code %d\n%s", cmd.ProcessState.ExitCode(), stderr.String())
		})
	}
	all.Wait()
	ts.Check(os.WriteFile(ts.MkAbs("said"), []byte(said[0]), 0o600))
	for _, text := range said {
		if text != said[0] || !strings.HasPrefix(text, "exit code "+args[0]+"\n") {
			ts.Fatalf("want exit code %s and the same for all; got:\n%s\nand:\n%s", args[0], said[0], text)
		}
	}
}

// until waits for a condition that comes by itself.
func until(ts *testscript.TestScript, what string, holds func() bool) {
	for deadline := time.Now().Add(enough); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			ts.Fatalf("not yet: %s", what)
		}
	}
}

// configKey is where a script's settings are kept, once they are in its file.
type configKey struct{}

// configCommand is the command config of the scripts: it writes the settings that the
// environment gives into a profile of the configuration file, and takes them out of the
// environment, so that commands are the agent's to do. Called again it begins anew, with
// what the environment has given before.
//
//	config [NAME=VALUE...]  more settings of the profile
func configCommand(ts *testscript.TestScript, _ bool, args []string) {
	given := ts.Value(configKey{}).(map[string]string)
	for _, name := range []string{"key", "pin", "auth_url", "ca_file", "certificate", "timeout"} {
		variable := "ANAPLAN_AGENT_" + strings.ToUpper(name)
		if value := ts.Getenv(variable); value != "" {
			given[name] = value
		}
		ts.Setenv(variable, "")
	}
	settings := maps.Clone(given)
	for _, arg := range args {
		name, value, _ := strings.Cut(arg, "=")
		settings[name] = value
	}
	var text strings.Builder
	text.WriteString("[profile.default]\n")
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&text, "%s = %q\n", name, settings[name])
	}
	path := filepath.Join(ts.Getenv("HOME"), ".config", build.Program, "config.toml")
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o700))
	ts.Check(os.WriteFile(path, []byte(text.String()), 0o600))
	ts.Setenv("CONFIG", path)
}
