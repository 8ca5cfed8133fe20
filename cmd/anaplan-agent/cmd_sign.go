package main

// The signed login without the network: for a machine with the key that may not reach
// Anaplan, or a program that posts the login itself.

import (
	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/atomicfile"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

const signHelp = `Make a login payload and have the device sign it. The output is the JSON for
POST /token/authenticate; cert --header prints the header that belongs to it.

Anybody who has a payload can log in with it, for some minutes if its format is v2. Pipe
it, or have it written into a file, which only you can read then:

  anaplan-agent sign --key ADDRESS --output payload.json
  anaplan-agent token --payload payload.json --certificate cert.pem

The second command needs no key and may run on another machine.`

// newSignCommand returns the sign command.
func newSignCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "sign",
		Short: "print a signed login payload as JSON, ready to POST",
		Long:  signHelp,
		Args:  settings.NoArguments,
	}
	s := settings.Add(cmd, settings.SignFlags)
	output := device.AddOutput(cmd, "the payload, which only you can read then")
	cmd.RunE = device.RunTo(s, say, output, func(run *device.Run) error {
		signed, err := run.MakeLogin()
		if err != nil {
			return err
		}
		// Anaplan's own JSON (contract section 1.2), so that any HTTP client can post it.
		payload, err := anaplan.MarshalPayload(signed)
		if err != nil {
			return err
		}
		return console.Deliver(run.Ctx, *output, string(payload)+"\n", atomicfile.Options{Give: atomicfile.Private})
	})
	return cmd
}
