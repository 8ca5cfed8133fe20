//go:build cgo

package main

import (
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// faultPatience is how long anything is waited for that comes by itself.
const faultPatience = 2 * time.Minute

// faultLab is what all sites have in common: an Anaplan, a token of which each has a copy, a
// module that misbehaves, and the program.
type faultLab struct {
	server  *anaplantest.Server
	token   *hsmtest.Token
	key     *rsa.PrivateKey
	cert    *x509.Certificate
	shim    string
	program string // a link, by whose name the test binary is the program
	ca      string // a file

	most time.Duration // until the right PIN works again
}

func newFaultLab(t *testing.T) *faultLab {
	l := &faultLab{server: anaplantest.NewServer(t, nil), token: hsmtest.NewToken(t), key: hsmtest.RSAKey(t, "a"), shim: hsmtest.BuildShim(t), most: mostRecovery}
	l.cert = l.server.Enroll(l.key.Public(), nil)
	l.token.Put(t, hsmtest.Named("login", 1).Pair(l.key, l.cert)...)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	l.program, l.ca = filepath.Join(t.TempDir(), build.Program), filepath.Join(t.TempDir(), "ca.pem")
	if err := errors.Join(os.Symlink(self, l.program), os.WriteFile(l.ca, l.server.CA.PEM(), 0o600)); err != nil {
		t.Fatal(err)
	}
	return l
}

// pinPlace is where the program has the PIN from.
type pinPlace string

const (
	inFile     pinPlace = "file"
	inEnv      pinPlace = "env"
	byCommand  pinPlace = "command"
	credential pinPlace = "credential"
	byPerson   pinPlace = "typed"
)

// site is a machine with a device that goes wrong, and the program on it.
type site struct {
	*faultLab
	t        *testing.T
	fault    fault
	device   *faultyDevice
	place    pinPlace
	dir      string
	pin      string // that is in the place now
	met      int    // PINs that came before the fault began
	env      map[string]string
	settings map[string]string     // of the profile
	ofAgent  map[string]string     // settings of the agent, beside its socket
	tables   string                // what follows the profile's settings in the configuration
	begins   func(*exec.Cmd) error // starts the agent; nil: where the test runs
	onStart  func()                // before each start of the program; nil: nothing
	disturb  func()                // does what should make no difference; nil: nothing
	agent    *siteAgent            // nil: none runs
}

// newSite returns one whose device is well.
func (l *faultLab) newSite(t *testing.T, f fault, place pinPlace) *site {
	t.Helper()
	dir, err := os.MkdirTemp("", "pin") // the name of a test is too long for that of a socket
	if err != nil {
		t.Fatal(err)
	}
	s := &site{faultLab: l, t: t, fault: f, place: place, dir: dir}
	t.Cleanup(s.clear)
	if f.onCard {
		s.device = l.newFaultyCard(t, f)
	} else {
		s.device = l.newFaultyToken(t, dir, f)
	}
	s.env = map[string]string{
		siteVariable: dir, "PATH": os.Getenv("PATH"), "HOME": s.path("home"), "XDG_RUNTIME_DIR": s.path("run"),
		"PCSCLITE_CSOCK_NAME": s.path("no-pcscd"), "ANAPLAN_AGENT_CONFIG": s.path("config.toml"), "GORACE": "atexit_sleep_ms=0",
	}
	for _, variable := range s.device.env {
		name, value, _ := strings.Cut(variable, "=")
		s.env[name] = value
	}
	s.settings = map[string]string{
		"key": s.device.address, "auth_url": l.server.URL, "api_url": l.server.URL, "ca_file": l.ca,
		"timeout": "60s", "pin": s.setting(),
	}
	s.check(errors.Join(os.Mkdir(s.path("home"), 0o700), os.Mkdir(s.path("run"), 0o700)))
	return s
}

// siteVariable is in the environment of all processes of a site, with its directory.
const siteVariable = "PINFAULTS_SITE"

func (s *site) path(name string) string { return filepath.Join(s.dir, name) }

// check ends the test if the rig is broken.
func (s *site) check(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// setting returns the profile's pin.
func (s *site) setting() string {
	switch s.place {
	case inEnv:
		return "env:SITE_PIN"
	case byCommand:
		return "command:cat " + s.path("pin")
	case credential:
		return "credential:pin"
	case byPerson:
		return "prompt"
	}
	return "file:" + s.path("pin")
}

// give puts a PIN in its place.
func (s *site) give(pin string) {
	s.t.Helper()
	s.pin = pin
	switch s.place {
	case inEnv:
		s.env["SITE_PIN"] = pin
	case credential:
		s.giveCredential("credentials")
	case inFile, byCommand:
		s.check(replaceFile(s.path("pin"), pin+"\n"))
	}
}

// giveCredential lays the PIN down as systemd does for a service that starts.
func (s *site) giveCredential(directory string) {
	s.t.Helper()
	s.env["CREDENTIALS_DIRECTORY"] = s.path(directory)
	s.check(os.MkdirAll(s.path(directory), 0o700))
	s.check(replaceFile(filepath.Join(s.path(directory), "pin"), s.pin+"\n"))
}

// replaceFile writes a file in one step.
func replaceFile(path, text string) error {
	if err := os.WriteFile(path+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// begin begins the fault.
func (s *site) begin() {
	s.t.Helper()
	s.met = s.device.sent()
	s.check(s.device.begin())
}

// end ends it.
func (s *site) end() {
	s.t.Helper()
	s.check(s.device.end())
}

// hasMet reports whether a PIN has come since the fault began.
func (s *site) hasMet() bool { return s.device.sent() > s.met }

// await waits for a condition that comes by itself.
func (s *site) await(what string, holds func() bool) {
	s.t.Helper()
	for deadline := time.Now().Add(faultPatience); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			s.t.Fatalf("not yet: %s%s", what, s.said())
		}
	}
}

// said returns the agent's log, for a test that fails.
func (s *site) said() string {
	if s.agent == nil {
		return ""
	}
	return "; the agent's log:\n" + s.agent.log.String()
}

// configure writes the configuration.
func (s *site) configure() {
	s.t.Helper()
	text := fmt.Sprintf("[agent]\nsocket = %q\n%s[profile.default]\n%s%s", s.path("run/agent.sock"), inTOML(s.ofAgent), inTOML(s.settings), s.tables)
	s.check(os.WriteFile(s.path("config.toml"), []byte(text), 0o600))
}

func inTOML(settings map[string]string) (text string) {
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		text += fmt.Sprintf("%s = %q\n", name, settings[name])
	}
	return text
}

// command returns the program, not started, in a session without a terminal.
func (s *site) command(args ...string) *exec.Cmd {
	s.t.Helper()
	s.configure()
	if s.onStart != nil {
		s.onStart()
	}
	cmd := exec.Command(s.program, args...)
	cmd.Env, cmd.Dir = s.environment(), s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd
}

func (s *site) environment() (env []string) {
	for name, value := range s.env {
		env = append(env, name+"="+value)
	}
	return env
}

// once runs a command without an agent.
func (s *site) once(args ...string) ended {
	s.t.Helper()
	cmd := s.command(args...)
	cmd.Env = append(cmd.Env, "ANAPLAN_AGENT_SOCKET=none")
	return s.run(cmd)
}

// ended is how a command ended.
type ended struct {
	code           int
	stdout, stderr string
}

// isDone reports whether it has done what it was to do. A module that ends the process says
// so of itself, too.
func (e ended) isDone() bool { return e.code == 0 && e.stdout != "" }

func (s *site) run(cmd *exec.Cmd) ended {
	s.t.Helper()
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.Run()
	e := ended{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
	if e.code == explain.Usage && strings.Contains(e.stderr, "--help") {
		s.t.Fatalf("the test is wrong: %s: %s", strings.Join(cmd.Args, " "), e.stderr)
	}
	return e
}

// clear ends what still runs and removes the files. Signers that hang outlive an agent that
// was killed.
func (s *site) clear() {
	if s.device != nil {
		s.device.release()
	}
	if s.agent != nil {
		s.agent.cmd.Process.Kill()
		<-s.agent.ended
	}
	for _, pid := range s.processes() {
		syscall.Kill(pid, syscall.SIGKILL)
	}
	for deadline := time.Now().Add(faultPatience); len(s.processes()) > 0 && time.Now().Before(deadline); {
		time.Sleep(5 * time.Millisecond)
	}
	os.RemoveAll(s.dir)
}

// processes returns the processes of the site.
func (s *site) processes() (pids []int) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err == nil && slices.Contains(strings.Split(string(text), "\x00"), siteVariable+"="+s.dir) {
			var pid int
			fmt.Sscanf(file, "/proc/%d/", &pid)
			pids = append(pids, pid)
		}
	}
	return pids
}
