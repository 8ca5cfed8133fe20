package doctor

// A key on a card, without its PIN: the smartcard service, the reader, the card and what it
// tells of its PIN, and the keys in its slots.

import (
	"cmp"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/certread"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// cardLibrary is in the name of the library by which programs talk to cards.
const cardLibrary = "libpcsclite"

// lookAtCard looks at the service, the card and the key of an address.
func (p *Probe) lookAtCard(address pivuri.URI, cert *x509.Certificate) {
	p.step("looking for cards in the readers")
	all := address
	all.Slot = 0
	// All keys of the card, to name those that nearly fit.
	cards, err := piv.List(p.Ctx, all, piv.Options{Certificate: cert, Busy: p.Order.Limit / 4})
	if errors.Is(err, piv.ErrNoService) || errors.Is(err, hardware.ErrNoCgo) {
		f := p.findingOf("device.service", err)
		f.What += serviceState()
		p.add(f)
		return
	}
	p.ok("device.service", "the smartcard service answers")
	if err != nil {
		p.cardFailed(err)
		return
	}
	card := p.onlyCard(cards)
	if card == nil {
		return
	}
	p.Facts.Names = []pin.Device{{Label: card.Name, Serial: card.Identity, Card: true}}
	p.judgeTries(card)
	p.judgeFactory(card)
	p.judgeSlots(address, card, cert)
}

// serviceState says what there is to see of a smartcard service that does not answer.
func serviceState() string {
	if runtime.GOOS != "linux" {
		return ""
	}
	socket := cmp.Or(os.Getenv("PCSCLITE_CSOCK_NAME"), "/run/pcscd/pcscd.comm") // pcscd(8)
	switch _, err := os.Stat(socket); {
	case errors.Is(err, fs.ErrNotExist):
		return "; there is no socket " + socket
	case err != nil:
		return fmt.Sprintf("; its socket cannot be looked at: %v", err)
	}
	return "; its socket " + socket + " is there, so it has ended, or its polkit rules do not let this user in"
}

// cardFailed says why a card cannot be used, and who has it if somebody does.
func (p *Probe) cardFailed(err error) {
	f := p.findingOf("device.card", err)
	if errors.Is(err, piv.ErrBusy) {
		f.Check = "device.busy"
		f.What += holders(cardLibrary, nil)
	}
	p.add(f)
}

// onlyCard returns the one card that the address fits; nil without, which is told.
func (p *Probe) onlyCard(cards []piv.Card) *piv.Card {
	cards = slices.DeleteFunc(cards, func(card piv.Card) bool {
		if card.Err != nil {
			p.cardFailed(fmt.Errorf("the card in reader %q: %w", card.Reader, card.Err))
		}
		return card.Err != nil
	})
	switch len(cards) {
	case 0:
		return nil
	case 1:
		card := cards[0]
		p.ok("device.card", "%s%s is in reader %q", card.Name, device.Firmware(device.ListedCard{Card: card}), card.Reader)
		return &card
	}
	p.several("device.card", "write the serial number of one into key: ", fmt.Sprintf("the address fits %d cards", len(cards)),
		texts(cards, func(card piv.Card) string { return card.Address.String() }))
	return nil
}

// judgeTries says how many wrong PINs the card still takes.
func (p *Probe) judgeTries(card *piv.Card) {
	switch {
	case card.Tries == 0:
		p.Facts.PINSpent = "the card no longer accepts a PIN"
		p.fail("device.pin", p.findingOf("device.pin", &piv.CardError{Err: &hardware.PINError{Locked: true}}).Do, "the PIN of %s is blocked", card.Name)
	case card.Tries == 1:
		p.Facts.PINSpent = "one more wrong PIN blocks it, and the last try is a person's to spend"
		p.fail("device.pin", "log in once by hand with the right PIN, which sets the counter back: "+build.Program+" login --socket none --pin prompt",
			"%s has one PIN try left, which is not spent without a person's yes", card.Name)
	case card.Tries == 2:
		p.Facts.PINDoubt = "a wrong PIN was sent before; --login says that the one that is set now is right"
		p.warn("device.pin", "look the PIN up before it is sent again", "%s has 2 PIN tries left, so a wrong one was sent", card.Name)
	case card.Tries < 0:
		p.info("device.pin", "", "%s does not tell how many PIN tries are left", card.Name)
	default:
		p.ok("device.pin", "%s has %d PIN tries left", card.Name, card.Tries)
	}
}

// judgeFactory says what of the factory's the card still has. Newer ones tell that of
// themselves, so nothing is tried.
func (p *Probe) judgeFactory(card *piv.Card) {
	p.step("asking %s whether its PIN is the factory's", card.Name)
	factory, err := piv.ReadFactory(card.Reader)
	switch {
	case err != nil:
		p.skip("device.factory_pin", fmt.Sprintf("%s does not tell whether its PIN is the factory's%s: %v", card.Name, oldFirmware(card), err))
	case factory.PIN:
		p.fail("device.factory_pin", "set another: ykman piv access change-pin (or yubico-piv-tool -a change-pin)", "%s has the PIN that cards of its kind are sold with, so anybody who finds it can log in", card.Name)
	case factory.PUK:
		p.warn("device.factory_pin", "set another: ykman piv access change-puk (or yubico-piv-tool -a change-puk)", "%s has the PUK that cards of its kind are sold with, so anybody who finds it can set a new PIN", card.Name)
	default:
		p.ok("device.factory_pin", "%s has neither PIN nor PUK of the factory", card.Name)
	}
}

// oldFirmware says why a YubiKey does not tell of its PIN; "" for cards of other makers.
func oldFirmware(card *piv.Card) string {
	if !strings.HasPrefix(card.Name, "YubiKey") {
		return ""
	}
	return " (firmware before 5.3 does not)"
}

// judgeSlots looks at the key that the address means.
func (p *Probe) judgeSlots(address pivuri.URI, card *piv.Card, given *x509.Certificate) {
	var meant []piv.KeyInfo
	for _, key := range card.Keys {
		if key.Certificate != nil && key.Address.Slot != address.Slot {
			p.Facts.Chain = append(p.Facts.Chain, key.Certificate.Raw)
		}
		if address.Slot == key.Address.Slot || address.Slot == 0 && mayLogIn(key, given) {
			meant = append(meant, withGiven(key, given))
		}
	}
	switch len(meant) {
	case 0:
		p.noSlot(address, card, given)
	case 1:
		p.judgeSlot(meant[0])
	default:
		p.several("device.key", oneKey, fmt.Sprintf("%s has %d keys with certificates", card.Name, len(meant)), texts(meant, slotAddress))
	}
}

// mayLogIn reports whether a login would consider a key that is named by no slot: one of
// type RSA that the given certificate is of, or any.
func mayLogIn(key piv.KeyInfo, given *x509.Certificate) bool {
	public, isRSA := key.Public.(*rsa.PublicKey)
	switch {
	case given != nil:
		return isRSA && public.Equal(given.PublicKey)
	case key.Certificate == nil:
		return false
	}
	_, certifiesRSA := key.Certificate.PublicKey.(*rsa.PublicKey)
	return isRSA || key.Public == nil && certifiesRSA
}

// withGiven puts the certificate of a file in the place of the slot's own.
func withGiven(key piv.KeyInfo, given *x509.Certificate) piv.KeyInfo {
	aboutCertificate := errors.Is(key.Problem, hardware.ErrNoCertificate) || errors.Is(key.Problem, hardware.ErrCertificateMismatch) ||
		errors.Is(key.Problem, hardware.ErrCertificateExpired) || errors.Is(key.Problem, hardware.ErrCertificateNotYetValid)
	if given == nil || key.Problem != nil && !aboutCertificate {
		return key
	}
	key.Certificate, key.Problem = given, nil
	if public, ok := key.Public.(*rsa.PublicKey); ok && !public.Equal(given.PublicKey) {
		key.Problem = fmt.Errorf("%w: %s does not belong to this key", hardware.ErrCertificateMismatch, certread.Name(given.Subject))
	}
	return key
}

// slotAddress returns the address of a key.
func slotAddress(key piv.KeyInfo) string { return key.Address.String() }

// noSlot says that the address means no key that shows, and what there is instead.
func (p *Probe) noSlot(address pivuri.URI, card *piv.Card, given *x509.Certificate) {
	mayBeThere := card.Untold != nil && (address.Slot != 0 || len(card.Keys) == 0)
	switch {
	case mayBeThere && given != nil && address.Slot != 0:
		p.Facts.Ready, p.Facts.Certificate = true, given.Raw
		p.skip("device.key", fmt.Sprintf("whether there is the key of the file's certificate cannot be told: %v; anaplan.sign shows it", card.Untold.In(address.Slot)))
	case mayBeThere:
		p.skip("device.key", fmt.Sprintf("whether there is a key cannot be told: %v", card.Untold.In(address.Slot)))
		p.fail("certificate.present", keyOnCard(address, card), "there is no certificate to log in with: none on the card for such a key, and none in a file (--certificate)")
	case len(card.Keys) > 0:
		p.fail("device.key", oneKey+strings.Join(texts(card.Keys, slotAddress), " or "), "no key of %s with a certificate fits %s", card.Name, address)
	default:
		p.fail("device.key", keyOnCard(address, card), "there is no key on %s", card.Name)
	}
}

// keyOnCard is what to do for a key where none shows.
func keyOnCard(address pivuri.URI, card *piv.Card) string {
	return strings.Join(device.KeyOnCard(*card, address.Slot), "; ")
}

// judgeSlot says whether a key can log in, and what a person has to do for that.
func (p *Probe) judgeSlot(key piv.KeyInfo) {
	if key.Certificate != nil {
		p.Facts.Certificate = key.Certificate.Raw
	}
	p.Facts.NoPIN = key.PIN == piv.PINNever
	p.Facts.Touch = key.Touch == piv.TouchAlways || key.Touch == piv.TouchCached
	name := fmt.Sprintf("the key in slot %s", key.Address.Slot)
	var problem error
	if key.Problem != nil {
		problem = &piv.CardError{Err: fmt.Errorf("%s: %w", name, key.Problem)}
	}
	p.judgeLogin(name, key.Type, device.CardKeyState(key), problem)
	p.judgeTouch(key)
}

// judgeTouch says what a touch means for a login that nobody waits for.
func (p *Probe) judgeTouch(key piv.KeyInfo) {
	if !p.Facts.Touch {
		return
	}
	const do = "touch_command tells somebody in time; a key without touch is made by: " + build.Program + " enroll --touch-policy never"
	what := fmt.Sprintf("the key in slot %s wants a touch for each login (%s)", key.Address.Slot, key.Touch)
	if p.Order.Unattended {
		p.warn("device.touch", do, "%s, and token_file needs a token without a person", what)
	} else {
		p.info("device.touch", do, "%s, which an agent without a person waits for in vain", what)
	}
}
