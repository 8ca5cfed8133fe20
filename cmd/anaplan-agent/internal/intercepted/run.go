package intercepted

import (
	"context"
	"net"
	"os"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/upstream"
)

// Config says how the agent is reached, and for whom.
type Config struct {
	CA   []byte // certificates in PEM with which the agent answers for Anaplan's hosts
	Dial func(context.Context) (net.Conn, error)
	As   local.As

	// Warn tells the person why the program is not connected: most programs do not.
	Warn func(format string, args ...any)
}

// Run is what there is for one run of a program.
type Run struct {
	// Env are the variables for the program, as NAME=VALUE. They replace what it has by these names.
	Env []string

	proxy     *proxy
	directory *directory
}

// Start begins to listen, and writes the files. Close undoes it.
func Start(config Config) (*Run, error) {
	run := new(Run)
	if err := run.start(config); err != nil {
		run.Close()
		return nil, err
	}
	return run, nil
}

func (r *Run) start(config Config) (err error) {
	if err := upstream.CheckProxy(); err != nil { // it is passed on to, for other hosts
		return err
	}
	if r.proxy, err = listen(config); err != nil {
		return err
	}
	if r.directory, err = makeDirectory(); err != nil {
		return err
	}
	r.Env = r.proxy.env(config.Warn)
	trust, err := trustEnv(os.Getenv, config.CA, r.directory.path)
	if err != nil {
		return err
	}
	java, err := javaEnv(os.Getenv, config, r)
	r.Env = append(append(r.Env, trust...), java...)
	return err
}

// Close ends what is left of the program's connections, and removes the files.
func (r *Run) Close() {
	if r.proxy != nil {
		r.proxy.close()
	}
	if r.directory != nil {
		r.directory.remove()
	}
}
