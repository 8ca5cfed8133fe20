// Command anaplan-agent logs in to Anaplan with a certificate whose private key
// stays in a PKCS#11 token.
//
// It opens the key (package hsm), has it sign a login (package agent), exchanges
// the login for a token (package agent/anaplan), and puts every error into words
// for a person. Run it with --help.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// program is the name that messages begin with.
const program = "anaplan-agent"

func main() { os.Exit(run()) }

// run returns the exit code: 0 done, 1 failed, 2 usage, 3 a human must act.
func run() int {
	harden()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A closed pipe is an error of the write, not the end of the program: the
	// signal is taken and not ignored, for children inherit what is ignored.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)

	say := &messenger{os.Stderr}
	err := newRootCommand(say).ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	explained := explain(err)
	say.failure(explained)
	return explained.code
}
