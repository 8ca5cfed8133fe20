package main

// The beginning of a guided enrolment: what the key and its request shall be.

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// usualLabel is what a new key in a token is called unless somebody knows better.
const usualLabel = "anaplan"

// begin asks what is to be made, and makes it: the key and its request.
func (g *guide) begin() error {
	g.tell("This makes a key that never leaves its device, and gets it a certificate for Anaplan.\nYou can stop at each question by q or Ctrl-D.\n")
	place, err := g.choosePlace()
	if err != nil {
		return err
	}
	if flag := g.order.card.given(); flag != "" && !isCard(place.address) {
		return explain.Usagef(program+" enroll", "%s is for keys on YubiKeys, and %s is none", flag, place.address)
	}
	e, err := g.askOrder(place)
	if err != nil {
		return err
	}
	yes, err := g.confirm(place.address, e)
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
		return orKeyMade(err, e, g.under)
	}
	return err
}

// again returns the command that does without questions what the answers say.
func (g *guide) again(address config.Address, e enrolment) string {
	words := []string{program, "enroll", "--key", address.String(), "--email", e.email}
	if e.name != "" {
		words = append(words, "--name", e.name)
	}
	if e.subject != "" {
		words = append(words, "--subject", e.subject)
	}
	if e.bits != 0 {
		words = append(words, "--bits", strconv.Itoa(e.bits))
	}
	if e.reuseKey {
		words = append(words, "--reuse-key")
	}
	words = append(words, "--output", e.output)
	return strings.Join(quoted(words...), " ") + flagsBut(g.settings.command, answeredFlags)
}

// answeredFlags are those that the questions are about.
var answeredFlags = []string{"key", "email", "name", "subject", "bits", "reuse-key", "output", "resume"}

// make makes the key and its request.
func (g *guide) make(address config.Address, e enrolment) error {
	err := g.stage(address, func(run *deviceRun) (err error) {
		if g.under == nil { // else the key was made before a PIN was mistyped
			if g.under, err = run.begin(e, address); err != nil {
				return err
			}
		}
		return g.requested(run, e)
	})
	if e.reuseKey || !errors.Is(err, hsm.ErrKeyExists) && !errors.Is(err, piv.ErrKeyExists) {
		return err
	}
	// A token shows the key only after the PIN.
	g.tell("  %v", err)
	if e.reuseKey, err = g.askYes("Make the request for that key, and no new one?"); err != nil {
		return err
	}
	if !e.reuseKey {
		return nil // once more from the beginning
	}
	return g.make(address, e)
}

// askOrder asks for what the flags have left open.
func (g *guide) askOrder(place place) (e enrolment, err error) {
	e = g.order
	e.reuseKey = e.reuseKey || place.reuse
	if e.bits, err = g.askBits(place, e); err != nil {
		return e, err
	}
	e.email, err = g.askUntil("E-mail address of the Anaplan user that the jobs run as", "", func(text string) error {
		if !isEmail(text) {
			return fmt.Errorf("%q is no e-mail address that a certificate can hold", text)
		}
		return nil
	})
	if err != nil {
		return e, err
	}
	if err := g.askSubject(&e); err != nil {
		return e, err
	}
	if e.output == "" {
		e.output, err = g.askRequestFile(place.address)
	}
	return e, err
}

// askBits asks for the length of a new key, where there is a choice.
func (g *guide) askBits(place place, e enrolment) (int, error) {
	switch {
	case e.reuseKey || e.bits != 0:
		return e.bits, nil
	case isCard(place.address) && !place.longKeys:
		g.tell("The key will have 2048 bits, the most that this YubiKey can do and enough for Anaplan.")
		return 0, nil
	}
	text, err := g.askUntil("Length of the key in bits: 2048, 3072 or 4096; Anaplan takes each", strconv.Itoa(defaultBits), func(text string) error {
		if bits, err := strconv.Atoi(text); err != nil || !slices.Contains(keySizes, bits) {
			return errors.New("it is 2048, 3072 or 4096")
		}
		return nil
	})
	bits, _ := strconv.Atoi(text)
	return bits, err
}

// askSubject asks for the names in the certificate.
func (g *guide) askSubject(e *enrolment) error {
	if e.subject != "" || e.name != "" {
		return nil
	}
	_, err := g.askUntil("Name in the certificate (common name)", e.email, func(text string) error {
		if text != e.email {
			e.name = text
		}
		return checkNamePart("CN", text)
	})
	if err != nil {
		return err
	}
	_, err = g.askUntil("Organisation and country, only if your CA wants them in the request, as O=Example AG,C=CH", "none", func(text string) error {
		if e.subject = text; text == "none" {
			e.subject = ""
		}
		_, err := e.subjectName()
		return err
	})
	return err
}

// askRequestFile asks where the request goes.
func (g *guide) askRequestFile(address config.Address) (string, error) {
	if g.order.isFile() {
		return g.order.output, nil
	}
	text, err := g.askUntil("File for the request (CSR)", freeName(program+"-"+shortName(address)+".csr"), func(text string) error {
		if path := typedPath(text); isTaken(path) {
			return fmt.Errorf("%s is there already, and is not overwritten", path)
		}
		return checkDirectory(typedPath(text))
	})
	return typedPath(text), err
}

// shortName returns what files for a key are called by.
func shortName(address config.Address) string {
	var name string
	switch address := address.(type) {
	case pivuri.URI:
		name = fmt.Sprintf("%d-%s", address.Serial, address.Slot)
	case uri.URI:
		name, _ = address.Get("object")
	}
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(`/\:*?"<>| '`, r) || isUnprintable(r) || r == '\n' {
			return '_'
		}
		return r
	}, name)
	return cmp.Or(strings.Trim(name, "."), "key")
}

// confirm shows what will be made.
func (g *guide) confirm(address config.Address, e enrolment) (bool, error) {
	subject, err := e.subjectName()
	if err != nil {
		return false, err
	}
	g.tell("\nThis will be made:")
	if e.reuseKey {
		g.tell("  no new key: %s is used again", address)
	} else {
		g.tell("  a key of %d bits: %s", cmp.Or(e.bits, defaultBits), address)
	}
	g.tell("  a request (CSR) for %s, as %s", e.email, subject)
	if e.isFile() {
		g.tell("  the file %s with it", e.output)
	}
	return g.askYes("Go on?")
}
