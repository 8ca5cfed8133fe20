package rotate

// The steps of a rotation.

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/atomicfile"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/enroll"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/login"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// Start makes the second key and its request, or prints the request again.
func (s *Session) Start(order Order, command string) error {
	switch s.rotation.Step {
	case "", rotationMaking:
	case rotationRequested:
		return s.startAgain(order)
	default:
		return fmt.Errorf("%w: one is under way already:\n%s", errRotation, s.rotation.Text())
	}
	old, err := s.Device.Address()
	if err != nil {
		return err
	}
	if err := isExact(old); err != nil {
		return err
	}
	present, err := s.Certificate()
	if err != nil {
		return fmt.Errorf("the present certificate: %w", err)
	}
	e := order.Enrolment
	if e.Email == "" {
		e.Email = agent.Email(present)
	}
	if flag := e.Card.Given(); flag != "" && !enroll.IsCard(old) {
		return explain.Usagef(command, "%s is for keys on YubiKeys, and %s is not one", flag, old)
	}
	if err := e.Check(false); err != nil {
		return &explain.UsageError{Err: err, Command: command}
	}
	if e.Bits == 0 {
		e.Bits = sizeLike(present)
	}
	if s.rotation.Step == rotationMaking {
		if made, err := s.interrupted(); made != nil || err != nil {
			return s.goOn(e, made, err)
		}
	}
	place, err := s.newPlace(old, order)
	if err != nil {
		return err
	}
	s.rotation.Old, s.rotation.OldPublic, s.rotation.New, s.rotation.Email = old.String(), publicHash(present.PublicKey), place.String(), e.Email
	return s.make(e, place)
}

// interrupted returns the key that an interrupted start has made; nil for none.
func (s *Session) interrupted() (made *enroll.KeyAt, err error) {
	found, err := enroll.KeysAt(s.Run, mustAddress(s.rotation.New))
	switch {
	case err != nil || len(found) == 0:
		return nil, err
	case len(found) > 1:
		return nil, fmt.Errorf("%w: the making of the new key was interrupted, and %s fits several keys: see which is which with %s keys, and then: %s rotate cancel", errRotation, s.rotation.New, build.Program, build.Program)
	}
	return &found[0], nil
}

// goOn goes on with the key that was made.
func (s *Session) goOn(e enroll.Enrolment, made *enroll.KeyAt, err error) error {
	if err != nil {
		return err
	}
	s.Say.Note("the key was made before the interruption: %s", made.Address)
	e.Email = s.rotation.Email
	return s.ask(e, made.Address)
}

// sizeLike returns the length of a new key that is to replace that of a certificate: as long, or
// the next longer one that can be made. Longer than the longest is no more than that.
func sizeLike(present *x509.Certificate) int {
	key, ok := present.PublicKey.(*rsa.PublicKey)
	if !ok {
		return enroll.DefaultBits
	}
	for _, size := range enroll.KeySizes {
		if key.N.BitLen() <= size {
			return size
		}
	}
	return enroll.KeySizes[len(enroll.KeySizes)-1]
}

// startAgain prints the request again, if it is the one that is asked for.
func (s *Session) startAgain(order Order) error {
	if flag := s.differs(order); flag != "" {
		return fmt.Errorf("%w: one has begun with another %s, and its request stays as it is: %s rotate cancel takes its key away, and then start can begin anew\n%s", errRotation, flag, build.Program, s.rotation.Text())
	}
	s.Say.Note("the rotation has begun; this is its request again")
	return enroll.PutRequest(s.Run, order.Enrolment, &enroll.Pending{Key: s.rotation.New, Request: s.rotation.Request, OfRotation: true})
}

// differs returns the flag whose value differs from what the rotation began with; "" for none.
func (s *Session) differs(order Order) string {
	e := order.Enrolment
	request := (&enroll.Pending{Request: s.rotation.Request}).CSR()
	made := mustAddress(s.rotation.New)
	switch {
	case request == nil: // nothing to compare with
		return ""
	case e.Email != "" && !strings.EqualFold(e.Email, s.rotation.Email):
		return "--email"
	case e.Subject != "":
		e.Email = s.rotation.Email
		name, err := e.SubjectName()
		if err != nil {
			return "--subject"
		}
		if der, err := asn1.Marshal(name.ToRDNSequence()); err != nil || !bytes.Equal(der, request.RawSubject) {
			return "--subject"
		}
	}
	if key, ok := request.PublicKey.(*rsa.PublicKey); ok && e.Bits != 0 && e.Bits != key.N.BitLen() {
		return "--bits"
	}
	if token, ok := made.(uri.URI); order.Object != "" {
		if label, _ := token.Get("object"); !ok || label != order.Object {
			return "--object"
		}
	}
	if card, ok := made.(pivuri.URI); order.Slot != "" {
		if slot, err := pivuri.ParseSlot(order.Slot); !ok || err != nil || slot != card.Slot {
			return "--slot"
		}
	}
	return ""
}

// make makes the key. From its beginning it is written down: a key that was made stays.
func (s *Session) make(e enroll.Enrolment, place config.Address) error {
	made, err := enroll.MakeKey(s.Run, e, place, func() error { return s.rotation.save(rotationMaking) })
	if err != nil {
		if s.Ctx.Err() == nil { // else it is not known
			err = errors.Join(err, s.rotation.forget())
		}
		return err
	}
	s.Say.Note("made %s", made)
	return s.ask(e, made)
}

// ask has the new key sign its request.
func (s *Session) ask(e enroll.Enrolment, made config.Address) error {
	under := &enroll.Pending{Key: made.String(), Email: e.Email, Name: e.Name, Subject: e.Subject, Step: enroll.StepKey, OfRotation: true}
	if err := enroll.Sign(s.Run, e, under); err != nil {
		return fmt.Errorf("the new key is made, and its request is not (%s rotate cancel takes the key away): %w", build.Program, err)
	}
	s.rotation.New, s.rotation.NewPublic, s.rotation.Request = under.Key, publicHash(under.Public()), under.Request
	if err := s.rotation.save(rotationRequested); err != nil {
		return err
	}
	if err := enroll.PutRequest(s.Run, e, under); err != nil {
		return fmt.Errorf("%w; %s rotate start prints the request again", err, build.Program)
	}
	s.Say.Note("the old key stays in use. Next: send the CSR to your CA, then: %s rotate finish --certificate FILE --upload-out upload.pem", build.Program)
	return enroll.AttestKey(s.Run, e, under)
}

// isExact refuses an address that could mean the new key as well as the old one.
func isExact(address config.Address) error {
	exact := false
	switch address := address.(type) {
	case pivuri.URI:
		exact = address.Slot != 0
	case uri.URI:
		_, named := address.Get("object")
		_, numbered := address.Get("id")
		exact = named || numbered
	}
	if exact {
		return nil
	}
	return fmt.Errorf("%w: the key in the configuration is %s, which would also fit the new key: write the whole address there first, with ;object=NAME or ;slot=SLOT (%s keys shows it)", settings.ErrSettings, address, build.Program)
}

// newPlace returns where the second key goes: beside the first, with another name or slot.
func (s *Session) newPlace(old config.Address, order Order) (config.Address, error) {
	card, isCard := old.(pivuri.URI)
	switch {
	case isCard && order.Object != "":
		return nil, fmt.Errorf("%w: --object is for tokens, and %s is on a card: say --slot", settings.ErrSettings, old)
	case isCard:
		return s.newSlot(card, order.Slot)
	case order.Slot != "":
		return nil, fmt.Errorf("%w: --slot is for cards, and %s is in a token: say --object", settings.ErrSettings, old)
	}
	token := old.(uri.URI)
	label, _ := token.Get("object")
	if order.Object == label && label != "" {
		return nil, fmt.Errorf("%w: --object %q is the name of the old key, and the two could not be told apart", settings.ErrSettings, label)
	}
	if order.Object == "" {
		order.Object = nextName(label)
	}
	return token.Without("id").With("object", order.Object), nil
}

// newSlot returns a slot of the card that is free.
func (s *Session) newSlot(card pivuri.URI, wanted string) (config.Address, error) {
	card = enroll.WithSerial(s.Run, card)
	if wanted != "" {
		slot, err := pivuri.ParseSlot(wanted)
		if err != nil {
			return nil, fmt.Errorf("%w: --slot: %w", settings.ErrSettings, err)
		}
		card.Slot = slot
		return card, nil
	}
	whole := card
	whole.Slot = 0
	cards, err := piv.List(s.Ctx, whole, s.Device.CardOptions(whole))
	if err != nil {
		return nil, err
	}
	used := map[pivuri.Slot]bool{}
	for _, card := range cards {
		for _, key := range card.Keys {
			used[key.Address.Slot] = true
		}
	}
	for _, slot := range pivuri.Slots() {
		if slot.Retired() && !used[slot] {
			card.Slot = slot
			return card, nil
		}
	}
	return nil, fmt.Errorf("%w: no slot from 82 to 95 is free on %s: name another with --slot", settings.ErrSettings, card)
}

// Finish stores the CA's answer, proves that the new key logs in, and switches to it.
func (s *Session) Finish(order Order, command string) error {
	switch {
	case s.rotation.Step == "" || s.rotation.Step == rotationMaking:
		return fmt.Errorf("%w: no rotation to finish:\n%s", errRotation, s.rotation.Text())
	case order.Answer == "" && order.UploadOut+order.ChainOut != "":
		return explain.Usagef(command, "--upload-out and --chain-out are for --certificate: they are made from the CA's answer")
	case order.Answer == "" && s.rotation.Step == rotationRequested:
		return fmt.Errorf("%w: the new key has no certificate yet: give the CA's answer, %s rotate finish --certificate FILE", errRotation, build.Program)
	}
	fresh, address, err := s.withKey(s.rotation.New)
	if err != nil {
		return err
	}
	if order.Answer != "" {
		if err := s.store(fresh, address, order); err != nil {
			return err
		}
	}
	who, err := login.Whoami(fresh, "")
	if err != nil {
		return s.notYet(err)
	}
	if !strings.EqualFold(who.UserID, s.rotation.Email) && !order.NewUser {
		return fmt.Errorf("%w: Anaplan takes the new certificate for %s, but it was requested for %s: nothing was changed; if that is intended, add --new-user", errRotation, who.UserID, s.rotation.Email)
	}
	s.Say.Note("the new key logs in as %s", who.UserID)
	if err := s.takeOver(fresh, s.rotation.Old, s.rotation.New, rotationStored, rotationSwitched); err != nil {
		return err
	}
	s.Say.Note("%s has the new key. The old one stays as it is: when you are sure, disable its certificate in Anaplan (%s), and then: %s rotate retire", s.rotation.Config, enroll.WhereToRegister, build.Program)
	return nil
}

// store puts the CA's answer beside the new key, unless it is somebody else's.
func (s *Session) store(fresh *device.Run, address config.Address, order Order) error {
	e := order.Enrolment
	got, err := enroll.ReadAnswer(fresh, order.Answer, address)
	if errors.Is(err, enroll.ErrOtherKey) {
		return &agent.Problem{
			Code: agent.CodeKeyUnusable, Message: err.Error(),
			Hints: []string{"the CA needs the request of the new key: " + build.Program + " rotate start prints it again"},
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
	if err := enroll.StoreLeaf(fresh, e, address, got.Leaf); err != nil {
		return err
	}
	if err := enroll.StoreChain(fresh, e, address, got.Chain); err != nil {
		return err
	}
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
	return &agent.Problem{
		Code: agent.CodeLoginRefused, Human: true,
		Message: fmt.Sprintf("the new certificate is stored, and Anaplan does not take it yet, so the old key stays in use (%v)", err),
		Hints: []string{
			fmt.Sprintf("have a tenant administrator register it (%s > Add Certificates): the file is that of --upload-out, or: %s cert --key %s > upload.pem", enroll.WhereToRegister, build.Program, shell.Quote(s.rotation.New)),
			"then: " + build.Program + " rotate finish",
		},
	}
}

// switchTo puts another key into the configuration, if it is not there already. If first, it keeps
// a copy of the file as it was.
func (s *Session) switchTo(before, after string, first bool) error {
	users, err := s.users(mustAddress(after))
	if err != nil {
		return err
	}
	for _, name := range users {
		if name == s.rotation.Profile {
			return nil // somebody has put it there by hand, or an interruption came after it
		}
	}
	if first && s.rotation.Step != rotationSwitched {
		if err := s.keepConfig(); err != nil {
			return fmt.Errorf("keeping %s as it was: %w", s.rotation.Config, err)
		}
	}
	if err := s.rotation.save(rotationSwitching); err != nil {
		return err
	}
	return s.writeKey(before, after)
}

// keepConfig keeps the configuration file as it was before the rotation.
func (s *Session) keepConfig() error {
	data, err := console.ReadInput(s.rotation.Config)
	if err != nil {
		return err
	}
	backup := s.rotation.Config + ".before-rotation"
	if err := atomicfile.Write(backup, data, atomicfile.Options{Like: s.rotation.Config}); err != nil {
		return err
	}
	s.Say.Note("kept %s as it was in %s", s.rotation.Config, backup)
	return nil
}

// writeKey writes the configuration file with another key in it.
func (s *Session) writeKey(before, after string) error {
	data, err := console.ReadInput(s.rotation.Config)
	if err != nil {
		return err
	}
	changed, err := config.ReplaceKey(s.rotation.Config, data, s.rotation.Profile, before, after)
	if err != nil {
		return fmt.Errorf("%w: %w; then call this again", settings.ErrSettings, err)
	}
	return atomicfile.Write(s.rotation.Config, changed, atomicfile.Options{})
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
	old, _, err := s.withKey(s.rotation.Old)
	if err != nil {
		return err
	}
	if _, err := login.Whoami(old, ""); err != nil {
		return fmt.Errorf("the old key does not log in any more, so the new one stays in use: %w", err)
	}
	if err := s.takeOver(old, s.rotation.New, s.rotation.Old, rotationSwitched, rotationBack); err != nil {
		return err
	}
	s.Say.Note("%s has the old key again; %s rotate finish switches once more, rotate cancel deletes the new key", s.rotation.Config, build.Program)
	return nil
}

// Retire deletes the old key, which nothing uses any more.
func (s *Session) Retire(yes bool, order enroll.CardFlags) error {
	if s.rotation.Step != rotationSwitched {
		return fmt.Errorf("%w: the old key is still in use:\n%s", errRotation, s.rotation.Text())
	}
	users, err := s.users(mustAddress(s.rotation.New))
	if err != nil {
		return err
	}
	if !strings.Contains("\x00"+strings.Join(users, "\x00")+"\x00", "\x00"+s.rotation.Profile+"\x00") {
		return fmt.Errorf("%w: profile %s in %s does not have the new key any more, so the old one is not deleted: %s rotate finish puts it there", errRotation, s.rotation.Profile, s.rotation.Config, build.Program)
	}
	fresh, _, err := s.withKey(s.rotation.New)
	if err != nil {
		return err
	}
	if _, err := login.Whoami(fresh, ""); err != nil {
		return fmt.Errorf("the new key does not log in, so the old one is not deleted: %w", err)
	}
	if err := s.agentHas(fresh); err != nil {
		return err
	}
	if err := s.delete(s.rotation.Old, s.rotation.OldPublic, "the old key", yes, order); err != nil {
		return err
	}
	s.Say.Note("delete the old certificate in Anaplan, too: %s", enroll.WhereToRegister)
	return s.rotation.forget()
}

// Cancel deletes the new key, which nothing uses yet.
func (s *Session) Cancel(yes bool, order enroll.CardFlags) error {
	switch s.rotation.Step {
	case "":
		return fmt.Errorf("%w: none is under way", errRotation)
	case rotationSwitched, rotationSwitching:
		return fmt.Errorf("%w: the new key is in use; %s rotate back first", errRotation, build.Program)
	case rotationMaking:
		made, err := s.interrupted()
		if err != nil {
			return err
		}
		if made == nil {
			s.Say.Note("the new key was not made")
			return s.rotation.forget()
		}
		s.rotation.NewPublic = publicHash(made.Public)
	}
	if err := s.delete(s.rotation.New, s.rotation.NewPublic, "the new key", yes, order); err != nil {
		return err
	}
	if s.rotation.Step != rotationRequested {
		s.Say.Note("if its certificate was registered in Anaplan, delete it there, too: %s", enroll.WhereToRegister)
	}
	return s.rotation.forget()
}

// delete deletes a key of the rotation: exactly that one, whatever else its address may fit by now.
func (s *Session) delete(text, public, what string, yes bool, order enroll.CardFlags) error {
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
	deleted, err := s.deleteKey(address, order)
	for _, what := range deleted {
		s.Say.Note("deleted %s", what)
	}
	if errors.Is(err, piv.ErrUnsupported) && (len(deleted) > 0 || again) { // without its certificate nothing logs in with it
		s.Say.Warn("%v", err)
		return nil
	}
	return err
}

func (s *Session) deleteKey(address config.Address, order enroll.CardFlags) (deleted []string, err error) {
	card, ok := address.(pivuri.URI)
	if !ok {
		return hsm.Delete(s.Ctx, address.(uri.URI), s.Device.TokenOptions(address.(uri.URI)))
	}
	err = s.WriteCard(order.ManagementKey, card, func(options piv.Options) (err error) {
		deleted, err = piv.Delete(s.Ctx, card, options)
		return err
	})
	return deleted, err
}

// errKeyGone says that the key which is to be deleted is not there.
var errKeyGone = errors.New("the key of the rotation is not there")

// locate returns the whole address of the key that has a public key.
func (s *Session) locate(address config.Address, public string) (config.Address, error) {
	found, err := enroll.KeysAt(s.Run, address)
	if err != nil {
		return nil, err
	}
	for _, key := range found {
		if key.Public != nil && publicHash(key.Public) == public {
			return key.Address, nil
		}
	}
	return nil, fmt.Errorf("%w: %w under %s: is it the same device? Nothing was deleted", errRotation, errKeyGone, address)
}
