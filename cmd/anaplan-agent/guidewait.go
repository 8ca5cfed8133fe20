package main

// The waiting of a guided enrolment: for the CA, for the administrator; and its end.

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/atomicfile"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
)

// whatToAskFor says what to ask a CA for (contract section 5.1). It is to be copied into a
// mail, so it is whole sentences of people.
func whatToAskFor(p *pending) string {
	return fmt.Sprintf(`
Now send the request to your certificate authority (CA), and ask for this:

  - an S/MIME certificate (CAs call it "personal" or "client" certificate); an SSL,
    TLS or server certificate will not do
  - with the e-mail address %s in the subject alternative name (rfc822Name),
    since that is how Anaplan finds the user
  - key usage: digitalSignature
  - extended key usage: emailProtection and clientAuth
  - issued under a root that Anaplan supports (its help has the list: "Procure CA
    certificates"); a self-signed certificate or a company's own root will not do
  - with revocation information in it (CRL or OCSP)

The request is in %s`, p.Email, cmp.Or(p.RequestFile, "the file that you have put it into"))
}

// waitForCA asks for the CA's answer.
func (g *guide) waitForCA() error {
	p := g.under
	g.tellOnce("\nWaiting for the CA.\n  key:     %s\n  for:     %s\n  request: %s, of %s", p.Key, p.Email, cmp.Or(p.RequestFile, "printed"), p.Time.Local().Format("2006-01-02 15:04"))
	text, err := g.ask("The file that came back; or r: print the CSR again, n: a new one, f: forget this one, q: stop here", "")
	if err != nil {
		return err
	}
	switch text {
	case "":
		return nil
	case "r":
		g.tell("\n%s%s", p.Request, whatToAskFor(p))
		return nil
	}
	if handled, err := g.command(text); handled {
		return err
	}
	return g.tried(g.storeAnswer(typedPath(text)))
}

// command does what a letter says that all waiting has in common.
func (g *guide) command(text string) (handled bool, err error) {
	switch text {
	case "n":
		g.under = nil
		return true, nil
	case "f":
		yes, err := g.askYes("Forget this enrolment? What is on the device stays there.")
		if err != nil || !yes {
			return true, err
		}
		g.done = true
		g.tell("Forgotten.")
		return true, g.known.forget(g.under)
	}
	return false, nil
}

// storeAnswer stores what came back, with files beside the request.
func (g *guide) storeAnswer(path string) error {
	p := g.under
	e := g.order
	e.certificate = path
	e.uploadOut = cmp.Or(e.uploadOut, freeName(g.beside("-upload.pem")))
	if e.guided = true; e.chainOut == "" && isCard(p.address()) {
		e.chainOut = freeName(g.beside("-chain.pem"))
	}
	err := g.stage(p.address(), func(run *deviceRun) error {
		run.goOnWith(p, &e)
		return run.storeAnswer(e, p.address())
	})
	if err != nil {
		return err
	}
	p.Step, p.Upload = stepStored, absolute(e.uploadOut) // as it was remembered
	return nil
}

// beside names a file beside the request, as people look for it there.
func (g *guide) beside(ending string) string {
	base := strings.TrimSuffix(cmp.Or(g.under.RequestFile, program+"-"+shortName(g.under.address())), ".csr")
	if here, err := os.Getwd(); err == nil {
		if short, err := filepath.Rel(here, base); err == nil && !strings.HasPrefix(short, "..") {
			base = short
		}
	}
	return base + ending
}

// waitForRegistration asks whether the certificate is registered, and tries.
func (g *guide) waitForRegistration() error {
	p := g.under
	if p.Upload == "" || !exists(p.Upload) {
		if err := g.writeUpload(); err != nil {
			g.fail(err)
		}
	}
	g.tellOnce("\nThe certificate is stored. Have a tenant administrator register it in Anaplan:\n  %s > Add Certificates, choose %s, Import.", whereToRegister, cmp.Or(p.Upload, "what 'anaplan-agent cert' prints"))
	text, err := g.ask("Press Enter when that is done; or n: a new one, f: forget this one, q: stop here", "")
	if err != nil {
		return err
	}
	if handled, err := g.command(text); handled {
		return err
	}
	if err := g.askRegion(); err != nil {
		return err
	}
	return g.tried(g.stage(p.address(), g.login))
}

// writeUpload makes the file for the administrator, where it is gone or was never made.
func (g *guide) writeUpload() error {
	path := freeName(g.beside("-upload.pem"))
	return g.stage(g.under.address(), func(run *deviceRun) error {
		cert, err := run.certificate()
		if err != nil {
			return err
		}
		if err := writeNew(g.ctx, path, encodePEM("CERTIFICATE", cert.Raw)); err != nil {
			return err
		}
		g.under.Upload = absolute(path)
		run.remember(g.under)
		return nil
	})
}

// askRegion asks where the tenant is, where nothing says it.
func (g *guide) askRegion() error {
	profile, err := g.settings.load()
	if err != nil || profile.Region != "" || profile.AuthURL != "" {
		return err
	}
	g.region, err = g.askUntil("Anaplan region of your tenant, one of "+strings.Join(anaplan.Regions(), " "), cmp.Or(g.region, defaultRegion), func(text string) error {
		_, err := anaplan.Region(text)
		return err
	})
	return err
}

// login makes the first login, which ends the enrolment.
func (g *guide) login(run *deviceRun) error {
	who, err := run.whoami("")
	if err != nil {
		return err
	}
	g.tell("\nIt works. Anaplan says who this is:\n%s", who.text(time.Now()))
	run.forget(g.under.address())
	g.done = true
	return g.offerConfig(run)
}

// profileFlag returns the flag that names a profile, where one is needed.
func profileFlag(name string) string {
	if name == config.DefaultProfile {
		return ""
	}
	return " --profile " + shellQuote(name)
}

// offerConfig says how to do without flags from now on, and offers to write it where
// there is no configuration yet.
func (g *guide) offerConfig(run *deviceRun) error {
	file, err := g.settings.readConfig()
	if err != nil {
		return err
	}
	text := run.configText(g.under.address())
	if file != nil {
		if profile, err := file.Profile(run.profile.Name, nil); err == nil && len(profile.Keys) > 0 && mayMean(profile.Keys[0], g.under.address()) {
			g.tell("The profile %q has this key already. A token: %s token%s", run.profile.Name, program, profileFlag(run.profile.Name))
			return nil
		}
		if slices.Contains(file.Profiles(), run.profile.Name) {
			g.tell("The profile %q in %s has another key. To use this one in its place, these lines take the place of its own; to have both, give them another name, and say --profile NAME:\n\n%s", run.profile.Name, g.settings.configPath(), text)
			return nil
		}
		g.tell("To log in without flags, put this into %s:\n\n%s", g.settings.configPath(), text)
		return nil
	}
	path := configToBe()
	g.tell("To log in without flags, the configuration file %s should hold:\n\n%s", path, text)
	yes, err := g.askYes("Write it?")
	if errors.Is(err, errStopped) || err == nil && !yes {
		g.tell("Not written; the lines are above.")
		return nil
	}
	if err != nil {
		return err
	}
	if err := atomicfile.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := writeNew(g.ctx, path, text); err != nil {
		return err
	}
	g.tell("Done. A token: %s token%s; one for many scripts: %s serve", program, profileFlag(run.profile.Name), program)
	return nil
}
