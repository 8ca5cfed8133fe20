// Command anaplan-agent logs in to Anaplan with a certificate whose private key
// stays in a PKCS#11 token or on a YubiKey.
//
// It opens the key (packages hsm and piv), has it sign a login (package agent), exchanges
// the login for a token (package agent/anaplan), and puts every error into words
// for a person. Run it with --help.
package main

import (
	"context"
	"errors"
	"io"
	"log"
	"os"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/agent/processgroup"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/asservice"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/foreign"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/help"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/subprocess"
)

func main() {
	release := processgroup.Bind()
	code := run()
	device.BeforeExit(code)
	release()
	os.Exit(code)
}

// run returns the exit code: 0 done, 1 failed, 2 usage, 3 a human must act. It is not in main
// because os.Exit skips deferred calls.
func run() int {
	harden()                  // before the first secret is read
	log.SetOutput(io.Discard) // net/http quotes servers there, which may quote us
	err := foreign.Divert()   // before anything takes hold of standard output or error
	say := &console.Messenger{Out: os.Stderr, Errors: explanations, Reword: asservice.Reworded()}
	var ran *cobra.Command
	if err == nil {
		ran, err = newRootCommand(say, os.Args[1:]).ExecuteContextC(context.Background())
	}
	if err == nil {
		return 0
	}
	if exit, ok := errors.AsType[*subprocess.ExitError](err); ok {
		return exit.Code
	}
	explained := help.After(ran, say.Errors().Explain(err))
	say.Failure(explained)
	return explained.Exit
}
