package login

import (
	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
)

// SignLogin is makeLogin for one that goes to Anaplan from here. The device is let go of
// meanwhile: a network that is slow must not keep an HSM's session open.
func SignLogin(r *device.Run) (*agent.Login, error) {
	defer r.Device.Closings.Begin()
	return r.MakeLogin()
}
