package daemon

import (
	"path/filepath"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
)

// What was right with a key before is tried again, also by the next run; nothing else is.
func TestKnownKeys(t *testing.T) {
	address := func(text string) config.Address {
		t.Helper()
		key, err := config.ParseAddress(text)
		if err != nil {
			t.Fatal(err)
		}
		return key
	}
	known, other := address("pkcs11:token=a;object=login"), address("pkcs11:token=b;object=login")
	gone := &agent.Problem{Code: agent.CodeKeyUnusable, Message: "no such key", Final: true}
	keys := &knownKeys{dir: filepath.Join(t.TempDir(), "state")}
	if keys.judge(known, gone) != error(gone) {
		t.Error("a key that never logged in is tried again")
	}
	for range 2 {
		if err := keys.add(known); err != nil {
			t.Fatal(err)
		}
	}
	for name, run := range map[string]*knownKeys{"this run": keys, "the next run": {dir: keys.dir}} {
		if got := agent.ProblemOf(run.judge(known, gone)); got.Final || got.Message != gone.Message || !gone.Final {
			t.Errorf("%s: %+v", name, got)
		}
		if run.judge(other, gone) != error(gone) {
			t.Errorf("%s: another key is tried again", name)
		}
		for _, code := range []agent.Code{agent.CodePINRefused, agent.CodePINNeeded, agent.CodeSettings, agent.CodeLoginRefused} {
			if problem := (&agent.Problem{Code: code, Final: true}); run.judge(known, problem) != error(problem) {
				t.Errorf("%s: %s is tried again", name, code)
			}
		}
	}
	forgetful := &knownKeys{}
	if err := forgetful.add(known); err != nil || agent.ProblemOf(forgetful.judge(known, gone)).Final || forgetful.has(other) {
		t.Errorf("without a directory: %v", err)
	}
}
