//go:build cgo

package main

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
	"github.com/anaplan-agent/anaplan-agent/agent/authority"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/daemon"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/login"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// call is a call of a command.
type call struct {
	exit     int
	args     []string
	prints   string               // what it is there to print, which is not a leak: "", token, login
	dialogue []string             // on a terminal; nil: without one
	before   func(*vault)         // nil: nothing
	after    func(*vault, string) // has standard output; nil: nothing
}

// TestEveryCommandKeepsSecrets calls every command of the program, well and with something that
// goes wrong, beside an agent that logs all. Then it searches for PIN, payload, signature and
// token in what was said, logged and written, in arguments, environments and the agent's memory.
func TestEveryCommandKeepsSecrets(t *testing.T) {
	v := newVault(t)
	v.furnish()
	v.writeConfig()
	calls := slices.Concat(callsAlone(v), callsOfAgent(v))
	wantEachCommand(t, calls)
	v.do(callsAlone(v))
	v.start()
	v.do(callsOfAgent(v))
	v.wantUndumpable()
	v.wantControls()
	v.search()
	if len(v.memory()) == 0 {
		t.Error("the agent's memory holds no secret yet")
	}
	v.do(callsOfEnd())
	v.wantForgotten()
}

// furnish makes the profiles, the clients, and files that commands read.
func (v *vault) furnish() {
	wrong := randomDigits(v.t)
	v.knows("PIN", wrong)
	v.profileLike("wrong", map[string]string{"pin": "file:" + v.keeps("wrong-pin", wrong)})
	v.profileLike("program", map[string]string{"pin": "command:cat " + v.path("pin")})
	v.profileLike("typed", map[string]string{"pin": "prompt"})
	v.more += "[client.reader]\npolicy = ['GET /2/0/models']\n"
	key := hsmtest.RSAKey(v.t, "b")
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		v.t.Fatal(err)
	}
	v.knows("private key", string(key.D.Bytes()))
	v.keeps("imported.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))+
		string(anaplantest.EncodePEM(v.server.Enroll(key.Public(), nil))))
	v.file("login.pem", string(anaplantest.EncodePEM(v.server.Enroll(hsmtest.RSAKey(v.t, "a").Public(), nil))))
}

// fails has the next requests at a path answered in that way.
func fails(path string, times int, fault anaplantest.Fault) func(*vault) {
	return func(v *vault) { v.server.Fault(path, times, fault) }
}

// echoes has the next login answered with itself, as some servers do in their errors.
func echoes(status int, kind string) func(*vault) {
	return func(v *vault) {
		v.echoed = append(v.echoed, fmt.Sprintf(" of login %d,", len(v.ear.heard())+1))
		fails(authenticate, 1, func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
			body, _ := io.ReadAll(r.Body)
			if kind == "application/json" {
				body, _ = json.Marshal(map[string]string{"status": "FAILURE_BAD_CREDENTIAL", "statusMessage": "refused: " + string(body)})
			}
			anaplantest.Answering(status, kind, string(body))(w, r, nil)
		})(v)
	}
}

const (
	authenticate = "/token/authenticate"
	viewData     = "/2/0/workspaces/" + anaplantest.FinanceID + "/models/" + anaplantest.PlanID + "/views/102000000001/data"
)

// callsAlone are those without an agent.
func callsAlone(v *vault) []call {
	second := v.well.Address(v.t, ";object=second").String()
	return []call{
		{args: words("version")},
		{args: words("completion bash")},
		{exit: 2, args: words("completion nosuch")},
		{exit: 1, args: append(words("as-service --unit"), v.path("nosuch.service"), "whoami")},
		{args: words("service print --user --program /bin/true")},
		{args: append(words("service install --user --program /bin/true --root"), v.path("image"))},
		{args: append(words("service uninstall --user --root"), v.path("image"))},
		{args: append(words("client new nightly --output"), v.path("nightly")), after: keptClient},
		{args: words("keys")},
		{args: words("keys --json")},
		{args: words("cert")},
		{args: append(words("cert --explain"), v.path("login.pem"))},
		{args: words("sign"), prints: "login", after: keptLogin},
		{args: append(words("token --certificate"), v.path("login.pem"), "--payload", v.path("login.json")), prints: "token"},
		{exit: 1, args: append(words("token --certificate"), v.path("login.pem"), "--payload", v.path("login.pem"))},
		{args: words("token --output json"), prints: "token"},
		{exit: 1, args: words("token --timeout 1s"), before: fails(authenticate, 9, anaplantest.Failing(500))},
		{exit: 1, args: words("token"), before: fails(authenticate, 1, anaplantest.Failing(401))},
		{exit: 3, args: words("token"), before: echoes(401, "application/json")},
		{exit: 1, args: words("token"), before: echoes(400, "text/html")},
		{exit: 1, args: words("token"), before: fails(authenticate, 1, anaplantest.NotJSON())},
		{args: words("whoami")},
		{args: words("exec -- printenv ANAPLAN_TOKEN"), prints: "token"},
		{exit: 127, args: words("exec -- no-such-program")},
		{args: words("api GET /2/0/models")},
		{exit: 1, args: words("api GET /2/0/nothing")},
		{args: []string{"run", "action", "Delete old sales", "--model", "Plan"}},
		{exit: 1, args: words("run action Nothing --model Plan")},
		{args: words("list models")},
		{exit: 1, args: words("list files --model Nothing")},
		{args: words("list exports Report.csv --model Plan")},
		{args: append(words("run list Products --model Plan --output"), v.path("alone.csv"))},
		{args: words("doctor")},
		{exit: 1, args: append(words("doctor --profile wrong --bundle"), v.path("report.tar.gz"))},
		{args: append(words("enroll --email ana@example.com --key"), second, "--output", v.path("second.csr"))},
		{exit: 1, args: append(words("enroll --key"), second, "--certificate", v.path("login.pem"))},
		{args: append(words("import"), v.path("imported.pem"), "--key", v.well.Address(v.t, ";object=third").String())},
		{exit: 1, args: append(words("import"), v.path("nothing.pem"), "--key", second)},
		{args: words("ca"), after: keptCA},
		{args: words("ca renew"), after: keptCA},
		{exit: 2, args: words("ca nosuch")},
		{exit: 1, args: words("status")},
		{exit: 1, args: words("stop")},
		{exit: 2, args: words("serve --listen 192.0.2.1:1")},
		{exit: 1, args: []string{login.SignerCommand}},
		{args: []string{daemon.GuardCommand}},
		{exit: 1, args: words("doctor probe")},
		{exit: 1, args: words("enroll look")},
	}
}

// callsOfAgent are those beside a running agent.
func callsOfAgent(v *vault) []call {
	return []call{
		{args: words("login")},
		{args: words("token"), prints: "token"},
		{args: words("login --profile program")},
		{exit: 3, args: words("login --profile wrong")},
		{exit: 3, args: words("token --profile wrong")},
		{args: words("unlock --profile typed"), dialogue: []string{"PIN for token", v.well.PIN + "\n"}},
		{exit: 1, args: words("login"), before: fails(authenticate, 1, anaplantest.Blocked())},
		{exit: 3, args: words("login"), before: echoes(401, "application/json")},
		{args: words("login")},
		{args: words("exec -- printenv ANAPLAN_TOKEN"), prints: "token"},
		{args: words("exec --phantom -- printenv ANAPLAN_TOKEN"), prints: "token", after: keptPhantom},
		{exit: 127, args: words("exec --phantom -- no-such-program")},
		{args: words("api GET /2/0/models")},
		{args: words("api GET /2/0/models --client reader")},
		{exit: 1, args: words("api GET /2/0/users/me --client reader")},
		{args: words("api GET /2/0/models"), before: fails("/2/0/models", 1, anaplantest.Failing(500))},
		{exit: 1, args: words("api GET /2/0/models"), before: fails("/2/0/models", 1, anaplantest.Failing(403))},
		{args: words("api GET /2/0/models"), before: func(v *vault) { v.server.RevokeAll() }},
		{args: []string{"run", "action", "Delete old sales", "--model", "Plan"}},
		{exit: 1, args: []string{"run", "action", "Delete old sales", "--model", "Plan"}, before: func(v *vault) {
			v.check(v.server.TaskOutcome("117000000001", 1, anaplantest.Outcome{Failed: true}))
		}},
		{args: append(words("run list Products --model Plan --output"), v.path("products.csv"))},
		{args: append(words("run list Products --model Plan --items upsert --input"), v.file("items.csv", "name,code\nSpoons,P9\n"))},
		{exit: 1, args: append(words("run list Products --model Plan --items add --input"), v.file("items2.csv", "name,code\nSpoons,P9\n"))},
		{exit: 1, args: append(words("run list Products --model Plan --client reader --output"), v.path("refused.csv"))},
		{args: append(words("run view Sales --model Plan --output"), v.path("sales.tsv"))},
		{exit: 1, args: append(words("run view Sales --model Plan --output"), v.path("none.csv")), before: fails(viewData, 1, anaplantest.Failing(403))},
		{args: append(words("run view Sales --model Plan --output"), v.path("large.csv")), before: fails(viewData, 1, anaplantest.Failing(400))},
		{args: words("list imports --model Plan")},
		{exit: 1, args: words("list imports Nothing --model Plan")},
		{exit: 1, args: words("list workspaces --client reader")},
		{args: words("policy check --client reader GET /2/0/models")},
		{exit: 1, args: words("policy check --client reader POST /2/0/models")},
		{args: words("whoami")},
		{args: words("status")},
		{args: words("status --json")},
		{args: words("ca"), after: keptCA},
		{args: words("ca renew"), after: keptCA},
		{exit: 1, args: words("serve")},
		{args: words("reload")},
		{exit: 2, args: append(words("reload --config"), v.path("login.pem"))},
		{args: words("rotate")},
		{exit: 1, args: words("rotate finish")},
		{exit: 1, args: words("rotate back")},
		{exit: 1, args: words("rotate retire --yes")},
		{args: append(words("rotate start --output"), v.path("new.csr"))},
		{args: words("rotate cancel --yes")},
		{args: append(words("rotate start --output"), v.path("newer.csr")), after: answered},
		{args: append(words("rotate finish --certificate"), v.path("new.pem"))},
		{args: words("rotate back")},
		{args: append(words("audit verify"), v.path("audit/log"))},
		{exit: 1, args: append(words("audit verify"), v.path("login.pem"))},
		{args: words("lock --profile program")},
		{exit: 3, args: words("token --profile program")},
		{args: words("unlock --profile program")},
		{exit: 2, args: words("logout --profile nosuch")},
		{args: words("logout")},
		{args: words("login")},
	}
}

// callsOfEnd are those after which the agent has no secret any more.
func callsOfEnd() []call {
	return []call{
		{args: words("logout")},
		{args: words("logout --profile program")},
		{args: words("logout --profile typed")},
		{args: words("lock --all")},
	}
}

func words(line string) []string { return strings.Fields(line) }

// wantEachCommand fails the test unless each command is called that does something.
func wantEachCommand(t *testing.T, calls []call) {
	t.Helper()
	root := newRootCommand(&console.Messenger{Out: t.Output()}, nil)
	called := map[string]bool{}
	for _, c := range calls {
		command, _, err := root.Find(c.args)
		if err != nil {
			t.Fatal(err)
		}
		called[command.CommandPath()] = true
	}
	for name := range commands {
		if command, _, err := root.Find([]string{name}); err != nil || command == root {
			t.Errorf("there is no command %s", name)
		}
	}
	var walk func(*cobra.Command)
	walk = func(command *cobra.Command) {
		if !command.HasSubCommands() && !called[command.CommandPath()] {
			t.Errorf("no call of %s: it needs one here", command.CommandPath())
		}
		for _, sub := range command.Commands() {
			walk(sub)
		}
	}
	walk(root)
}

// do makes the calls one after the other.
func (v *vault) do(calls []call) {
	v.t.Helper()
	for _, c := range calls {
		if c.before != nil {
			c.before(v)
		}
		var person typist
		if c.dialogue != nil {
			person.run(v.t, v.environment(), c.args, c.dialogue...)
		} else {
			person.result.run(v.t, v.environment(), c.args)
		}
		v.server.ClearFaults()
		name, stdout := strings.Join(c.args, " "), person.stdout.String()
		if person.code != c.exit {
			v.t.Fatalf("%s: exit code %d, want %d: %s", name, person.code, c.exit, person.stderr.String())
		}
		if c.after != nil {
			c.after(v, stdout)
		}
		v.said["the screen of "+name] += person.screen
		v.said["standard error of "+name] += person.stderr.String()
		if c.prints == "" {
			v.said["standard output of "+name] += stdout
		} else if !v.isKnown(c.prints, stdout) {
			v.t.Errorf("%s is there to print what the search would not find: %s", name, stdout)
		}
	}
}

// isKnown reports whether the search finds a secret of that kind in a text.
func (v *vault) isKnown(what, text string) bool {
	return slices.ContainsFunc(v.secrets()[what], func(secret string) bool { return holds(text, allForms(secret)) })
}

// keptClient keeps the secret of a client.
func keptClient(v *vault, _ string) {
	secret, err := os.ReadFile(v.path("nightly"))
	v.check(err)
	v.given[v.path("nightly")] = true
	v.knows("client's secret", strings.TrimSpace(string(secret)))
}

// keptCA knows the key of the agent's CA, which only the agent's own file may hold.
func keptCA(v *vault, stdout string) {
	path := v.path(".local/state/anaplan-agent/" + authority.FileName)
	text, err := os.ReadFile(path)
	v.check(err)
	v.given[path] = true
	_, rest := pem.Decode(text)
	block, _ := pem.Decode(rest)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	v.check(err)
	secret, err := key.(*ecdsa.PrivateKey).Bytes()
	v.check(err)
	v.knows("CA's key", string(secret))
	v.knows("CA's key", strings.Split(string(rest), "\n")[1])
	if !strings.HasPrefix(stdout, "-----BEGIN CERTIFICATE-----\n") {
		v.t.Errorf("ca prints %q", stdout)
	}
}

// keptLogin keeps a login that was printed.
func keptLogin(v *vault, stdout string) {
	v.keeps("login.json", stdout)
	v.knows("login", stdout[strings.Index(stdout, "encodedSignedData"):][30:80])
}

// keptPhantom keeps a phantom token.
func keptPhantom(v *vault, stdout string) { v.knows("token", strings.TrimSpace(stdout)) }

// answered is the CA's answer to the request for a new key, which Anaplan knows.
func answered(v *vault, _ string) {
	request, err := os.ReadFile(v.path("newer.csr"))
	v.check(err)
	cert, err := v.server.CA.Issue(request, nil)
	v.check(err)
	_, err = v.server.RegisterCertificate(cert)
	v.check(err)
	v.file("new.pem", string(anaplantest.EncodePEM(cert)))
}

func (v *vault) check(err error) {
	v.t.Helper()
	if err != nil {
		v.t.Fatal(err)
	}
}

// wantControls fails the test unless it sees where it looks.
func (v *vault) wantControls() {
	v.t.Helper()
	starts := strings.Join(v.starts(), "")
	for _, program := range []string{"argument " + login.SignerCommand, "argument cat\nargument " + v.path("pin"), "argument printenv"} {
		if !strings.Contains(starts, program+"\n") {
			v.t.Errorf("no start was seen of %q", program)
		}
	}
	if !strings.Contains(v.log.String(), "level=DEBUG") {
		v.t.Error("the agent does not log at debug")
	}
}

// wantForgotten fails the test unless the agent's memory comes to hold no secret.
func (v *vault) wantForgotten() {
	v.t.Helper()
	// What was sent is overwritten beside the reading of the answer, and tokens by the garbage collector.
	var found []string
	for deadline := time.Now().Add(enough); ; time.Sleep(10 * time.Millisecond) {
		if found = v.memory(); len(found) == 0 {
			return
		}
		if time.Now().After(deadline) {
			v.t.Fatalf("in memory: %q", found)
		}
	}
}
