//go:build linux && cgo

package main

import (
	"net"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/mutualtls/mutualtlstest"
	"github.com/rogpeppe/go-internal/testscript"
)

// machines are the agents of a script that has several, by name.
type machines map[string]*runningAgent

type machinesKey struct{}

// machineCommand is agentCommand for the agent of that name. Once it serves, NAME_TLS is the port where
// other machines find it, and NAME_HTTP the URL for programs of its own.
func machineCommand(ts *testscript.TestScript, neg bool, args []string) {
	name, all := args[0], ts.Value(machinesKey{}).(machines)
	held := ts.Value(agentKey{}).(**runningAgent)
	before := *held
	*held = all[name]
	agentCommand(ts, neg, args[1:])
	all[name], *held = *held, before
	if args[1] != "start" {
		return
	}
	if _, rest, found := strings.Cut(all[name].log.String(), " tls_address="); found {
		address, _, _ := strings.Cut(rest, " ")
		ts.Setenv(name+"_TLS", address[strings.LastIndexByte(address, ':')+1:])
	}
	ts.Setenv(name+"_HTTP", ts.Getenv("AGENT"))
}

// companyCAs are the CAs of a script, by whose certificates machines know each other.
type companyCAs map[string]*mutualtlstest.CA

type companyKey struct{}

// of returns the CA of that name.
func (all companyCAs) of(ts *testscript.TestScript, name string) *mutualtlstest.CA {
	if all[name] == nil {
		ca, err := mutualtlstest.NewCA(name)
		ts.Check(err)
		all[name] = ca
	}
	return all[name]
}

// machineCertCommand gives a machine a certificate: machine-cert DIR [ca=NAME] [trust=NAME]
// [from=DURATION] [until=DURATION] NAME..., where each NAME is a SPIFFE id or a DNS name, and the times
// are from now on.
func machineCertCommand(ts *testscript.TestScript, _ bool, args []string) {
	cas, by := ts.Value(companyKey{}).(companyCAs), "Company CA"
	var wanted mutualtlstest.Certificate
	for _, arg := range args[1:] {
		name, value, isOption := strings.Cut(arg, "=")
		var err error
		switch {
		case !isOption:
			wanted.Names = append(wanted.Names, arg)
		case name == "ca":
			by = value
		case name == "trust":
			wanted.Trust = cas.of(ts, value)
		case name == "from":
			wanted.From, err = time.ParseDuration(value)
		case name == "until":
			wanted.Until, err = time.ParseDuration(value)
		default:
			ts.Fatalf("unknown option %s", name)
		}
		ts.Check(err)
	}
	ts.Check(cas.of(ts, by).Issue(ts.MkAbs(args[0]), wanted))
}

// portsCommand puts ports into variables at which agents can listen that must know each other's before
// they start.
func portsCommand(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		ts.Check(err)
		defer listener.Close() // not before all have one
		_, port, _ := net.SplitHostPort(listener.Addr().String())
		ts.Setenv(name, port)
	}
}
