package doctor

// The process that looks at one device. It is told an address, and says what it finds as it finds it.
// It has no PIN and asks for none.

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/finding"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/agent/signer"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// ProbeName is the hidden command's, below doctor.
const ProbeName = "probe"

// ProbeOrder is what the process is told.
type ProbeOrder struct {
	Key         string `json:"key"`
	Certificate string `json:"certificate,omitempty"` // file
	Unattended  bool   `json:"unattended,omitempty"`  // a login must be possible without a person

	// Limit is how long the process waits for anything; a little later it is ended.
	Limit time.Duration `json:"patience"`
}

// ProbeLine is what it says: one of the four.
type ProbeLine struct {
	Step    string           `json:"step,omitempty"` // what it is about to do
	Finding *finding.Finding `json:"finding,omitempty"`
	Facts   *deviceFacts     `json:"facts,omitempty"` // when all is known that a login needs
	Ended   bool             `json:"ended,omitempty"`

	// Harmless says, with a Step, why a login works although the device ends the process meanwhile.
	Harmless string `json:"harmless,omitempty"`
}

// deviceFacts are what the examination goes on with.
type deviceFacts struct {
	Names       []pin.Device `json:"names,omitempty"`        // of the devices that the address fits
	Certificate []byte       `json:"certificate,omitempty"`  // DER, of the key that would log in, or would if it could
	Unpaired    [][]byte     `json:"unpaired,omitempty"`     // DER, those that may be it, where keys do not show
	Chain       [][]byte     `json:"chain,omitempty"`        // DER, what else is on the device
	Ready       bool         `json:"ready,omitempty"`        // there is exactly one key, and it can log in
	NoPIN       bool         `json:"no_pin,omitempty"`       // it wants none
	PINOptional bool         `json:"pin_optional,omitempty"` // it says that it wants none, and may show keys after one only
	PINPad      bool         `json:"pin_pad,omitempty"`      // it wants it on its own keypad
	Touch       bool         `json:"touch,omitempty"`        // it wants to be touched
	PINSpent    string       `json:"pin_spent,omitempty"`    // why no PIN may be sent; "": one may
	PINDoubt    string       `json:"pin_doubt,omitempty"`    // why none should be before a person says so

	// Unproven are findings by what the device shows before a login. A signature proves what is OK, and
	// refutes errors.
	Unproven []finding.Finding `json:"unproven,omitempty"`
}

// Probe is the process at work.
type Probe struct {
	*Report
	Ctx   context.Context
	Order ProbeOrder
	Facts deviceFacts
	Say   func(line any) error // a ProbeLine

	closings *device.Closings
	later    func() // looks at what no login needs; nil: there is nothing
}

// step says what comes next, so that it is known where the process ended.
func (p *Probe) step(format string, args ...any) {
	p.Say(ProbeLine{Step: fmt.Sprintf(format, args...)})
}

// aside says what comes next, and why a login works although that goes wrong.
func (p *Probe) aside(doing, harmless string) {
	p.Say(ProbeLine{Step: doing, Harmless: harmless})
}

// Look looks at the device, when no other process of this user works with it. What a login needs is
// told before a module is asked for more, or closed: some crash or hang then.
func (p *Probe) Look(address config.Address) error {
	unlock := p.lock(address)
	if unlock == nil {
		return p.Say(ProbeLine{Facts: &p.Facts, Ended: true})
	}
	defer unlock()
	p.closings = &device.Closings{}
	p.lookAt(address)
	if err := p.Say(ProbeLine{Facts: &p.Facts}); err != nil {
		return err
	}
	if p.later != nil {
		p.later()
	}
	p.aside("closing", "results are delivered first")
	if err := p.closings.End(); err != nil {
		p.warn("device.module", otherVersion, "%v: results are delivered first", err)
	}
	return p.Say(ProbeLine{Ended: true})
}

// otherVersion is what to do about a module that misbehaves.
const otherVersion = "if it stays so, ask the device's vendor for another version of the module"

// lookAt looks at a device that no other process works with.
func (p *Probe) lookAt(address config.Address) {
	var cert *x509.Certificate
	if p.Order.Certificate != "" {
		cert, _ = device.ReadCertificate(p.Order.Certificate) // what is wrong with it has been told
	}
	device.Either(address,
		func(token uri.URI) { p.lookAtToken(token, cert) },
		func(card pivuri.URI) { p.lookAtCard(card, cert) })
}

// lock waits for the device. nil: somebody keeps it.
func (p *Probe) lock(address config.Address) (unlock func()) {
	dir, name := device.LockDir(), device.LockName(address)
	if dir == "" || name == "" {
		return func() {}
	}
	p.step("waiting for another process of this user to finish with the device")
	limit := p.Order.Limit / 2 // a login takes a second
	ctx, cancel := context.WithTimeout(p.Ctx, limit)
	defer cancel()
	unlock, err := signer.LockDevice(ctx, dir, name, nil)
	switch {
	case err != nil && ctx.Err() != nil:
		p.fail("device.busy", "wait for it, or end it; "+build.Program+" status shows whether the agent waits for a person",
			"another process of this user works with the device, and did not finish within %v%s", limit, holders("", lockFiles(dir)))
		return nil
	case err != nil:
		return func() {} // a home that cannot be written to; agent.state has told
	}
	return unlock
}

// beforeLogin takes a look at a device that shows what is public only: an error is kept until a
// login has been tried, for which the key counts as ready.
func (p *Probe) beforeLogin(look func(*Probe)) {
	aside := *p
	aside.Report = &Report{Errors: p.Errors}
	look(&aside)
	p.Facts = aside.Facts
	for _, f := range aside.findings {
		if f.Severity != finding.Error {
			p.add(f)
			continue
		}
		p.Facts.Unproven, p.Facts.Ready = append(p.Facts.Unproven, f), true
	}
}

// oneKey is what to do where no key is meant, before the addresses of those that there are.
const oneKey = "write the address of one into key: "

// several says that an address fits several things, and what to do, before their addresses.
func (p *Probe) several(check, do, what string, addresses []string) {
	p.fail(check, do+strings.Join(addresses, " or "), "%s, and none is chosen by guessing", what)
}

// judgeLogin says whether a key can log in. problem is why not, with the key's name.
func (p *Probe) judgeLogin(name, kind, state string, problem error) {
	switch {
	case errors.Is(problem, hardware.ErrCertificateExpired) || errors.Is(problem, hardware.ErrCertificateNotYetValid):
		p.ok("device.key", "%s is %s; its certificate is another matter", name, kind)
	case errors.Is(problem, hardware.ErrNoCertificate) || errors.Is(problem, hardware.ErrCertificateMismatch):
		p.failed("certificate.present", problem)
	case problem != nil:
		p.failed("device.key", problem)
	default:
		p.Facts.Ready = true
		p.ok("device.key", "%s is %s%s, and has a certificate", name, kind, state)
	}
}
