package guide

// The beginning of a guided enrolment, which makes the key and its request.

import (
	"errors"
	"strconv"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/enroll"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// usualLabel is what a new key in a token is called unless somebody knows better.
const usualLabel = "anaplan"

// begin asks what is to be made, and makes it: the key and its request.
func (g *guide) begin() error {
	g.tell("This makes a key that never leaves its device, and gets it a certificate for Anaplan.\nYou can stop at each question by q or Ctrl-D.\n")
	place, err := chooser{g.conversation, g.settings, g.order.ReuseKey}.choosePlace()
	if err != nil {
		return err
	}
	if flag := g.order.Card.Given(); flag != "" && !device.IsCard(place.address) {
		return explain.Usagef(build.Program+" enroll", "%s is for keys on YubiKeys, and %s is not one", flag, place.address)
	}
	e, err := g.form().askOrder(place)
	if err != nil {
		return err
	}
	yes, err := g.form().confirm(place.address, e)
	switch {
	case err != nil:
		return err
	case !yes:
		return errStopped
	}
	err = g.make(place.address, e)
	if err != nil && g.under == nil {
		g.tell("\nNothing was made. The same answers, without the questions:\n  %s", g.again(place.address, e))
	}
	if err != nil && g.under != nil && !errors.Is(err, errStopped) {
		return enroll.OrKeyMade(err, e, g.under)
	}
	return err
}

// again returns the command that does without questions what the answers say.
func (g *guide) again(address config.Address, e enroll.Enrolment) string {
	words := []string{build.Program, "enroll", "--key", address.String(), "--email", e.Email}
	if e.Name != "" {
		words = append(words, "--name", e.Name)
	}
	if e.Subject != "" {
		words = append(words, "--subject", e.Subject)
	}
	if e.Bits != 0 {
		words = append(words, "--bits", strconv.Itoa(e.Bits))
	}
	if e.Card.TouchPolicy != "" {
		words = append(words, "--touch-policy", e.Card.TouchPolicy)
	}
	if e.ReuseKey {
		words = append(words, "--reuse-key")
	}
	words = append(words, "--output", e.Output)
	return shell.Join(words...) + settings.FlagsBut(g.settings.Command, answeredFlags)
}

// answeredFlags are those that the questions are about.
var answeredFlags = []string{"key", "email", "name", "subject", "bits", "reuse-key", "touch-policy", "output", "resume"}

// make makes the key and its request.
func (g *guide) make(address config.Address, e enroll.Enrolment) error {
	err := g.stage(address, func(run *device.Run) (err error) {
		if g.under == nil { // else the key was made before a PIN was mistyped
			if g.under, err = enroll.Begin(run, e, address); err != nil {
				return err
			}
		}
		return g.requested(run, e)
	})
	if e.ReuseKey || !errors.Is(err, hardware.ErrKeyExists) {
		return err
	}
	// A token shows the key only after the PIN.
	g.tell("  %v", err)
	if e.ReuseKey, err = g.askYes("Make the request for that key, and no new one?"); err != nil {
		return err
	}
	if !e.ReuseKey {
		return nil // once more from the beginning
	}
	return g.make(address, e)
}

// form returns the questions that flags have left open.
func (g *guide) form() form { return form{g.conversation, g.order} }
