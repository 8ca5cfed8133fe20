package login

import (
	"context"
	"os"
	"slices"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
)

// connector is what goes to Anaplan with a login: an *anaplan.Client.
type connector interface {
	Connect(ctx context.Context)
	Disconnect()
}

// Sign is MakeLogin for one that goes to Anaplan from here. It is connected to while the
// device signs, and not held by a PIN that takes its time. The device is let go of meanwhile:
// a network that is slow must not keep an HSM's session open.
func Sign(r *device.Run, anaplan connector) (*agent.Login, error) {
	defer r.Device.Closings.BeginEarly()
	if slices.ContainsFunc(pin.Sources(r.Profile), isSlow) {
		r.Device.PIN.Got = func() { anaplan.Connect(r.Ctx) }
	} else if len(r.Profile.Keys) > 0 {
		anaplan.Connect(r.Ctx)
	}
	signed, err := r.MakeLogin()
	if err != nil {
		anaplan.Disconnect()
	}
	return signed, err
}

// isSlow reports whether a person may be behind the place of a PIN.
func isSlow(source config.PINSource) bool {
	switch source.Kind {
	case config.PINEnv, config.PINCredential, config.PINDPAPI, config.PINWincred, config.PINNone:
		return false
	case config.PINFile:
		info, err := os.Stat(source.Arg)
		return err == nil && !info.Mode().IsRegular()
	}
	return true
}
