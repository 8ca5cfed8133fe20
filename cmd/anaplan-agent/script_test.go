//go:build linux && cgo

package main

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
	"github.com/anaplan-agent/anaplan-agent/piv/pivtest"
	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	pivtest.Main()
	testscript.Main(ending{m}, map[string]func(){build.Program: main, bareServerCommand: bareServer, bareUpstreamCommand: bareUpstream, bareProxyCommand: bareProxy, onTerminalCommand: onTerminal})
}

// ending is a test program that ends by itself: with a race detector it calls exit(3), which
// would be taken for a module's doing where a test has modules watched.
type ending struct{ *testing.M }

// Run implements testscript.TestingM.
func (e ending) Run() int {
	code := e.M.Run()
	device.BeforeExit(code)
	return code
}

// TestScripts runs the program as people do. The commands beside testscript's own:
//
//	agent CODE ARG...      runs the program without a terminal; it must exit with CODE
//	types FILE             what is typed on the terminal of the next agent-tty
//	agent-tty CODE ARG...  runs the program there
//	screen PATTERN         fails unless that was to be read there; ! screen: if it was
//	newtoken LABEL         initialises a SoftHSM token with PIN $PIN, which is 1234
//	anaplan ...            see serverCommand
//	cert FLAGS CSR OUT     has the test CA issue a certificate, see issue
//	enrolled [FLAGS]       all of it: a token, a server, a key, a registered
//	                       certificate, and the environment to log in with it
//	edit FILE OLD NEW      replaces text in a file
//	card ...               see cardCommand; scripts with it are named piv-*
//	agentd ...             see agentCommand
//	machine NAME ...       the same for one of several agents, see machineCommand
//	machine-cert DIR ...   see machineCertCommand
//	ports NAME...          puts free ports into these variables
//	postgres ...           see postgresCommand; the script with it is real-lease
//	config ...             see configCommand
//	module ...             see moduleCommand; scripts with it are named agent-module* or agent-users*
//	unseen ...             see unseenCommand
//	kill-at-each-step ...  see killCommand; scripts with it are named killed-*, with cards killed-piv-*
//	only-json              fails unless standard output is one JSON value and no more
func TestScripts(t *testing.T) {
	hsmtest.SoftHSM(t)
	runScripts(t, func(name string) bool {
		return !strings.HasPrefix(name, "piv-") && !strings.HasPrefix(name, "agent-module") && !strings.HasPrefix(name, "agent-users") && !strings.HasPrefix(name, "booted-") && !strings.HasPrefix(name, "killed-") && !strings.HasPrefix(name, "real-") && !slices.Contains([]string{"calls-clients.txtar", "calls-intercept.txtar", "clients.txtar", "never-seen.txtar"}, name)
	})
}

// TestClients has clients in three languages do a night's work through the agent, as
// docs/examples has them, and as people have them who know nothing of an agent.
func TestClients(t *testing.T) {
	hsmtest.SoftHSM(t)
	for _, tool := range []string{"bash", "curl", "jq", "python3", "java", "javac"} {
		hsmtest.Tool(t, "clients", tool)
	}
	runScripts(t, func(name string) bool { return name == "calls-clients.txtar" || name == "calls-intercept.txtar" })
}

// packagesVariable names a directory with the packages of testdata/clients: make clients makes it.
const packagesVariable = "ANAPLAN_AGENT_CLIENTS"

// TestPackagedClients has clients do a night's work that come from PyPI and npm, which take longer
// than a test may to be installed. So it is run by make clients alone.
func TestPackagedClients(t *testing.T) {
	packages := os.Getenv(packagesVariable)
	if packages == "" {
		return
	}
	runScripts(t, func(name string) bool { return name == "clients.txtar" }, "PACKAGES", packages)
}

// TestNSSDatabase runs the program on a database that NSS's own tools have made.
func TestNSSDatabase(t *testing.T) {
	hsmtest.SoftHSM(t)
	for _, tool := range []string{"certutil", "pk12util"} {
		hsmtest.Tool(t, "nss", tool)
	}
	runScripts(t, func(name string) bool { return name == "real-nss.txtar" }, "NSS", hsmtest.NSS(t))
}

// TestRemoteTokens runs the program on tokens that other processes have: p11-kit's server, and a module
// that is registered as a program.
func TestRemoteTokens(t *testing.T) {
	hsmtest.SoftHSM(t)
	hsmtest.Tool(t, "p11kit", "p11-kit")
	if os.Geteuid() != 0 {
		hsmtest.Missing(t, "root", "the right to mount")
	}
	runScripts(t, func(name string) bool { return name == "real-p11kit.txtar" })
}

// runScripts runs the scripts of those names, with more settings of their environment:
// NAME, VALUE, NAME, VALUE.
func runScripts(t *testing.T, isMeant func(name string) bool, more ...string) {
	files, err := filepath.Glob("testdata/script/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Files:               slices.DeleteFunc(files, func(file string) bool { return !isMeant(filepath.Base(file)) }),
		WorkdirRoot:         scriptsDirectory(t),
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			for i := 0; i < len(more); i += 2 {
				env.Setenv(more[i], more[i+1])
			}
			return setUp(env, hsmtest.SoftHSM(t))
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"agent": func(ts *testscript.TestScript, _ bool, args []string) {
				runAgent(ts, args, asJob()...)
			},
			"agent-tty": func(ts *testscript.TestScript, _ bool, args []string) { runOnScreen(ts, args) },
			"types":     typesCommand,
			"screen":    screenCommand,
			"newtoken":  newToken,
			"anaplan":   serverCommand,
			"cert":      issue,
			"odd-cert":  oddCert,
			"enrolled":  enrolled,
			"edit":      edit,
			"card":      cardCommand,
			"agentd":    agentCommand,
			"config":    configCommand,
			"module":    moduleCommand,
			"unseen":    unseenCommand,
			"only-json": onlyJSONCommand,

			"openssh-key": opensshKey,

			"machine":      machineCommand,
			"machine-cert": machineCertCommand,
			"ports":        portsCommand,
			"postgres":     postgresCommand,

			"kill-at-each-step": killCommand,
			"on-disk":           onDiskCommand,
		},
	})
}

// scriptsDirectory returns a directory for scripts, which goes with the test: testscript keeps its
// own where a filter leaves scripts out. Its name is short, since that of a socket has 108 bytes.
func scriptsDirectory(t *testing.T) string {
	directory, err := os.MkdirTemp("", "s")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		filepath.WalkDir(directory, func(path string, entry fs.DirEntry, err error) error {
			if err == nil && entry.IsDir() {
				os.Chmod(path, 0o700) // scripts make some read-only
			}
			return nil
		})
		if err := os.RemoveAll(directory); err != nil {
			t.Error(err)
		}
	})
	return directory
}

// TestFilteredScriptsLeaveNothing: a run of some scripts, or of none, leaves no directory.
func TestFilteredScriptsLeaveNothing(t *testing.T) {
	hsmtest.SoftHSM(t)
	directory := t.TempDir()
	run := exec.Command(os.Args[0], "-test.run", "^TestScripts$/^none$")
	run.Env = append(os.Environ(), "TMPDIR="+directory)
	if output, err := run.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	if left, err := os.ReadDir(directory); err != nil || len(left) > 0 {
		t.Errorf("it left %v, %v", left, err)
	}
}

// builtVariable names a directory with the programs as they are shipped: tests run these in place of the
// test program, which the race detector makes slow to start. The agents of scripts (agentd) stay under it.
const builtVariable = "ANAPLAN_AGENT_BUILT"

// programOfScripts returns the path of the program that scripts run, not as an agent.
func programOfScripts() (string, error) {
	if built := os.Getenv(builtVariable); built != "" {
		return filepath.Join(built, build.Program), nil
	}
	return exec.LookPath(build.Program)
}

// setUp gives a script a SoftHSM store and a home of its own.
func setUp(env *testscript.Env, module string) error {
	config := filepath.Join(env.WorkDir, "softhsm2.conf")
	tokens := filepath.Join(env.WorkDir, ".tokens")
	env.Setenv("SOFTHSM2_CONF", config)
	env.Setenv("MODULE", module)
	env.Setenv("HOME", filepath.Join(env.WorkDir, ".home"))
	env.Setenv("XDG_RUNTIME_DIR", filepath.Join(env.WorkDir, ".run"))
	if built := os.Getenv(builtVariable); built != "" {
		env.Setenv("PATH", built+string(filepath.ListSeparator)+env.Getenv("PATH"))
	}
	env.Setenv("GORACE", "atexit_sleep_ms=0") // or each run of a program under the race detector lasts a second longer
	env.Setenv("PIN", "1234")
	env.Setenv("CARD_PIN", scriptPIN)
	examples, err := filepath.Abs("../../docs/examples")
	if err != nil {
		return err
	}
	env.Setenv("EXAMPLES", examples)
	clients, err := filepath.Abs("testdata/clients")
	if err != nil {
		return err
	}
	env.Setenv("CLIENTS", clients)
	env.Setenv("PCSCLITE_CSOCK_NAME", filepath.Join(env.WorkDir, "no-pcscd")) // not the machine's own
	env.Values[serverKey{}] = new(*anaplantest.Server)
	env.Values[cardsKey{}] = new(*cardTable)
	env.Values[agentKey{}] = new(*runningAgent)
	env.Values[screenKey{}] = new(scriptScreen)
	env.Values[machinesKey{}], env.Values[companyKey{}] = machines{}, companyCAs{}
	env.Values[configKey{}] = map[string]string{}
	env.Values[secretsKey{}] = new(secretList)
	if err := os.Mkdir(tokens, 0o700); err != nil {
		return err
	}
	return os.WriteFile(config, []byte("directories.tokendir = "+tokens+"\nlog.level = ERROR\n"), 0o600)
}

// asJob returns what the command line of the program begins with, so that it has no terminal,
// also not that of whoever runs the tests, and is killed if it hangs.
func asJob() []string {
	return []string{"timeout", "--signal=KILL", fmt.Sprint(enough.Seconds()), "setsid", "--wait", build.Program}
}

// runAgent runs a command line that begins with words, and checks its exit code.
func runAgent(ts *testscript.TestScript, args []string, words ...string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	words = append(words, args[1:]...)
	code := 0
	err = ts.Exec(words[0], words[1:]...)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if code != want {
		ts.Fatalf("exit code %d, want %d", code, want)
	}
	if strings.Contains(ts.ReadFile("stderr"), "goroutine ") {
		ts.Fatalf("it panicked")
	}
	for _, secret := range scriptSecrets {
		if strings.Contains(ts.ReadFile("stdout")+ts.ReadFile("stderr"), secret) {
			ts.Fatalf("it shows the secret %s", secret)
		}
	}
	checkSchema(ts, args[1:])
	if len(args) == 2 && code == 0 && args[1] == "token" {
		ts.Value(secretsKey{}).(*secretList).add(strings.TrimSpace(ts.ReadFile("stdout")))
	}
}

// scriptSecrets are what no run in any script may show: right and wrong PINs and
// management keys of cards, as far as they cannot stand there for another reason.
var scriptSecrets = []string{scriptPIN, "999999", "0f0102030405", "0F0102030405", "000102030405", "not-the-pin-4242"}

func newToken(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(ts.Exec("softhsm2-util", "--init-token", "--free", "--label", args[0], "--so-pin", "87654321", "--pin", ts.Getenv("PIN")))
}

// serverKey is where a script's server is kept.
type serverKey struct{}

func serverOf(ts *testscript.TestScript) *anaplantest.Server {
	server, ok := ts.Value(serverKey{}).(**anaplantest.Server)
	if !ok || *server == nil {
		ts.Fatalf("no server: begin with: anaplan start")
	}
	return *server
}

// serverCommand is the command anaplan of the scripts:
//
//	anaplan start [OPTION...]      a server, see startServer; sets URL and writes server-ca.pem
//	anaplan stop                   it is away for good
//	anaplan register CERT          as an administrator does
//	anaplan disable                the only certificate; enable undoes that
//	anaplan skew DURATION          moves the server's clock
//	anaplan revoke                 ends every token
//	anaplan fault PATH N KIND ARG  the next N requests fail, see faultOf
//	anaplan logins N               fails unless N logins were accepted
//	anaplan logouts N              fails unless N tokens were ended by a logout
//	anaplan requests ROUTE N       fails unless there were N requests
//	anaplan await ROUTE N          waits until there were that many
//	anaplan file NAME FILE         what a file of the models holds is what FILE does
//	anaplan rename NAME NAME2      gives something another name, which may have Go's escapes
//	anaplan put NAME FILE          has a file, or the result of an export, hold what FILE does
//	anaplan tasks before           remembers how many tasks were started; +N: so many have been since
//	anaplan outcome ID OUTCOME     how the next task of that goes: failed, dump, cancelled, slow, endless
//	anaplan busy MODEL TOOLTIP     requests wait, and the model's status says why; without a tooltip: no longer
//	anaplan overhear               the next login is a secret that no log may hold
//	anaplan refused TEXT           fails unless the last refusal was for that reason
func serverCommand(ts *testscript.TestScript, _ bool, args []string) {
	if args[0] == "start" {
		startServer(ts, args[1:])
		return
	}
	server := serverOf(ts)
	switch args[0] {
	case "stop":
		server.Close()
		ts.Defer(refuseAt(scriptTB{ts}, strings.TrimPrefix(server.URL, "https://")))
	case "overhear":
		server.Fault("/token/authenticate", 1, overhear(ts))
	case "await":
		n, err := strconv.Atoi(args[2])
		ts.Check(err)
		until(ts, strings.Join(args, " "), func() bool { return server.Counts().Requests[args[1]] >= n })
	case "register":
		_, err := server.Register([]byte(ts.ReadFile(args[1])))
		ts.Check(err)
	case "disable":
		ts.Check(server.Disable(certificateID(ts, server)))
	case "enable":
		ts.Check(server.Enable(certificateID(ts, server)))
	case "skew":
		skew, err := time.ParseDuration(args[1])
		ts.Check(err)
		server.SetClockSkew(skew)
	case "revoke":
		server.RevokeAll()
	case "fault":
		times, err := strconv.Atoi(args[2])
		ts.Check(err)
		server.Fault(args[1], times, faultOf(ts, args[3:]))
	case "logins":
		wantCount(ts, "logins", server.Counts().Logins, args[1])
	case "logouts":
		wantCount(ts, "logouts", server.Counts().Logouts, args[1])
	case "requests":
		wantCount(ts, args[1], server.Counts().Requests[args[1]], args[2])
	case "file":
		if got, ok := server.FileContent(args[1]); !ok || string(got) != ts.ReadFile(args[2]) {
			ts.Fatalf("the file %s holds %q (%v)", args[1], got, ok)
		}
	case "put":
		ts.Check(server.SetFile(args[1], []byte(ts.ReadFile(args[2]))))
	case "rename":
		name, err := strconv.Unquote(`"` + args[2] + `"`)
		ts.Check(err)
		ts.Check(server.Rename(args[1], name))
	case "outcome":
		ts.Check(server.TaskOutcome(args[1], 1, outcomes[args[2]]))
	case "busy":
		var state *anaplantest.ModelState
		if len(args) > 2 {
			state = &anaplantest.ModelState{For: time.Hour, Tooltip: args[2], TaskID: "6EB7F52C07CA4E86909A213C608765A1", Progress: 0.44}
		}
		ts.Check(server.SetModelState(args[1], state))
	case "tasks":
		if args[1] == "before" {
			ts.Setenv("TASKS", strconv.Itoa(server.Counts().Tasks))
			return
		}
		before, err := strconv.Atoi(ts.Getenv("TASKS"))
		ts.Check(err)
		wantCount(ts, "tasks", server.Counts().Tasks-before, strings.TrimPrefix(args[1], "+"))
	case "refused":
		if got := server.Counts().LastRefusal; !strings.Contains(got, args[1]) {
			ts.Fatalf("the last login was refused for %q, want %q", got, args[1])
		}
	default:
		ts.Fatalf("unknown command anaplan %s", args[0])
	}
}

// outcomes are how tasks can go.
var outcomes = map[string]anaplantest.Outcome{
	"failed":    {Failed: true, Details: []anaplantest.Detail{{Type: "fileRead", Text: "The file cannot be read", Occurrences: 1}}},
	"dump":      {Failed: true, Dump: []byte("_Status_,_Line_\nFailed,2\n")},
	"cancelled": {Cancelled: true},
	"slow":      {Polls: 1},
	"endless":   {Polls: -1},
}

func wantCount(ts *testscript.TestScript, what string, got int, want string) {
	if strconv.Itoa(got) != want {
		ts.Fatalf("%s: %d, want %s", what, got, want)
	}
}

// certificateID returns the id of the only registered certificate.
func certificateID(ts *testscript.TestScript, server *anaplantest.Server) string {
	certs := server.Certificates()
	if len(certs) != 1 {
		ts.Fatalf("%d certificates are registered, want 1", len(certs))
	}
	return certs[0].ID
}

// overhear keeps what a login is made of, and lets it pass.
func overhear(ts *testscript.TestScript) anaplantest.Fault {
	return func(w http.ResponseWriter, r *http.Request, real http.Handler) {
		body, err := io.ReadAll(r.Body)
		var login struct{ EncodedData, EncodedSignedData string }
		if err == nil {
			err = json.Unmarshal(body, &login)
		}
		if err == nil && login.EncodedData != "" && login.EncodedSignedData != "" {
			ts.Value(secretsKey{}).(*secretList).add(login.EncodedData, login.EncodedSignedData)
			r.Body = io.NopCloser(bytes.NewReader(body))
			real.ServeHTTP(w, r)
		}
	}
}

// startServer starts the script's server; options are accept-v1, skew=DURATION,
// life=DURATION, which is that of tokens, window=DURATION, that of logins, and max-read=N.
func startServer(ts *testscript.TestScript, options []string) {
	opts := anaplantest.Options{QuickTasks: true}
	for _, option := range options {
		name, value, _ := strings.Cut(option, "=")
		switch name {
		case "accept-v1":
			opts.AcceptV1 = true
		case "max-read": // and pages that short
			n, err := strconv.Atoi(value)
			ts.Check(err)
			opts.MaxRead, opts.ChunkSize = n, 40
		case "skew":
			skew, err := time.ParseDuration(value)
			ts.Check(err)
			opts.ClockSkew = skew
		case "life":
			life, err := time.ParseDuration(value)
			ts.Check(err)
			opts.TokenLife = life
		case "window":
			window, err := time.ParseDuration(value)
			ts.Check(err)
			opts.Window = window
		default:
			ts.Fatalf("unknown option %q", option)
		}
	}
	server := anaplantest.NewServer(scriptTB{ts}, &opts)
	*ts.Value(serverKey{}).(**anaplantest.Server) = server
	ts.Setenv("URL", server.URL)
	ts.Check(os.WriteFile(ts.MkAbs("server-ca.pem"), server.CA.PEM(), 0o600))
}

// scriptTB lets a server end with its script.
type scriptTB struct{ ts *testscript.TestScript }

func (tb scriptTB) Helper()           {}
func (tb scriptTB) Cleanup(f func())  { tb.ts.Defer(f) }
func (tb scriptTB) Fatal(args ...any) { tb.ts.Fatalf("%s", fmt.Sprint(args...)) }

// faultOf makes the fault of a name: 429 RETRY-AFTER, 503, 500, blocked, cut,
// truncated, endless, nojson, hang, slow DELAY, redirect LOCATION, answer STATUS TYPE BODY.
func faultOf(ts *testscript.TestScript, args []string) anaplantest.Fault {
	switch args[0] {
	case "429":
		return anaplantest.TooManyRequests(args[1])
	case "503":
		return anaplantest.Unavailable()
	case "500":
		return anaplantest.Failing(500)
	case "blocked":
		return anaplantest.Blocked()
	case "cut":
		return anaplantest.Cut()
	case "cut-after":
		return anaplantest.CutAfter()
	case "cut-inside":
		return anaplantest.CutInside()
	case "truncated":
		return anaplantest.Truncated()
	case "endless":
		return anaplantest.Endless(1 << 20)
	case "nojson":
		return anaplantest.NotJSON()
	case "hang":
		return anaplantest.Hang(nil)
	case "slow":
		delay, err := time.ParseDuration(args[1])
		ts.Check(err)
		return anaplantest.Slow(delay)
	case "redirect":
		return anaplantest.Redirecting(args[1])
	case "answer":
		status, err := strconv.Atoi(args[1])
		ts.Check(err)
		return anaplantest.Answering(status, args[2], args[3])
	}
	ts.Fatalf("unknown fault %q", args[0])
	return nil
}

// issue has the server's CA issue a certificate: cert [noemail] [expired]
// [early] [longer] [days-N] [server] [sha1] CSR OUT. It ends in N days.
func issue(ts *testscript.TestScript, _ bool, args []string) {
	var opts anaplantest.IssueOptions
	for _, flag := range args[:len(args)-2] {
		switch flag {
		case "noemail":
			opts.NoEmail = true
		case "server":
			opts.ServerOnly = true
		case "sha1":
			opts.SHA1 = true
		case "expired":
			opts.NotBefore, opts.NotAfter = time.Now().AddDate(-2, 0, 0), time.Now().AddDate(-1, 0, 0)
		case "early":
			opts.NotBefore, opts.NotAfter = time.Now().AddDate(1, 0, 0), time.Now().AddDate(2, 0, 0)
		case "longer":
			opts.NotAfter = time.Now().AddDate(2, 0, 0)
		default:
			text, ok := strings.CutPrefix(flag, "days-")
			days, err := strconv.Atoi(text)
			if !ok || err != nil {
				ts.Fatalf("unknown flag %q", flag)
			}
			opts.NotAfter = time.Now().Add(time.Duration(days)*24*time.Hour - time.Minute)
		}
	}
	cert, err := serverOf(ts).CA.Issue([]byte(ts.ReadFile(args[len(args)-2])), &opts)
	ts.Check(err)
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	ts.Check(os.WriteFile(ts.MkAbs(args[len(args)-1]), block, 0o600))
}

// enrolled prepares a login with a certificate of those flags, see issue, and a server
// with those that have a value, see startServer. A bad certificate is stored, but its
// registration may fail: that is the point.
func enrolled(ts *testscript.TestScript, _ bool, flags []string) {
	newToken(ts, false, []string{"demo"})
	isOption := func(flag string) bool { return strings.Contains(flag, "=") }
	startServer(ts, slices.DeleteFunc(slices.Clone(flags), func(flag string) bool { return !isOption(flag) }))
	flags = slices.DeleteFunc(flags, isOption)
	for name, value := range map[string]string{
		"KEY": "pkcs11:token=demo;object=login?module-path=" + ts.Getenv("MODULE"), "PIN": "env:PIN",
		"AUTH_URL": ts.Getenv("URL"), "CA_FILE": ts.MkAbs("server-ca.pem"),
	} {
		ts.Setenv("ANAPLAN_AGENT_"+name, value)
	}
	runAgent(ts, []string{"0", "enroll", "--email", "ana@example.com"}, asJob()...)
	ts.Check(os.WriteFile(ts.MkAbs("login.csr"), []byte(ts.ReadFile("stdout")), 0o600))
	issue(ts, false, append(flags, "login.csr", "login.pem"))
	runAgent(ts, []string{"0", "enroll", "--certificate", "login.pem"}, asJob()...)
	serverOf(ts).Register([]byte(ts.ReadFile("login.pem")))
}

func edit(ts *testscript.TestScript, _ bool, args []string) {
	text := ts.ReadFile(args[0])
	if !strings.Contains(text, args[1]) {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.ReplaceAll(text, args[1], args[2])), 0o600))
}
