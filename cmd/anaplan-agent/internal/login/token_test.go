package login

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/roomtest"
)

// A token is opaque: whatever a server sends, a shell and curl must read it back.
func TestFormatTokenQuotes(t *testing.T) {
	value := `a'b"c\d$(touch x)` + "`"
	token := agent.Token{Value: agent.NewSecret(value), ID: "id", ExpiresAt: time.UnixMilli(1750736826000)}
	sh := exec.Command("sh", "-c", FormatToken(token, "env")+`printf %s "$ANAPLAN_TOKEN"`)
	if got, err := sh.Output(); err != nil || string(got) != value {
		t.Errorf("a shell reads %q, %v; want %q", got, err, value)
	}
	if got, want := FormatToken(token, "curl"), `header = "Authorization: AnaplanAuthToken a'b\"c\\d$(touch x)`+"`\"\n"; got != want {
		t.Errorf("curl: got %s, want %s", got, want)
	}
	if got := FormatToken(token, "json"); !strings.Contains(got, `"expiresAt": 1750736826000`) {
		t.Errorf("json: %s", got)
	}
}

func TestReadToken(t *testing.T) {
	t.Setenv("GIVEN", "Authorization: AnaplanAuthToken abc.def\n")
	t.Setenv("BLANK", " \n")
	bare := roomtest.File(t, "abc.def\n")
	for _, from := range []string{"env:GIVEN", "file:" + bare} {
		token, err := ReadToken(from)
		if err != nil || token.Value.Reveal() != "abc.def" {
			t.Errorf("%s: %v", from, err)
		}
	}
	for from, want := range map[string]string{
		"env:BLANK":     "env:BLANK is empty",
		"env:NOT_GIVEN": "the environment variable NOT_GIVEN is not set",
		"file:/nowhere": "open /nowhere",
		"abc.def":       "must not stand on the command line",
		"env:":          "--token-from is env:NAME",
	} {
		if _, err := ReadToken(from); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "abc.def") {
			t.Errorf("%s: got %v, want %q", from, err, want)
		}
	}
}
