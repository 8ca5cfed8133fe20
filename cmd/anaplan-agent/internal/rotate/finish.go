package rotate

// The switch to the new key, and back.

import (
	"errors"
	"fmt"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/enroll"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/login"
)

// Finish stores the CA's answer, proves that the new key logs in, and switches to it.
func (s *Session) Finish(order Order, command string) error {
	switch {
	case s.rotation.Step == "" || s.rotation.Step == rotationMaking:
		return fmt.Errorf("%w: no rotation to finish:\n%s", errRotation, s.rotation.Text())
	case order.Answer == "" && (order.UploadOut+order.ChainOut != "" || order.InFile):
		return explain.Usagef(command, "--upload-out, --chain-out and --in-file are for --certificate, the CA's answer")
	case order.Answer == "" && s.rotation.Step == rotationRequested:
		return fmt.Errorf("%w: the new key has no certificate yet: give the CA's answer, %s", errRotation, s.rotation.command("finish --certificate FILE"))
	}
	fresh, address, err := s.withKey(s.rotation.freshEntry())
	if err != nil {
		return err
	}
	if order.Answer != "" {
		if err := s.store(fresh, address, order); err != nil {
			return err
		}
		fresh.Profile.Certificate = s.rotation.NewCertificate
	}
	who, err := login.Whoami(fresh, "")
	if err != nil {
		return s.notYet(err)
	}
	if !strings.EqualFold(who.UserID, s.rotation.Email) && !order.NewUser {
		return fmt.Errorf("%w: Anaplan takes the new certificate for %s, but it was requested for %s: nothing was changed; if that is intended, add --new-user", errRotation, who.UserID, s.rotation.Email)
	}
	s.Say.Note("the new key logs in as %s", who.UserID)
	if err := s.takeOver(fresh, s.rotation.oldEntry(), s.rotation.freshEntry(), rotationStored, rotationSwitched); err != nil {
		return err
	}
	s.Say.Note("%s has the new key. The old one stays as it is: when you are sure, disable its certificate in Anaplan (%s), and then: %s", s.rotation.Config, enroll.WhereToRegister, s.rotation.command("retire"))
	return nil
}

// store puts the CA's answer beside the new key, unless it is somebody else's.
func (s *Session) store(fresh *device.Run, address config.Address, order Order) error {
	e := order.Enrolment
	got, err := enroll.ReadAnswer(fresh, order.Answer, address)
	if errors.Is(err, enroll.ErrOtherKey) {
		return &agent.Problem{
			Code: agent.CodeKeyUnusable, Message: err.Error(),
			Hints: []string{"the CA needs the request of the new key: " + s.rotation.command("start") + " prints it again"},
		}
	}
	if err != nil {
		return err
	}
	if email := agent.Email(got.Leaf); !strings.EqualFold(email, s.rotation.Email) && !order.NewUser {
		return fmt.Errorf("%w: the certificate is for %q, but was requested for %q: it is not stored; if that is intended, add --new-user", errRotation, email, s.rotation.Email)
	}
	if err := enroll.Judge(fresh, got); err != nil {
		return err
	}
	kept, err := enroll.StoreCertificates(fresh, e, address, got)
	if err != nil {
		return err
	}
	s.rotation.NewCertificate = string(kept)
	if s.rotation.Step != rotationSwitched && s.rotation.Step != rotationSwitching {
		if err := s.rotation.save(rotationStored); err != nil {
			return err
		}
	}
	if e.UploadOut == "" {
		return nil
	}
	if err := console.WriteOut(s.Ctx, e.UploadOut, device.EncodePEM("CERTIFICATE", got.Leaf.Raw)); err != nil {
		return fmt.Errorf("the file to upload: %w", err)
	}
	s.Say.Note("wrote %s, the one certificate that Anaplan needs", e.UploadOut)
	return nil
}

// notYet words that the new key does not log in. That is normal right after its certificate was
// stored.
func (s *Session) notYet(err error) error {
	if !errors.Is(err, anaplan.ErrBadCredential) {
		return fmt.Errorf("the new key does not log in, so the old one stays in use: %w", err)
	}
	fresh := shell.Quote(s.rotation.New)
	if s.rotation.NewCertificate != "" {
		fresh += " --certificate " + shell.Quote(s.rotation.NewCertificate)
	}
	return &agent.Problem{
		Code: agent.CodeLoginRefused, Human: true,
		Message: fmt.Sprintf("the new certificate is stored, and Anaplan does not take it yet, so the old key stays in use (%v)", err),
		Hints: []string{
			fmt.Sprintf("have a tenant administrator register it (%s > Add Certificates): the file is that of --upload-out, or: %s cert --key %s > upload.pem", enroll.WhereToRegister, build.Program, fresh),
			"then: " + s.rotation.command("finish"),
		},
	}
}

// switchTo puts another key into the configuration, if it is not there already. If first, it keeps
// a copy of the file as it was.
func (s *Session) switchTo(before, after entry, first bool) error {
	_, there, err := s.rotation.Config.has(s.rotation.Profile, before, after)
	if err != nil || there {
		return err // else somebody has put it there by hand, or an interruption came after it
	}
	if first && s.rotation.Step != rotationSwitched {
		backup, err := s.rotation.Config.keep()
		if err != nil {
			return fmt.Errorf("keeping %s as it was: %w", s.rotation.Config, err)
		}
		s.Say.Note("kept %s as it was in %s", s.rotation.Config, backup)
	}
	if err := s.rotation.save(rotationSwitching); err != nil {
		return err
	}
	return s.rotation.Config.replace(s.rotation.Profile, before, after)
}

// mustAddress parses an address that this program has written.
func mustAddress(text string) config.Address {
	address, _ := config.ParseAddress(text)
	return address
}

// Back puts the old key into the configuration again, if it still logs in.
func (s *Session) Back() error {
	if s.rotation.Step != rotationSwitched && s.rotation.Step != rotationSwitching {
		return fmt.Errorf("%w: no switch to undo:\n%s", errRotation, s.rotation.Text())
	}
	old, _, err := s.withKey(s.rotation.oldEntry())
	if err != nil {
		return err
	}
	if _, err := login.Whoami(old, ""); err != nil {
		return fmt.Errorf("the old key does not log in any more, so the new one stays in use: %w", err)
	}
	if err := s.takeOver(old, s.rotation.freshEntry(), s.rotation.oldEntry(), rotationSwitched, rotationBack); err != nil {
		return err
	}
	s.Say.Note("%s has the old key again; %s switches once more, rotate cancel deletes the new key", s.rotation.Config, s.rotation.command("finish"))
	return nil
}
