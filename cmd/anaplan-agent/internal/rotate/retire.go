package rotate

import (
	"errors"
	"fmt"
	"slices"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/enroll"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/login"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/piv"
)

// Retire deletes the old key, which nothing uses any more.
func (s *Session) Retire(yes bool, managementKey string) error {
	if s.rotation.Step == "" {
		return fmt.Errorf("%w: none is under way, so there is no old key to delete; one that has been retired is gone already", errRotation)
	}
	if s.rotation.Step != rotationSwitched {
		return fmt.Errorf("%w: the old key is still in use:\n%s", errRotation, s.rotation.Text())
	}
	users, err := s.rotation.Config.users(mustAddress(s.rotation.New))
	if err != nil {
		return err
	}
	if !slices.Contains(users, s.rotation.Profile) {
		return fmt.Errorf("%w: profile %s in %s does not have the new key any more, so the old one is not deleted: %s puts it there", errRotation, s.rotation.Profile, s.rotation.Config, s.rotation.command("finish"))
	}
	fresh, _, err := s.withKey(s.rotation.freshEntry())
	if err != nil {
		return err
	}
	if _, err := login.Whoami(fresh, ""); err != nil {
		return fmt.Errorf("the new key does not log in, so the old one is not deleted: %w", err)
	}
	if err := s.agentHas(fresh); err != nil {
		return err
	}
	if err := s.delete(s.rotation.Old, s.rotation.OldPublic, "the old key", yes, managementKey); err != nil {
		return err
	}
	s.sayFile(s.rotation.OldCertificate)
	s.Say.Note("delete the old certificate in Anaplan, too: %s", enroll.WhereToRegister)
	return s.rotation.forget()
}

// Cancel deletes the new key, which nothing uses yet.
func (s *Session) Cancel(yes bool, managementKey string) error {
	switch s.rotation.Step {
	case "":
		return fmt.Errorf("%w: none is under way", errRotation)
	case rotationSwitched, rotationSwitching:
		return fmt.Errorf("%w: the new key is in use; %s first", errRotation, s.rotation.command("back"))
	case rotationMaking:
		made, err := s.interrupted()
		if err != nil {
			return err
		}
		if made == nil {
			s.Say.Note("the new key was not made")
			return s.rotation.forget()
		}
		s.rotation.NewPublic = publicHash(made.PublicKey())
	}
	if s.rotation.Taken {
		s.Say.Note("the new key stays, as it was not made by this program: %s", s.rotation.New)
	} else if err := s.delete(s.rotation.New, s.rotation.NewPublic, "the new key", yes, managementKey); err != nil {
		return err
	}
	s.sayFile(s.rotation.NewCertificate)
	if s.rotation.Step != rotationRequested {
		s.Say.Note("if its certificate was registered in Anaplan, delete it there, too: %s", enroll.WhereToRegister)
	}
	return s.rotation.forget()
}

// sayFile says that the file of a deleted key's certificate is not used any more, if there is one.
func (s *Session) sayFile(certificate string) {
	if certificate != "" {
		s.Say.Note("nothing uses the file with its certificate any more: %s", certificate)
	}
}

// delete deletes a key of the rotation: exactly that one, whatever else its address may fit by now.
func (s *Session) delete(text, public, what string, yes bool, managementKey string) error {
	again := s.rotation.Deleting
	address, err := s.locate(mustAddress(text), public)
	if again && errors.Is(err, errKeyGone) {
		s.Say.Note("%s was deleted before the interruption", what)
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.unused(address); err != nil {
		return err
	}
	if err := s.confirm(yes, fmt.Sprintf("%s, %s,", what, address)); err != nil {
		return err
	}
	s.rotation.Deleting = true
	if err := s.rotation.save(s.rotation.Step); err != nil {
		return err
	}
	deleted, err := s.Device.At(address).Delete(s.Ctx, managementKey)
	for _, what := range deleted {
		s.Say.Note("deleted %s", what)
	}
	if errors.Is(err, piv.ErrUnsupported) { // the key alone is left, and nothing logs in with it
		s.Say.Warn("%v", err)
		return nil
	}
	if errors.Is(err, hsm.ErrNotDeleted) {
		s.Say.Warn("%v; the tool that made the key deletes it", err)
		return nil
	}
	return err
}

// errKeyGone says that the key which is to be deleted is not there.
var errKeyGone = errors.New("the key of the rotation is not there")

// locate returns the whole address of the key that has a public key.
func (s *Session) locate(address config.Address, public string) (config.Address, error) {
	found, err := s.Device.At(address).Keys(s.Ctx, true)
	if err != nil {
		return nil, err
	}
	for _, key := range found {
		if known := key.PublicKey(); known != nil && publicHash(known) == public {
			return key.Address, nil
		}
	}
	return nil, fmt.Errorf("%w: %w under %s: is it the same device? Nothing was deleted", errRotation, errKeyGone, address)
}
