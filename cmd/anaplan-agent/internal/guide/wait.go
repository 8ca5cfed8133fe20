package guide

// The waiting of a guided enrolment: for the CA, for the administrator; and its end.

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/atomicfile"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/enroll"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/login"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// whatToAskFor says what to ask a CA for (contract section 5.1). It is made to be copied into a
// mail.
func whatToAskFor(p *enroll.Pending) string {
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

// command does what the letters say that all waiting questions share.
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
		return true, g.known.Forget(g.under)
	}
	return false, nil
}

// storeAnswer stores what came back: on the device, or, if that does not do it, where the person wants it.
func (g *guide) storeAnswer(path string) error {
	e := g.order
	err := g.store(path, e)
	if !errors.Is(err, hardware.ErrNotStored) {
		return err
	}
	e.InFile, err = g.askYes(fmt.Sprintf("%s.\nThe key is in the device, and safe. Keep the certificate in a file of the profile's instead?", console.Printable(err.Error())))
	if err != nil || !e.InFile {
		return err
	}
	return g.store(path, e)
}

// store stores what came back, with files beside the request.
func (g *guide) store(path string, e enroll.Enrolment) error {
	p := g.under
	e.Certificate = path
	e.UploadOut = cmp.Or(e.UploadOut, freeName(g.beside("-upload.pem")))
	if e.Guided = true; e.ChainOut == "" && device.IsCard(p.Address()) {
		e.ChainOut = freeName(g.beside("-chain.pem"))
	}
	var kept enroll.Kept
	err := g.stage(p.Address(), func(run *device.Run) (err error) {
		enroll.GoOnWith(run, p, &e)
		kept, err = enroll.StoreAnswer(run, e, p.Address())
		return err
	})
	if err != nil {
		return err
	}
	p.Step, p.Upload, p.Certificate = enroll.StepStored, paths.Absolute(e.UploadOut), string(kept) // as it was remembered
	return nil
}

// beside names a file beside the request, as people look for it there.
func (g *guide) beside(ending string) string {
	base := strings.TrimSuffix(cmp.Or(g.under.RequestFile, build.Program+"-"+shortName(g.under.Address())), ".csr")
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
	if p.Upload == "" || !console.Exists(p.Upload) {
		if err := g.writeUpload(); err != nil {
			g.fail(err)
		}
	}
	where := "The certificate is stored."
	if p.Certificate != "" {
		where = "The certificate is in " + p.Certificate + ", since the device does not keep it."
	}
	g.tellOnce("\n%s Have a tenant administrator register it in Anaplan:\n  %s > Add Certificates, choose %s, Import.", where, enroll.WhereToRegister, cmp.Or(p.Upload, "what 'anaplan-agent cert' prints"))
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
	return g.tried(g.stage(p.Address(), g.login))
}

// writeUpload makes the file for the administrator, where it is gone or was never made.
func (g *guide) writeUpload() error {
	path := freeName(g.beside("-upload.pem"))
	return g.stage(g.under.Address(), func(run *device.Run) error {
		g.under.UseKept(run)
		cert, err := run.Certificate()
		if err != nil {
			return err
		}
		if err := console.WriteNew(g.ctx, path, device.EncodePEM("CERTIFICATE", cert.Raw)); err != nil {
			return err
		}
		g.under.Upload = paths.Absolute(path)
		enroll.Remember(run, g.under)
		return nil
	})
}

// askRegion asks where the tenant is, where nothing says it.
func (g *guide) askRegion() error {
	profile, err := g.settings.Load()
	if err != nil || profile.Region != "" || profile.AuthURL != "" {
		return err
	}
	g.region, err = g.askUntil("Anaplan region of your tenant, one of "+strings.Join(anaplan.Regions(), " "), cmp.Or(g.region, settings.DefaultRegion), func(text string) error {
		_, err := anaplan.Region(text)
		return err
	})
	return err
}

// login makes the first login, which ends the enrolment.
func (g *guide) login(run *device.Run) error {
	g.under.UseKept(run)
	who, err := login.Whoami(run, "")
	if err != nil {
		return err
	}
	g.tell("\nIt works. Anaplan says who this is:\n%s", who.Text(time.Now()))
	enroll.Forget(run, g.under.Address())
	g.done = true
	return g.offerConfig(run)
}

// offerConfig says how to do without flags from now on, and offers to write it where
// there is no configuration yet.
func (g *guide) offerConfig(run *device.Run) error {
	file, err := g.settings.ReadConfig()
	if err != nil {
		return err
	}
	if file != nil {
		g.tell("%s", enroll.Lacking(run, file, g.settings.ConfigPath(), g.under.Address(), enroll.Kept(g.under.Certificate), settings.ConfigFlag(g.settings.Command)))
		return nil
	}
	text := enroll.ConfigText(run, g.under.Address())
	path := settings.ConfigToBe()
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
	if err := console.WriteNew(g.ctx, path, text); err != nil {
		return err
	}
	g.tell("Done. A token: %s token%s; one for many scripts: %s serve", build.Program, enroll.ProfileFlag(run.Profile.Name), build.Program)
	return nil
}
