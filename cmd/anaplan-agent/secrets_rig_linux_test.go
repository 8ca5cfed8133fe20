//go:build cgo

package main

import (
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/logtest"
	"github.com/anaplan-agent/anaplan-agent/agent/memorytest"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// grantor is an Anaplan that keeps the tokens that it gives.
type grantor struct {
	http.Handler
	mu     sync.Mutex
	tokens []string
}

// ServeHTTP implements http.Handler.
func (g *grantor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !strings.HasPrefix(r.URL.Path, "/token/") {
		g.Handler.ServeHTTP(w, r)
		return
	}
	answer := httptest.NewRecorder()
	g.Handler.ServeHTTP(answer, r)
	var granted struct{ TokenInfo struct{ TokenValue string } }
	if json.Unmarshal(answer.Body.Bytes(), &granted) == nil && granted.TokenInfo.TokenValue != "" {
		g.mu.Lock()
		g.tokens = append(g.tokens, granted.TokenInfo.TokenValue)
		g.mu.Unlock()
	}
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	w.Write(answer.Body.Bytes())
}

func (g *grantor) all() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.tokens)
}

// vault is a machine on which all is searched for secrets.
type vault struct {
	*machine
	ear     *eavesdropper // of Anaplan
	grantor *grantor      // Anaplan itself
	agent   *os.Process
	log     *logtest.Buffer
	echoed  []string            // logins that Anaplan has sent back
	said    map[string]string   // what may hold no secret, by where it was read
	known   map[string][]string // the secrets that the test itself has made, by what they are
	given   map[string]bool     // files that are there to hold one
}

// newVault returns one whose PINs nothing else in the world looks like.
func newVault(t *testing.T) *vault {
	clinic := newClinic(t)
	clinic.well.ChangePIN(t, randomDigits(t))
	v := &vault{machine: clinic.newMachine(t), said: map[string]string{}, known: map[string][]string{}, given: map[string]bool{}}
	v.grantor = &grantor{Handler: clinic.server}
	v.ear = &eavesdropper{Handler: v.grantor}
	v.ear.reached(v.machine, &tls.Config{})
	v.profile["api_url"] = v.profile["auth_url"]
	for _, directory := range []string{"starts", "tmp", "audit"} {
		if err := os.Mkdir(filepath.Join(v.home, directory), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	maps.Copy(v.env, map[string]string{
		"TMPDIR": filepath.Join(v.home, "tmp"), "LD_PRELOAD": buildStarts(t), "STARTS_LOG": filepath.Join(v.home, "starts"),
	})
	maps.Copy(v.machine.agent, map[string]string{"log_level": "debug", "audit_file": filepath.Join(v.home, "audit", "log"), "listen": "127.0.0.1:0"})
	v.knows("PIN", clinic.well.PIN)
	v.given[filepath.Join(v.home, "pin")] = true
	return v
}

// randomDigits returns a PIN.
func randomDigits(t *testing.T) string {
	t.Helper()
	number, err := rand.Int(rand.Reader, big.NewInt(9e15))
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(number.Int64() + 1e15)
}

// buildStarts compiles the library that writes down with what a program was started.
func buildStarts(t *testing.T) string {
	t.Helper()
	library := filepath.Join(t.TempDir(), "starts.so")
	build := exec.Command(hsmtest.Tool(t, "cc", "cc"), "-shared", "-fPIC", "-Wall", "-Werror", "-o", library, "../../testdata/starts/starts.c")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return library
}

// knows has a secret looked for.
func (v *vault) knows(what, secret string) { v.known[what] = append(v.known[what], secret) }

// path returns that of a file of the machine.
func (v *vault) path(name string) string { return filepath.Join(v.home, name) }

// keeps writes a file that is there to hold a secret, and returns its path.
func (v *vault) keeps(name, secret string) string {
	v.t.Helper()
	path := v.file(name, secret)
	v.given[path] = true
	return path
}

// profileLike adds a profile that is the default one but for some settings.
func (v *vault) profileLike(name string, settings map[string]string) {
	all := maps.Clone(v.profile)
	maps.Copy(all, settings)
	v.more += fmt.Sprintf("[profile.%s]\n%s", name, inTOML(all))
}

// start starts the agent, with a group that is not root's: see wantUndumpable.
func (v *vault) start() {
	v.t.Helper()
	var user *syscall.Credential
	if os.Getuid() == 0 {
		user = &syscall.Credential{Gid: nobody}
	}
	v.agent, v.log = v.serveAs(user)
}

// wantUndumpable fails the test unless the agent leaves no core dump: the kernel shows the files
// in /proc of a process that leaves one as its user's and its group's (proc(5)).
func (v *vault) wantUndumpable() {
	v.t.Helper()
	info, err := os.Stat(fmt.Sprintf("/proc/%d/environ", v.agent.Pid))
	if err != nil {
		v.t.Fatal(err)
	}
	if owner := info.Sys().(*syscall.Stat_t); owner.Uid != 0 || owner.Gid != 0 {
		v.t.Errorf("the agent leaves core dumps: user %d, group %d", owner.Uid, owner.Gid)
	}
}

// secrets returns all of them by what they are, each in pieces that are nowhere by chance.
func (v *vault) secrets() map[string][]string {
	v.t.Helper()
	all := maps.Clone(v.known)
	all["token"] = append(slices.Clone(all["token"]), v.grantor.all()...)
	for _, body := range v.ear.heard() {
		var login struct{ EncodedData, EncodedSignedData []byte }
		if err := json.Unmarshal(body, &login); err != nil {
			v.t.Fatal(err)
		}
		all["payload"] = append(all["payload"], string(login.EncodedData[8:])) // its time is not a secret
		all["signature"] = append(all["signature"], string(login.EncodedSignedData))
	}
	return all
}

// allForms returns how the beginning and the end of a secret may be written.
func allForms(secret string) (forms []string) {
	for _, piece := range []string{secret[:min(12, len(secret))], secret[max(0, len(secret)-12):]} {
		forms = append(forms, formsOf([]byte(piece))...)
		for _, encoding := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			for before := range 3 { // bytes, which shift it
				text := encoding.EncodeToString([]byte("\x00\x00"[:before] + piece))
				forms = append(forms, text[[]int{0, 2, 3}[before]:len(text)-1])
			}
		}
	}
	return forms
}

// places returns all that may hold no secret, by where it is.
func (v *vault) places() map[string]string {
	v.t.Helper()
	all := maps.Clone(v.said)
	all["the agent's log"] = v.log.String()
	for _, name := range []string{"cmdline", "environ"} {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", v.agent.Pid, name))
		if err != nil {
			v.t.Fatal(err)
		}
		all["the agent's "+name] = string(text)
	}
	filepath.WalkDir(v.home, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() && !v.given[path] {
			text, _ := os.ReadFile(path)
			all[path] = string(text)
		}
		return nil
	})
	return all
}

// starts returns with what programs were started, without the token of those whose purpose it is
// to get one.
func (v *vault) starts() (all []string) {
	v.t.Helper()
	files, err := filepath.Glob(v.path("starts/*"))
	if err != nil {
		v.t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			v.t.Fatal(err)
		}
		all = append(all, strings.Split(string(text), "start\n")[1:]...)
		v.given[file] = true
	}
	for i, start := range all {
		if strings.HasPrefix(start, "argument printenv\n") {
			all[i] = lines(start, func(line string) bool { return !strings.HasPrefix(line, "variable ANAPLAN_TOKEN=") })
		}
	}
	return all
}

// lines returns those of a text that are meant.
func lines(text string, isMeant func(line string) bool) string {
	return strings.Join(slices.DeleteFunc(strings.SplitAfter(text, "\n"), func(line string) bool { return !isMeant(line) }), "")
}

// search fails the test for each place that holds a secret.
func (v *vault) search() {
	v.t.Helper()
	starts := v.starts()
	places := v.places()
	for i, start := range starts {
		first, _, _ := strings.Cut(start, "\nvariable ")
		places[fmt.Sprintf("start %d: %s", i, strings.ReplaceAll(first, "\nargument", ""))] = start
	}
	for what, secrets := range v.secrets() {
		if len(secrets) == 0 {
			v.t.Errorf("there was no %s", what)
		}
		for i, secret := range secrets {
			forms := allForms(secret)
			for place, text := range places {
				if holds(text, forms) {
					v.t.Errorf("%s %d is in %s", what, i+1, place)
				}
			}
		}
	}
}

// memory returns which secrets the agent's memory holds: tokens in that part of it which is locked,
// since net/http has copies of those that it has sent and does not clear them.
func (v *vault) memory() []string {
	v.t.Helper()
	texts, tokens := v.ear.secrets(v.t), map[string][]byte{}
	for what, secrets := range v.secrets() {
		for i, secret := range secrets {
			name := fmt.Sprintf("%s %d", what, i+1)
			switch what {
			case "token":
				tokens[name] = []byte(secret)
			case "PIN", "private key":
				texts[name] = []byte(secret)
			}
		}
	}
	// What Anaplan sends is not cleared.
	maps.DeleteFunc(texts, func(name string, _ []byte) bool {
		return slices.ContainsFunc(v.echoed, func(login string) bool { return strings.Contains(name, login) })
	})
	memory := memorytest.Of(v.t, v.agent.Pid)
	found := memory.Find(texts)
	maps.Copy(found, memory.FindLocked(tokens))
	return slices.Sorted(maps.Keys(found))
}
