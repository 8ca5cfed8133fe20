package agentclient

import (
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/google/go-cmp/cmp"
)

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
