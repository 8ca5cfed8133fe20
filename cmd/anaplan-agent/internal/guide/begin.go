package guide

// The beginning of a guided enrolment: what the key and its request shall be.

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/enroll"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
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
	if e.ReuseKey {
		words = append(words, "--reuse-key")
	}
	words = append(words, "--output", e.Output)
	return shell.Join(words...) + settings.FlagsBut(g.settings.Command, answeredFlags)
}

// answeredFlags are those that the questions are about.
var answeredFlags = []string{"key", "email", "name", "subject", "bits", "reuse-key", "output", "resume"}

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

// form asks what a key and its request shall be.
type form struct {
	*conversation
	order enroll.Enrolment // what flags have said already
}

// form returns the questions that flags have left open.
func (g *guide) form() form { return form{g.conversation, g.order} }

// askOrder asks for what the flags have left open.
func (f form) askOrder(place keyPlace) (e enroll.Enrolment, err error) {
	e = f.order
	e.ReuseKey = e.ReuseKey || place.reuse
	if e.Bits, err = f.askBits(place, e); err != nil {
		return e, err
	}
	e.Email, err = f.askUntil("E-mail address of the Anaplan user that the jobs run as", "", func(text string) error {
		if !enroll.IsEmail(text) {
			return fmt.Errorf("%q is not an e-mail address that a certificate can contain", text)
		}
		return nil
	})
	if err != nil {
		return e, err
	}
	if err := f.askSubject(&e); err != nil {
		return e, err
	}
	if e.Output == "" {
		e.Output, err = f.askRequestFile(place.address)
	}
	return e, err
}

// askBits asks for the length of a new key, where there is a choice.
func (f form) askBits(place keyPlace, e enroll.Enrolment) (int, error) {
	switch {
	case e.ReuseKey || e.Bits != 0:
		return e.Bits, nil
	case device.IsCard(place.address) && !place.longKeys:
		f.tell("The key will have 2048 bits, the most that this YubiKey can do and enough for Anaplan.")
		return 0, nil
	}
	text, err := f.askUntil("Length of the key in bits: 2048, 3072 or 4096; Anaplan takes each", strconv.Itoa(enroll.DefaultBits), func(text string) error {
		if bits, err := strconv.Atoi(text); err != nil || !slices.Contains(enroll.KeySizes, bits) {
			return errors.New("it is 2048, 3072 or 4096")
		}
		return nil
	})
	bits, _ := strconv.Atoi(text)
	return bits, err
}

// askSubject asks for the names in the certificate.
func (f form) askSubject(e *enroll.Enrolment) error {
	if e.Subject != "" || e.Name != "" {
		return nil
	}
	_, err := f.askUntil("Name in the certificate (common name)", e.Email, func(text string) error {
		if text != e.Email {
			e.Name = text
		}
		return enroll.CheckNamePart("CN", text)
	})
	if err != nil {
		return err
	}
	_, err = f.askUntil("Organisation and country, only if your CA wants them in the request, as O=Example AG,C=CH", "none", func(text string) error {
		if e.Subject = text; text == "none" {
			e.Subject = ""
		}
		_, err := e.SubjectName()
		return err
	})
	return err
}

// askRequestFile asks where the request goes.
func (f form) askRequestFile(address config.Address) (string, error) {
	if f.order.IsFile() {
		return f.order.Output, nil
	}
	text, err := f.askUntil("File for the request (CSR)", freeName(build.Program+"-"+shortName(address)+".csr"), func(text string) error {
		if path := typedPath(text); console.IsTaken(path) {
			return fmt.Errorf("%s exists and is not overwritten", path)
		}
		return paths.CheckDirectory(typedPath(text))
	})
	return typedPath(text), err
}

// shortName returns what files for a key are called by.
func shortName(address config.Address) string {
	name, _ := address.Get("object")
	if slot, named := address.Get("slot"); named {
		serial, _ := address.Get("serial")
		name = strings.TrimPrefix(serial+"-"+slot, "-")
	}
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>| '`, r) || console.IsUnprintable(r) || r == '\n' {
			return '_'
		}
		return r
	}, name)
	return cmp.Or(strings.Trim(name, "."), "key")
}

// confirm shows what will be made.
func (f form) confirm(address config.Address, e enroll.Enrolment) (bool, error) {
	subject, err := e.SubjectName()
	if err != nil {
		return false, err
	}
	f.tell("\nThis will be made:")
	if e.ReuseKey {
		f.tell("  no new key: %s is used again", address)
	} else {
		f.tell("  a key of %d bits: %s", cmp.Or(e.Bits, enroll.DefaultBits), address)
	}
	f.tell("  a request (CSR) for %s, as %s", e.Email, subject)
	if e.IsFile() {
		f.tell("  the file %s with it", e.Output)
	}
	return f.askYes("Go on?")
}
