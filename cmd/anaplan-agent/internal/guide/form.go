package guide

// What a key and its request shall be, as far as flags have left that open.

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/enroll"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
)

// form asks what a key and its request shall be.
type form struct {
	*conversation
	order enroll.Enrolment // what flags have said already
}

// askOrder asks for what the flags have left open.
func (f form) askOrder(place keyPlace) (e enroll.Enrolment, err error) {
	e = f.order
	e.ReuseKey = e.ReuseKey || place.reuse
	if e.Bits, err = f.askBits(place, e); err != nil {
		return e, err
	}
	if err = f.askTouch(place, &e); err != nil {
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

// askTouch asks whether the new key wants a touch at each login, which cannot be changed later.
func (f form) askTouch(place keyPlace, e *enroll.Enrolment) error {
	if !place.touch || e.ReuseKey || e.Card.TouchPolicy != "" {
		return nil
	}
	_, err := f.askUntil("When shall a login wait for a touch of the YubiKey: never, for jobs that run alone; always; or cached, once in 15 seconds", "never", func(text string) error {
		if !slices.Contains(device.TouchPolicies, text) {
			return errors.New("it is never, always or cached")
		}
		e.Card.TouchPolicy = text
		return nil
	})
	return err
}

// askSubject asks for the names in the certificate.
func (f form) askSubject(e *enroll.Enrolment) error {
	if e.Subject != "" || e.Name != "" {
		return nil
	}
	_, err := f.askUntil("Name in the certificate (common name)", e.ShortName(), func(text string) error {
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
		if e.Card.TouchPolicy != "" {
			f.tell("  which wants a touch: %s", e.Card.TouchPolicy)
		}
		if device.IsCard(address) && e.Card.ManagementKey == "" {
			f.tell("  with the card's management key: the factory's, or one that the card keeps under its PIN, is found; another is asked for.\n  Anybody who holds a card with the factory's can replace its keys; to set another first:\n    ykman piv access change-management-key --generate --protect")
		}
	}
	f.tell("  a request (CSR) for %s, as %s", e.Email, subject)
	if e.IsFile() {
		f.tell("  the file %s with it", e.Output)
	}
	return f.askYes("Go on?")
}
