package device

import (
	"context"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
)

// Secret gets a secret that is not a PIN, such as "a password", from a file, the environment
// or the person at the terminal, who is asked the question. The caller overwrites it.
func (d *Device) Secret(ctx context.Context, source config.PINSource, what, question string) ([]byte, error) {
	text, err := d.secretText(ctx, source, what, question)
	if err != nil {
		return nil, err
	}
	secret, err := pin.Judge(text, pin.Place(source))
	if err != nil {
		clear(text)
	}
	return secret, err
}

// secretText gets what stands where the secret should come from.
func (d *Device) secretText(ctx context.Context, source config.PINSource, what, question string) ([]byte, error) {
	switch source.Kind {
	case config.PINFile:
		return console.Interruptible(ctx, func() ([]byte, error) { return console.ReadSecretFile(source.Arg, what, d.Say.Warn) })
	case config.PINEnv:
		return console.ReadSecretEnv(source.Arg)
	}
	terminal, err := console.OpenTerminal()
	if err != nil {
		return nil, err
	}
	defer terminal.Close()
	defer d.PIN.Pause()()
	return terminal.AskSecret(ctx, question)
}
