package main

import (
	_ "embed"
	"net"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
	"github.com/anaplan-agent/anaplan-agent/agent/upstream"
	"github.com/anaplan-agent/anaplan-agent/cmd/internal/emulator"
	"github.com/spf13/pflag"
)

// helpTemplate is the text of --help, with a place for the flags.
//
//go:embed help.txt
var helpTemplate string

// maxThings bounds what is made up at the start.
const maxThings = 100_000

// settings is the command line.
// Each field is the flag of that name; newFlags says what it means.
type settings struct {
	listen    string
	tls       bool
	caDir     string
	caOut     string
	register  []string
	readyFile string
	issue     string
	email     string
	days      int
	version   bool
	options   anaplantest.Options
}

// newFlags returns the flags, and the settings that parsing fills.
func newFlags() (*pflag.FlagSet, *settings) {
	s := &settings{}
	f := emulator.NewFlags(program)

	// A word in backquotes is what --help calls the argument.
	f.StringVar(&s.listen, "listen", "127.0.0.1:8443", "loopback `ADDRESS` and port; port 0 is any free one")
	f.BoolVar(&s.tls, "tls", false, "serve https, with a certificate of the test CA")
	f.StringVar(&s.caDir, "ca-dir", "", "keep the test CA in `DIR`; without it the CA ends with the program")
	f.StringVar(&s.caOut, "ca-out", "", "write the CA that clients must trust to `FILE` (with --tls)")
	f.StringArrayVar(&s.register, "register", nil, "register the certificate in the PEM `FILE`; repeatable")
	f.StringVar(&s.readyFile, "ready-file", "", "write the base URL to `FILE` once it is served")
	f.DurationVar(&s.options.TokenLife, "token-life", anaplantest.DefaultTokenLife, "how long a token lives")
	f.DurationVar(&s.options.Window, "window", anaplantest.DefaultWindow, "how far a login's time may be off")
	f.BoolVar(&s.options.AcceptV1, "accept-v1", false, "take logins without a timestamp too")
	f.DurationVar(&s.options.ClockSkew, "clock-skew", 0, "set the server's clock ahead, or behind if negative")
	f.IntVar(&s.options.Things, "things", 0, "add so `MANY` processes to each model, \"Process 1\" and so on")
	f.IntVar(&s.options.PageSize, "page-size", anaplantest.DefaultPageSize, "how many things of a list come at once at most")
	f.IntVar(&s.options.MaxRead, "max-read", anaplantest.DefaultMaxRead, "how many items of a list, or cells of a view, come in one answer at most")
	f.BoolVar(&s.options.RejectedRowsFail, "rejected-rows-fail", false, "let an import fail that leaves rows out")
	f.BoolVar(&s.options.QuickTasks, "quick-tasks", false, "let a task end at the first poll")
	f.StringVar(&s.issue, "issue", "", "issue the certificate that the PEM request `FILE` asks for, print it, and end")
	f.StringVar(&s.email, "email", "", "with --issue: the user's `ADDRESS`, if not the one in the request")
	f.IntVar(&s.days, "days", 365, "with --issue: the certificate's life in days")
	f.BoolVar(&s.version, "version", false, "print the version and end")
	return f, s
}

func helpText() string {
	flags, _ := newFlags()
	return emulator.Help(helpTemplate, flags)
}

// parse reads and judges the command line.
func parse(args []string) (*settings, error) {
	flags, s := newFlags()
	if err := emulator.Parse(program, flags, args); err != nil {
		return nil, err
	}
	if flags.NArg() > 0 {
		return nil, emulator.Misuse(program+" --help", "unexpected argument %q", flags.Arg(0))
	}
	// Clashes come first: a value that has no use need not be a good one.
	for _, judge := range []func(*pflag.FlagSet, *settings) error{checkClashes, checkValues, checkListen} {
		if err := judge(flags, s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// checkClashes refuses flags that would do nothing beside the others.
func checkClashes(f *pflag.FlagSet, s *settings) error {
	// A flag that is silently without effect leaves its user to wonder, and a
	// script to pass for the wrong reason.
	for _, clash := range []struct {
		flag    string
		useless bool
		hint    string
	}{
		{"ca-out", !s.tls, "add --tls: the file is for checking the server's certificate"},
		{"email", s.issue == "", "--email goes with --issue REQUEST.pem"},
		{"days", s.issue == "", "--days goes with --issue REQUEST.pem"},
		{"tls", s.issue != "", "--issue prints a certificate and ends; leave --tls out"},
		{"listen", s.issue != "", "--issue prints a certificate and ends; leave --listen out"},
		{"register", s.issue != "", "issue first, then start the server with --register"},
		{"ready-file", s.issue != "", "--issue prints a certificate and ends; leave --ready-file out"},
	} {
		if clash.useless && f.Changed(clash.flag) {
			return emulator.Misuse(clash.hint, "--%s has no use here", clash.flag)
		}
	}
	// A certificate of a CA that ends with this process would be trusted by nobody.
	if s.issue != "" && s.caDir == "" {
		return emulator.Misuse("--ca-dir DIR, the same as the server's", "--issue needs a CA that is kept")
	}
	return nil
}

// checkValues refuses numbers that make no sense.
func checkValues(_ *pflag.FlagSet, s *settings) error {
	if s.options.TokenLife <= 0 {
		return emulator.Misuse("such as --token-life 35m", "--token-life is %v, which is not above zero", s.options.TokenLife)
	}
	// Timestamps are whole seconds; zero would mean the default.
	if s.options.Window < time.Second {
		return emulator.Misuse("such as --window 5m", "--window is %v, less than a second", s.options.Window)
	}
	if s.options.Things < 0 || s.options.Things > maxThings {
		return emulator.Misuse("such as --things 100", "--things is %d, not from 0 to %d", s.options.Things, maxThings)
	}
	if s.options.PageSize < 1 {
		return emulator.Misuse("such as --page-size 20", "--page-size is %d, less than one", s.options.PageSize)
	}
	if s.days < 1 {
		return emulator.Misuse("such as --days 365", "--days is %d, less than a day", s.days)
	}
	return nil
}

// checkListen keeps the emulator off the network: it has test keys, and an
// administration without a password.
func checkListen(_ *pflag.FlagSet, s *settings) error {
	const hint = "such as --listen 127.0.0.1:8443, or port 0 for any free one"
	host, _, err := net.SplitHostPort(s.listen)
	if err != nil {
		return emulator.Misuse(hint, "--listen %q is not an address and a port", s.listen)
	}
	if !upstream.IsLoopback(host) { // as no host is, which would be every interface
		return emulator.Misuse(hint, "--listen %q is not on the loopback interface, and the emulator serves no other", s.listen)
	}
	return nil
}
