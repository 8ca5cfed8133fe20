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
func (r *Session) Start(order RotateOrder, command string) error {
	switch r.known.Step {
	case "", rotationMaking:
	case rotationRequested:
		return r.startAgain(order)
	default:
		return fmt.Errorf("%w: one is under way already:\n%s", errRotation, r.known.Text())
	}
	old, err := r.Device.Address()
	if err != nil {
		return err
	}
	if err := isExact(old); err != nil {
		return err
	}
	present, err := r.Certificate()
	if err != nil {
		return fmt.Errorf("the present certificate: %w", err)
	}
	e := order.Enrolment
	if e.Email == "" {
		e.Email = agent.Email(present)
	}
	if flag := e.Card.Given(); flag != "" && !enroll.IsCard(old) {
		return explain.Usagef(command, "%s is for keys on YubiKeys, and %s is none", flag, old)
	}
	if err := e.Check(false); err != nil {
		return &explain.UsageError{Err: err, Command: command}
	}
	if e.Bits == 0 {
		e.Bits = sizeLike(present)
	}
	if r.known.Step == rotationMaking {
		if made, err := r.interrupted(); made != nil || err != nil {
			return r.goOn(e, made, err)
		}
	}
	place, err := r.newPlace(old, order)
	if err != nil {
		return err
	}
	r.known.Old, r.known.OldPublic, r.known.New, r.known.Email = old.String(), publicHash(present.PublicKey), place.String(), e.Email
	return r.make(e, place)
}

// interrupted returns the key that an interrupted start has made; nil for none.
func (r *Session) interrupted() (made *enroll.KeyAt, err error) {
	found, err := enroll.KeysAt(r.Run, mustAddress(r.known.New))
	switch {
	case err != nil || len(found) == 0:
		return nil, err
	case len(found) > 1:
		return nil, fmt.Errorf("%w: the making of the new key was interrupted, and %s fits several keys: see which is which with %s keys, and then: %s rotate cancel", errRotation, r.known.New, build.Program, build.Program)
	}
	return &found[0], nil
}

// goOn goes on with the key that was made.
func (r *Session) goOn(e enroll.Enrolment, made *enroll.KeyAt, err error) error {
	if err != nil {
		return err
	}
	r.Say.Note("the key was made before the interruption: %s", made.Address)
	e.Email = r.known.Email
	return r.ask(e, made.Address)
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
func (r *Session) startAgain(order RotateOrder) error {
	if flag := r.differs(order); flag != "" {
		return fmt.Errorf("%w: one has begun with another %s, and its request stays as it is: %s rotate cancel takes its key away, and then start can begin anew\n%s", errRotation, flag, build.Program, r.known.Text())
	}
	r.Say.Note("the rotation has begun; this is its request again")
	return enroll.PutRequest(r.Run, order.Enrolment, &enroll.Pending{Key: r.known.New, Request: r.known.Request, OfRotation: true})
}

// differs returns the flag that asks for something else than the rotation has begun with; "" for
// none.
func (r *Session) differs(order RotateOrder) string {
	e := order.Enrolment
	request := (&enroll.Pending{Request: r.known.Request}).CSR()
	made := mustAddress(r.known.New)
	switch {
	case request == nil: // nothing to compare with
		return ""
	case e.Email != "" && !strings.EqualFold(e.Email, r.known.Email):
		return "--email"
	case e.Subject != "":
		e.Email = r.known.Email
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
func (r *Session) make(e enroll.Enrolment, place config.Address) error {
	made, err := enroll.MakeKey(r.Run, e, place, func() error { return r.known.save(rotationMaking) })
	if err != nil {
		if r.Ctx.Err() == nil { // else it is not known
			err = errors.Join(err, r.known.forget())
		}
		return err
	}
	r.Say.Note("made %s", made)
	return r.ask(e, made)
}

// ask has the new key sign its request.
func (r *Session) ask(e enroll.Enrolment, made config.Address) error {
	under := &enroll.Pending{Key: made.String(), Email: e.Email, Name: e.Name, Subject: e.Subject, Step: enroll.StepKey, OfRotation: true}
	if err := enroll.Sign(r.Run, e, under); err != nil {
		return fmt.Errorf("the new key is made, and its request is not (%s rotate cancel takes the key away): %w", build.Program, err)
	}
	r.known.New, r.known.NewPublic, r.known.Request = under.Key, publicHash(under.Public()), under.Request
	if err := r.known.save(rotationRequested); err != nil {
		return err
	}
	if err := enroll.PutRequest(r.Run, e, under); err != nil {
		return fmt.Errorf("%w; %s rotate start prints the request again", err, build.Program)
	}
	r.Say.Note("the old key stays in use. Next: send the CSR to your CA, then: %s rotate finish --certificate FILE --upload-out upload.pem", build.Program)
	return enroll.AttestKey(r.Run, e, under)
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
	return fmt.Errorf("%w: the key in the configuration is %s, which would fit the new key, too: write the whole address there first, with ;object=NAME or ;slot=SLOT (%s keys shows it)", settings.ErrSettings, address, build.Program)
}

// newPlace returns where the second key goes: beside the first, under another name or in another slot.
func (r *Session) newPlace(old config.Address, order RotateOrder) (config.Address, error) {
	card, isCard := old.(pivuri.URI)
	switch {
	case isCard && order.Object != "":
		return nil, fmt.Errorf("%w: --object is for tokens, and %s is on a card: say --slot", settings.ErrSettings, old)
	case isCard:
		return r.newSlot(card, order.Slot)
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
func (r *Session) newSlot(card pivuri.URI, wanted string) (config.Address, error) {
	card = enroll.WithSerial(r.Run, card)
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
	cards, err := piv.List(r.Ctx, whole, r.Device.CardOptions(whole))
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
func (r *Session) Finish(order RotateOrder, command string) error {
	switch {
	case r.known.Step == "" || r.known.Step == rotationMaking:
		return fmt.Errorf("%w: there is nothing to finish:\n%s", errRotation, r.known.Text())
	case order.Answer == "" && order.UploadOut+order.ChainOut != "":
		return explain.Usagef(command, "--upload-out and --chain-out are for --certificate: they are made of the CA's answer")
	case order.Answer == "" && r.known.Step == rotationRequested:
		return fmt.Errorf("%w: the new key has no certificate yet: give the CA's answer, %s rotate finish --certificate FILE", errRotation, build.Program)
	}
	fresh, address, err := r.withKey(r.known.New)
	if err != nil {
		return err
	}
	if order.Answer != "" {
		if err := r.store(fresh, address, order); err != nil {
			return err
		}
	}
	who, err := login.Whoami(fresh, "")
	if err != nil {
		return r.notYet(err)
	}
	if !strings.EqualFold(who.UserID, r.known.Email) && !order.NewUser {
		return fmt.Errorf("%w: Anaplan says that the new certificate is %s's, and %s's was asked for: nothing was changed; if that is meant, say --new-user", errRotation, who.UserID, r.known.Email)
	}
	r.Say.Note("the new key logs in as %s", who.UserID)
	if err := r.takeOver(fresh, r.known.Old, r.known.New, rotationStored, rotationSwitched); err != nil {
		return err
	}
	r.Say.Note("%s has the new key. The old one stays as it is: when you are sure, disable its certificate in Anaplan (%s), and then: %s rotate retire", r.known.Config, enroll.WhereToRegister, build.Program)
	return nil
}

// store puts the CA's answer beside the new key, unless it is somebody else's.
func (r *Session) store(fresh *device.Run, address config.Address, order RotateOrder) error {
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
	if email := agent.Email(got.Leaf); !strings.EqualFold(email, r.known.Email) && !order.NewUser {
		return fmt.Errorf("%w: the certificate is for %q, and %q was asked for: it is not stored; if that is meant, say --new-user", errRotation, email, r.known.Email)
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
	if r.known.Step != rotationSwitched && r.known.Step != rotationSwitching {
		if err := r.known.save(rotationStored); err != nil {
			return err
		}
	}
	if e.UploadOut == "" {
		return nil
	}
	if err := console.WriteOut(r.Ctx, e.UploadOut, device.EncodePEM("CERTIFICATE", got.Leaf.Raw)); err != nil {
		return fmt.Errorf("the file to upload: %w", err)
	}
	r.Say.Note("wrote %s, the one certificate that Anaplan needs", e.UploadOut)
	return nil
}

// notYet words that the new key does not log in. Right after its certificate was stored that is as
// it should be.
func (r *Session) notYet(err error) error {
	if !errors.Is(err, anaplan.ErrBadCredential) {
		return fmt.Errorf("the new key does not log in, so the old one stays in use: %w", err)
	}
	return &agent.Problem{
		Code: agent.CodeLoginRefused, Human: true,
		Message: fmt.Sprintf("the new certificate is stored, and Anaplan does not take it yet, so the old key stays in use (%v)", err),
		Hints: []string{
			fmt.Sprintf("have a tenant administrator register it (%s > Add Certificates): the file is that of --upload-out, or: %s cert --key %s > upload.pem", enroll.WhereToRegister, build.Program, shell.Quote(r.known.New)),
			"then: " + build.Program + " rotate finish",
		},
	}
}

// switchTo puts another key into the configuration, if it is not there already. first keeps what the
// file was before the rotation.
func (r *Session) switchTo(before, after string, first bool) error {
	users, err := r.users(mustAddress(after))
	if err != nil {
		return err
	}
	for _, name := range users {
		if name == r.known.Profile {
			return nil // somebody has put it there by hand, or an interruption came after it
		}
	}
	if first && r.known.Step != rotationSwitched {
		if err := r.keepConfig(); err != nil {
			return fmt.Errorf("keeping %s as it was: %w", r.known.Config, err)
		}
	}
	if err := r.known.save(rotationSwitching); err != nil {
		return err
	}
	return r.writeKey(before, after)
}

// keepConfig keeps the configuration file as it was before the rotation.
func (r *Session) keepConfig() error {
	data, err := console.ReadInput(r.known.Config)
	if err != nil {
		return err
	}
	backup := r.known.Config + ".before-rotation"
	if err := atomicfile.Write(backup, data, atomicfile.Options{Like: r.known.Config}); err != nil {
		return err
	}
	r.Say.Note("kept %s as it was in %s", r.known.Config, backup)
	return nil
}

// writeKey writes the configuration file with another key in it.
func (r *Session) writeKey(before, after string) error {
	data, err := console.ReadInput(r.known.Config)
	if err != nil {
		return err
	}
	changed, err := config.ReplaceKey(r.known.Config, data, r.known.Profile, before, after)
	if err != nil {
		return fmt.Errorf("%w: %w; then call this again", settings.ErrSettings, err)
	}
	return atomicfile.Write(r.known.Config, changed, atomicfile.Options{})
}

// mustAddress reads an address that this program has written.
func mustAddress(text string) config.Address {
	address, _ := config.ParseAddress(text)
	return address
}

// Back puts the old key into the configuration again, if it still logs in.
func (r *Session) Back() error {
	if r.known.Step != rotationSwitched && r.known.Step != rotationSwitching {
		return fmt.Errorf("%w: there is nothing to go back from:\n%s", errRotation, r.known.Text())
	}
	old, _, err := r.withKey(r.known.Old)
	if err != nil {
		return err
	}
	if _, err := login.Whoami(old, ""); err != nil {
		return fmt.Errorf("the old key does not log in any more, so the new one stays in use: %w", err)
	}
	if err := r.takeOver(old, r.known.New, r.known.Old, rotationSwitched, rotationBack); err != nil {
		return err
	}
	r.Say.Note("%s has the old key again; %s rotate finish switches once more, rotate cancel deletes the new key", r.known.Config, build.Program)
	return nil
}

// Retire deletes the old key, which nothing uses any more.
func (r *Session) Retire(yes bool, order enroll.CardFlags) error {
	if r.known.Step != rotationSwitched {
		return fmt.Errorf("%w: the old key is still in use:\n%s", errRotation, r.known.Text())
	}
	users, err := r.users(mustAddress(r.known.New))
	if err != nil {
		return err
	}
	if !strings.Contains("\x00"+strings.Join(users, "\x00")+"\x00", "\x00"+r.known.Profile+"\x00") {
		return fmt.Errorf("%w: profile %s in %s does not have the new key any more, so the old one is not deleted: %s rotate finish puts it there", errRotation, r.known.Profile, r.known.Config, build.Program)
	}
	fresh, _, err := r.withKey(r.known.New)
	if err != nil {
		return err
	}
	if _, err := login.Whoami(fresh, ""); err != nil {
		return fmt.Errorf("the new key does not log in, so the old one is not deleted: %w", err)
	}
	if err := r.agentHas(fresh); err != nil {
		return err
	}
	if err := r.delete(r.known.Old, r.known.OldPublic, "the old key", yes, order); err != nil {
		return err
	}
	r.Say.Note("delete the old certificate in Anaplan, too: %s", enroll.WhereToRegister)
	return r.known.forget()
}

// Cancel deletes the new key, which nothing uses yet.
func (r *Session) Cancel(yes bool, order enroll.CardFlags) error {
	switch r.known.Step {
	case "":
		return fmt.Errorf("%w: none is under way", errRotation)
	case rotationSwitched, rotationSwitching:
		return fmt.Errorf("%w: the new key is in use; %s rotate back first", errRotation, build.Program)
	case rotationMaking:
		made, err := r.interrupted()
		if err != nil {
			return err
		}
		if made == nil {
			r.Say.Note("the new key was not made")
			return r.known.forget()
		}
		r.known.NewPublic = publicHash(made.Public)
	}
	if err := r.delete(r.known.New, r.known.NewPublic, "the new key", yes, order); err != nil {
		return err
	}
	if r.known.Step != rotationRequested {
		r.Say.Note("if its certificate was registered in Anaplan, delete it there, too: %s", enroll.WhereToRegister)
	}
	return r.known.forget()
}

// delete deletes a key of the rotation: that one and no other that an address may mean by now.
func (r *Session) delete(text, public, what string, yes bool, order enroll.CardFlags) error {
	again := r.known.Deleting
	address, err := r.locate(mustAddress(text), public)
	if again && errors.Is(err, errKeyGone) {
		r.Say.Note("%s was deleted before the interruption", what)
		return nil
	}
	if err != nil {
		return err
	}
	if err := r.unused(address); err != nil {
		return err
	}
	if err := r.confirm(yes, fmt.Sprintf("%s, %s,", what, address)); err != nil {
		return err
	}
	r.known.Deleting = true
	if err := r.known.save(r.known.Step); err != nil {
		return err
	}
	deleted, err := r.deleteKey(address, order)
	for _, what := range deleted {
		r.Say.Note("deleted %s", what)
	}
	if errors.Is(err, piv.ErrUnsupported) && (len(deleted) > 0 || again) { // without its certificate nothing logs in with it
		r.Say.Warn("%v", err)
		return nil
	}
	return err
}

func (r *Session) deleteKey(address config.Address, order enroll.CardFlags) (deleted []string, err error) {
	card, ok := address.(pivuri.URI)
	if !ok {
		return hsm.Delete(r.Ctx, address.(uri.URI), r.Device.TokenOptions(address.(uri.URI)))
	}
	err = r.WriteCard(order.ManagementKey, card, func(options piv.Options) (err error) {
		deleted, err = piv.Delete(r.Ctx, card, options)
		return err
	})
	return deleted, err
}

// errKeyGone says that the key which is to be deleted is not there.
var errKeyGone = errors.New("the key of the rotation is not there")

// locate returns the whole address of the key that has a public key.
func (r *Session) locate(address config.Address, public string) (config.Address, error) {
	found, err := enroll.KeysAt(r.Run, address)
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
