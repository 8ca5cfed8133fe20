package login

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/signer"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
	"github.com/google/go-cmp/cmp"
)

// A signer has the settings that the agent has, whatever its own file says.
func TestSettingsForSigner(t *testing.T) {
	file, err := config.Parse("c.toml", []byte(`[profile.p]
key = ["pkcs11:token=a%20b;object=k?module-name=softhsm2", "piv:serial=7;slot=9c"]
pin = "command:pass 'my pin'"
certificate = "/etc/cert.pem"
touch_command = "notify-send 'my agent'"
format = "v1"
timeout = "90s"
`))
	if err != nil {
		t.Fatal(err)
	}
	profile, err := file.Profile("p", nil)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(SettingsForSigner(profile))
	if err != nil {
		t.Fatal(err)
	}
	var forSigner signerSettings
	if err := json.Unmarshal(text, &forSigner); err != nil {
		t.Fatal(err)
	}
	got, err := forSigner.profileOf()
	if err != nil {
		t.Fatal(err)
	}
	want := &config.Profile{
		Name: "p", Keys: profile.Keys, PIN: profile.PIN, Certificate: "/etc/cert.pem",
		TouchCommand: []string{"notify-send", "my agent"}, Format: "v1", Timeout: 90 * time.Second,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("profile (-want +got):\n%s", diff)
	}
}

func TestSignOrderOfNonsense(t *testing.T) {
	for text, code := range map[string]agent.Code{
		`{"keys":["pkcs11:token"]}`:             agent.CodeSettings,
		`{"keys":["piv:slot=9c"],"pin":"1234"}`: agent.CodeSettings,
		`{"keys":[],"format":"v2","timeout":1}`: agent.CodeSettings,
		`{"keys":7}`:                            agent.CodeInternal,
	} {
		_, err := SignOrder(t.Context(), new(device.Closings), signer.Order{Settings: json.RawMessage(text)}, nil)
		if problem := settings.Rows().Problem(err); problem == nil || problem.Code != code {
			t.Errorf("%s: got %v", text, err)
		}
	}
}
