package pivtest

import (
	"cmp"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options say what a card is like. The zero value is a YubiKey 5.4.3 as it is sold.
type Options struct {
	Maker    Maker  // "": a YubiKey
	Firmware string // "4.3.5", "5.4.3", "5.7.1"; "": 5.4.3, or what the maker's cards tell
	Serial   uint32 // 0: 12345678
	PIN, PUK string // "": 123456 and 12345678, the factory's

	PINTries, PUKTries int // wrong ones before it blocks; 0: 3

	ManagementKey []byte // nil: the factory's, which ManagementAlgorithm must fit
	// ManagementAlgorithm is the algorithm's reference (SP 800-78-4 table 6-2); 0: that
	// of the firmware, 3DES before 5.7 and AES-192 from there.
	ManagementAlgorithm byte

	NoPIV bool // a card of another kind: there is no PIV application to select

	TouchTime time.Duration // how long a touch is waited for; 0: 15 s
	Quirks    Quirks

	// Keys makes the RSA keys. nil: crypto/rsa does, which takes seconds for long ones.
	Keys func(bits int) (*rsa.PrivateKey, error)
}

// Quirks are answers in which PIV cards differ: a client must depend on none of them.
type Quirks struct {
	SelectClearsPIN bool   // by selecting PIV again
	LastWrongPIN    uint16 // answer to the PIN that blocks; 0: 63C0
	BlockedQuery    uint16 // answer to a query of a blocked PIN; 0: 6983
	ShortPIN        uint16 // answer to a PIN of fewer than 6 digits; 0: 6A80
	AttestEmpty     uint16 // answer to ATTEST of an empty slot; 0: 6A80
	SignEmpty       uint16 // answer to a signature by an empty slot; 0: 6A88
	MetadataEmpty   uint16 // answer to GET METADATA of an empty slot; 0: 6A88
	ResetRefused    uint16 // answer to RESET while the PIN or the PUK is not blocked; 0: 6985
	BadSignatures   bool   // each signature has a wrong bit
	FirstSelect     uint16 // answer to the first SELECT after each power up; 0: as to all others
	StrictLe        bool   // a command without Le gets no data, but 61XX
	OnlyT0          bool   // it speaks T=0 and no T=1: see byT0
	NoPolicies      bool   // METADATA tells 0 as the PIN policy of each key
}

// Card is a virtual PIV card. Its keys lie in memory for anybody to read: it is for
// tests.
//
// Transmit, PowerUp and ATR are a reader's, one call at a time. All other methods may
// be called by other goroutines meanwhile.
type Card struct {
	probe

	mu   sync.Mutex // not held while a touch is waited for, or a fault waits
	line line
	chip chip
}

// applet is the PIV application, and all that it keeps.
type applet struct {
	options  Options
	firmware version
	pins     pins
	manager  manager
	sensor   *sensor
	keys     map[byte]*key
	objects  map[uint32][]byte
	attestor *attestor
}

// NewCard returns a card.
func NewCard(options Options) (*Card, error) {
	if err := options.Maker.check(); err != nil {
		return nil, err
	}
	options.Firmware = cmp.Or(options.Firmware, traits[options.Maker].firmware, "5.4.3")
	if options.Serial == 0 {
		options.Serial = 12345678
	}
	if options.TouchTime == 0 {
		options.TouchTime = 15 * time.Second
	}
	if options.Keys == nil {
		options.Keys = generateRSA
	}
	firmware, err := parseVersion(options.Firmware)
	if err != nil {
		return nil, err
	}
	c := &Card{probe: probe{thaw: make(chan struct{})}}
	touch := &sensor{mu: &c.mu, limit: options.TouchTime, thawed: c.thawed}
	c.chip.piv = applet{
		options: options, firmware: firmware, sensor: touch,
		pins: pins{quirks: options.Quirks}, manager: manager{firmware: firmware, wrong: traits[options.Maker].wrongKey, sensor: touch},
	}
	if err := c.chip.piv.restoreFactory(); err != nil {
		return nil, err
	}
	return c, c.chip.piv.personalize()
}

// restoreFactory makes the card as it is sold, also after RESET. The attestation key
// stays: it is put in when the card is made, and cannot be had again.
func (p *applet) restoreFactory() (err error) {
	p.pins.pin = newReference(factoryPIN, p.options.PINTries)
	p.pins.puk = newReference(factoryPUK, p.options.PUKTries)
	p.manager.key = factoryManagementKey(p.firmware, p.options.Maker)
	p.keys, p.objects = map[byte]*key{}, map[uint32][]byte{}
	p.pins.verified, p.manager.proved = false, false
	if p.attestor == nil {
		if p.attestor, err = newAttestor(p.options.Serial); err != nil {
			return err
		}
	}
	if p.attests() {
		p.objects[attestationObject] = encodeCertificate(p.attestor.certificate.Raw)
	}
	return nil
}

// forget makes the application forget who has proved what.
func (p *applet) forget() { p.pins.verified, p.manager.proved, p.manager.challenge = false, false, nil }

// personalize applies the options that differ from the factory's. What cannot be is
// refused here and not by the card later, since a test with a PIN that never fits would
// look for its fault elsewhere.
func (p *applet) personalize() error {
	for _, r := range []struct {
		at    *reference
		value string
	}{{&p.pins.pin, p.options.PIN}, {&p.pins.puk, p.options.PUK}} {
		if r.at.max < 1 || r.at.max > 255 {
			return fmt.Errorf("a PIN or PUK has 1 to 255 tries, not %d", r.at.max)
		}
		if r.value == "" {
			continue
		}
		if len(r.value) < 6 || len(r.value) > 8 || strings.Contains(r.value, "\xFF") {
			return errors.New("a PIN or PUK has 6 to 8 characters")
		}
		r.at.set(r.value)
	}
	if p.options.ManagementAlgorithm != 0 {
		p.manager.key.algorithm = p.options.ManagementAlgorithm
	}
	if p.options.ManagementKey != nil {
		p.manager.key.value = p.options.ManagementKey
	}
	_, err := p.manager.key.cipher()
	return err
}

// version is a firmware version: major, minor, patch, as GET VERSION answers it.
type version [3]byte

// parseVersion reads "5.4.3".
func parseVersion(text string) (v version, err error) {
	_, err = fmt.Sscanf(text, "%d.%d.%d", &v[0], &v[1], &v[2])
	if err != nil || text != fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2]) {
		return v, fmt.Errorf("firmware %q is not a version such as 5.4.3", text)
	}
	return v, nil
}

// since reports whether v is major.minor or later.
func (v version) since(major, minor byte) bool {
	return v[0] > major || v[0] == major && v[1] >= minor
}

// ATR returns the answer to reset: a YubiKey's, another maker's, or one that offers T=1 and says
// nothing else.
func (c *Card) ATR() []byte {
	switch options := c.chip.piv.options; {
	case options.Quirks.OnlyT0:
		return []byte("\x3B\x7D\x96\x00\x00\x80\x31\x80\x65\xB0\x83\x11\x17\xD6\x83\x00\x90\x00")
	case options.NoPIV:
		return []byte(traits[OtherMaker].atr)
	case options.Maker != Yubico:
		return []byte(traits[options.Maker].atr)
	case !c.chip.piv.firmware.since(5, 0):
		return []byte("\x3B\xF8\x13\x00\x00\x81\x31\xFE\x15Yubikey4\xD4")
	}
	return []byte("\x3B\xFD\x13\x00\x00\x81\x31\xFE\x15\x80\x73\xC0\x21\xC0\x57YubiKey\x40")
}

// PowerUp makes the card forget its session, as a reset does: pcscd resets a card when a
// client ends without letting go of it, and the PIN must be gone then.
func (c *Card) PowerUp() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.line, c.chip.application, c.chip.awake = line{}, "", false
	c.chip.piv.forget()
	c.chip.piv.sensor.touched = time.Time{}
}

// PutCertificate stores a slot's certificate, as PUT DATA does, not compressed.
func (c *Card) PutCertificate(slot byte, certificate *x509.Certificate) {
	c.PutObject(certificateObject(slot), encodeCertificate(certificate.Raw))
}

// Certificate returns a slot's certificate; nil where there is none, or not one that PutCertificate
// could have stored.
func (c *Card) Certificate(slot byte) *x509.Certificate {
	parts, _ := fields(c.Object(certificateObject(slot)))
	certificate, err := x509.ParseCertificate(parts[0x70])
	if err != nil {
		return nil
	}
	return certificate
}

// Object returns what a data object holds; nil where there is none.
func (c *Card) Object(tag uint32) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.chip.piv.objects[tag])
}

// PutObject stores a data object by its tag, whatever it holds; nil removes it.
func (c *Card) PutObject(tag uint32, data []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if data == nil {
		delete(c.chip.piv.objects, tag)
		return
	}
	c.chip.piv.objects[tag] = slices.Clone(data)
}

// PublicKey returns the public key in a slot; nil for an empty one.
func (c *Card) PublicKey(slot byte) crypto.PublicKey {
	c.mu.Lock()
	defer c.mu.Unlock()
	if k := c.chip.piv.keys[slot]; k != nil {
		return k.private.Public()
	}
	return nil
}

// PINTriesLeft and PUKTriesLeft return how many wrong ones are left.
func (c *Card) PINTriesLeft() int { return c.triesOf(&c.chip.piv.pins.pin) }
func (c *Card) PUKTriesLeft() int { return c.triesOf(&c.chip.piv.pins.puk) }

// triesOf reads a counter, which a command may just change.
func (c *Card) triesOf(r *reference) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return r.left
}

// WrongPINs returns how many wrong PINs the card has compared since it was made, whatever
// it answered. Unlike the tries that are left, nothing sets it back: no right PIN, no PUK
// and no RESET.
func (c *Card) WrongPINs() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.chip.piv.pins.wrong
}

// SetPINTriesLeft and SetPUKTriesLeft leave so many; 0 blocks.
func (c *Card) SetPINTriesLeft(tries int) { c.setTries(&c.chip.piv.pins.pin, tries) }
func (c *Card) SetPUKTriesLeft(tries int) { c.setTries(&c.chip.piv.pins.puk, tries) }

// setTries sets a counter as wrong tries would have, at a time of the test's choosing.
func (c *Card) setTries(r *reference, tries int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r.left = tries
}

// OnTouch sets the function that is asked for a touch: true is one, false means none in time. It
// may block. nil: every touch is given at once.
func (c *Card) OnTouch(touch func() bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.chip.piv.sensor.ask = touch
}

// Serial returns the serial number.
func (c *Card) Serial() uint32 { return c.chip.piv.options.Serial }

// Firmware returns the firmware's version, such as "5.4.3".
func (c *Card) Firmware() string { return c.chip.piv.options.Firmware }
