package rotate

import (
	"bytes"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/enroll"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// Start makes the second key and its request, or prints the request again.
func (s *Session) Start(order Order, command string) error {
	if err := order.checkNewKey(command); err != nil {
		return err
	}
	switch s.rotation.Step {
	case "", rotationMaking:
	case rotationRequested:
		return s.startAgain(order, command)
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
	e.JSON = s.json
	if e.Email == "" {
		e.Email = agent.Email(present)
	}
	if err := checkCardFlags(e, old, command); err != nil {
		return err
	}
	checked := e
	checked.PublicKey = "" // which is checked above
	if err := checked.Check(false); err != nil {
		return &explain.UsageError{Err: err, Command: command}
	}
	if order.NewKey != "" && s.rotation.Step == "" {
		return s.take(e, old, present, mustAddress(order.NewKey))
	}
	if e.Bits == 0 {
		e.Bits = sizeLike(present)
	}
	if s.rotation.Step == rotationMaking {
		made, err := s.interrupted()
		if err != nil {
			return err
		}
		if made != nil {
			s.Say.Note("the key was made before the interruption: %s", made.Address)
			e.Email = s.rotation.Email
			return s.ask(e, made.Address)
		}
	}
	place, err := s.newPlace(old, order)
	if err != nil {
		return err
	}
	s.begin(e, old, present, place)
	return s.make(e, place)
}

// begin notes what a rotation is from and to.
func (s *Session) begin(e enroll.Enrolment, old config.Address, present *x509.Certificate, fresh config.Address) {
	s.rotation.Old, s.rotation.OldPublic, s.rotation.New, s.rotation.Email = old.String(), publicHash(present.PublicKey), fresh.String(), e.Email
	s.rotation.OldCertificate = s.Profile.Certificate
}

// interrupted returns the key that an interrupted start has made; nil for none.
func (s *Session) interrupted() (made *device.FoundKey, err error) {
	found, err := s.Device.At(mustAddress(s.rotation.New)).Keys(s.Ctx, true)
	switch {
	case err != nil || len(found) == 0:
		return nil, err
	case len(found) > 1:
		return nil, fmt.Errorf("%w: the making of the new key was interrupted, and %s fits several keys: see which is which with %s keys, and then: %s", errRotation, s.rotation.New, build.Program, s.rotation.command("cancel"))
	}
	return &found[0], nil
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

// checkCardFlags refuses flags that are for cards only.
func checkCardFlags(e enroll.Enrolment, address config.Address, command string) error {
	if flag := e.Card.Given(); flag != "" && !device.IsCard(address) {
		return explain.Usagef(command, "%s is for keys on YubiKeys, and %s is not one", flag, address)
	}
	return nil
}

// startAgain prints the request again, if it is the one that is asked for.
func (s *Session) startAgain(order Order, command string) error {
	order.JSON = s.json
	if err := checkCardFlags(order.Enrolment, mustAddress(s.rotation.New), command); err != nil {
		return err
	}
	if flag := s.differs(order); flag != "" {
		return fmt.Errorf("%w: one has begun with another %s, and its request stays as it is: %s takes its key away, and then start can begin anew\n%s", errRotation, flag, s.rotation.command("cancel"), s.rotation.Text())
	}
	s.Say.Note("the rotation has begun; this is its request again")
	under := &enroll.Pending{Key: s.rotation.New, Request: s.rotation.Request, OfRotation: true}
	if err := enroll.PutRequest(s.Run, order.Enrolment, under); err != nil {
		return err
	}
	return enroll.AttestAgain(s.Run, order.Enrolment, under)
}

// differs returns the flag whose value differs from what the rotation began with; "" for none.
func (s *Session) differs(order Order) string {
	e := order.Enrolment
	request := (&enroll.Pending{Request: s.rotation.Request}).CSR()
	made := mustAddress(s.rotation.New)
	switch {
	case order.NewKey != "" && !enroll.MayMean(mustAddress(order.NewKey), made):
		return "--new-key"
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
	if label, _ := made.Get("object"); order.Object != "" && label != order.Object {
		return "--object"
	}
	if slot, _ := made.Get("slot"); order.Slot != "" && !strings.EqualFold(slot, order.Slot) {
		return "--slot"
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
		if s.rotation.Taken {
			return fmt.Errorf("the request of the new key was not made: %w", err)
		}
		return fmt.Errorf("the new key is made, and its request is not (%s takes the key away): %w", s.rotation.command("cancel"), err)
	}
	s.rotation.New, s.rotation.NewPublic, s.rotation.Request = under.Key, publicHash(under.Public()), under.Request
	if err := s.rotation.save(rotationRequested); err != nil {
		return err
	}
	if err := enroll.PutRequest(s.Run, e, under); err != nil {
		return fmt.Errorf("%w; %s prints the request again", err, s.rotation.command("start"))
	}
	s.Say.Note("the old key stays in use. Next: send the CSR to your CA, then: %s", s.rotation.command("finish --certificate FILE --upload-out upload.pem"))
	return enroll.AttestKey(s.Run, e, under)
}

// isExact refuses an address that could mean the new key as well as the old one.
func isExact(address config.Address) error {
	exact := slices.ContainsFunc([]string{"object", "id", "slot"}, func(name string) bool {
		_, named := address.Get(name)
		return named
	})
	if exact {
		return nil
	}
	return fmt.Errorf("%w: the key in the configuration is %s, which would also fit the new key: write the whole address there first, with ;object=NAME or ;slot=SLOT (%s keys shows it)", settings.ErrSettings, address, build.Program)
}

// newPlace returns where the second key goes: beside the first, with another label or slot.
func (s *Session) newPlace(old config.Address, order Order) (config.Address, error) {
	switch isCard := device.IsCard(old); {
	case isCard && order.Object != "":
		return nil, fmt.Errorf("%w: --object is for tokens, and %s is on a card: say --slot", settings.ErrSettings, old)
	case !isCard && order.Slot != "":
		return nil, fmt.Errorf("%w: --slot is for cards, and %s is in a token: say --object", settings.ErrSettings, old)
	case order.Object != "" && order.Object == device.Name(old):
		return nil, fmt.Errorf("%w: --object %q is the name of the old key, and the two could not be told apart", settings.ErrSettings, order.Object)
	case order.Slot != "" && strings.EqualFold(order.Slot, device.Name(old)):
		return nil, fmt.Errorf("%w: --slot %s has the old key in it, which stays there until rotate retire: name another slot, or none for a free one", settings.ErrSettings, order.Slot)
	}
	place := s.Device.At(old)
	name := order.Object + order.Slot
	if name == "" {
		var err error
		if name, err = place.FreeName(s.Ctx); err != nil {
			return nil, err
		}
	}
	made, err := device.WithName(place.Address(s.Ctx), name)
	if err != nil {
		return nil, fmt.Errorf("%w: --slot: %w", settings.ErrSettings, err)
	}
	return made, nil
}
