package main

import (
	"fmt"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/google/go-cmp/cmp"
)

// TestSettingsHints: a wrong setting leads to the help that has it, and to none where the error
// says itself what to do.
func TestSettingsHints(t *testing.T) {
	for _, test := range []struct {
		text string
		want []string
	}{
		{`a.toml:3:1: policy: rule 1, "lsit", column 1: write list; or GET`, []string{program + " policy --help shows the rules"}},
		{`client "x": policy: rule 1, "lsit"`, []string{program + " policy --help shows the rules"}},
		{`client "x": users: nobody is called etl`, []string{program + " client --help shows what a client is made of"}},
		{`there is no [client.x] in the configuration`, []string{program + " client --help shows what a client is made of"}},
		{`there is no table "agnet"; write [agent]`, nil},
		{`--timeout: 1 is no time`, []string{program + " COMMAND --help has a line for each setting"}},
	} {
		got := explain(fmt.Errorf("%w: %s", errSettings, test.text))
		if diff := cmp.Diff(explanation{"settings: " + test.text, test.want, exitUsage}, got, cmp.AllowUnexported(explanation{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.text, diff)
		}
	}
	if got := explain(fmt.Errorf("%w: --key", errOverridden)); len(got.hints) > 0 || got.code != exitUsage {
		t.Errorf("got %v, %d", got.hints, got.code)
	}
}

// TestForCommands: hints of the agent's are commands to type, about the right profile.
func TestForCommands(t *testing.T) {
	problem := &agent.Problem{Code: agent.CodeUnknownProfile, Message: "there is none", Hints: []string{
		"/v1/status lists those that you may use", "/v1/reload makes the agent read its configuration again",
		"anaplan-agent unlock", "anaplan-agent unlock --profile b", "once that is put right: anaplan-agent login",
	}}
	got := forCommands(problem, "a").Hints
	want := []string{
		"anaplan-agent status lists those that you may use", "was it just added? anaplan-agent reload",
		"anaplan-agent unlock --profile a", "anaplan-agent unlock --profile b", "once that is put right: anaplan-agent login --profile a",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := forCommands(problem, "default").Hints[2]; got != "anaplan-agent unlock" {
		t.Errorf("got %q", got)
	}
}
