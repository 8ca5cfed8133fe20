package pivtest

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"time"
)

// cardState is a card as Save writes it: what it keeps without power. It is apart from
// Card, so that files of older versions can be read when Card changes.
type cardState struct {
	Firmware            string
	Serial              uint32
	Maker               Maker
	NoPIV               bool
	NoYubico            bool // in files from before there was Maker: OtherMaker
	TouchTime           time.Duration
	Quirks              Quirks
	PIN, PUK            referenceState
	ManagementAlgorithm byte
	ManagementKey       []byte
	ManagementTouch     bool
	Keys                map[byte]keyState
	Objects             map[uint32][]byte
	AttestationKey      []byte // PKCS #8
	AttestationCert     []byte
}

// referenceState is a PIN or PUK, in the clear.
type referenceState struct {
	Value     [8]byte
	Left, Max int
}

// keyState is a key, in the clear.
type keyState struct {
	Private []byte // PKCS #8
	Policy  Policy
}

// Save returns the card for LoadCard, with its keys and PIN as they are, in the clear.
// Faults, and what touches it, are not properties of a card and are not in it.
func (c *Card) Save() ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p := &c.chip.piv
	state := cardState{
		Firmware: p.options.Firmware, Serial: p.options.Serial,
		Maker: p.options.Maker, NoPIV: p.options.NoPIV,
		TouchTime: p.options.TouchTime, Quirks: p.options.Quirks,
		PIN: p.pins.pin.state(), PUK: p.pins.puk.state(),
		ManagementAlgorithm: p.manager.key.algorithm, ManagementKey: p.manager.key.value, ManagementTouch: p.manager.key.touch,
		Keys: map[byte]keyState{}, Objects: p.objects,
		AttestationCert: p.attestor.certificate.Raw,
	}
	var err error
	if state.AttestationKey, err = x509.MarshalPKCS8PrivateKey(p.attestor.private); err != nil {
		return nil, err
	}
	for slot, k := range p.keys {
		private, err := x509.MarshalPKCS8PrivateKey(k.private)
		if err != nil {
			return nil, fmt.Errorf("the key in slot %02x: %w", slot, err)
		}
		state.Keys[slot] = keyState{private, k.policy}
	}
	return json.MarshalIndent(state, "", "  ")
}

// state is a reference for Save.
func (r reference) state() referenceState {
	return referenceState{r.value, r.left, r.max}
}

// LoadCard returns a card that Save has written, as after PowerUp. New RSA keys are made
// by crypto/rsa, since Options.Keys cannot be saved. Its errors show nothing of the data:
// there are a PIN and keys in it.
func LoadCard(data []byte) (*Card, error) {
	var state cardState
	if err := json.Unmarshal(data, &state); err != nil {
		return nil, fmt.Errorf("this is not a card: %w", err)
	}
	if state.NoYubico {
		state.Maker = OtherMaker
	}
	c, err := NewCard(Options{
		Maker: state.Maker, Firmware: state.Firmware, Serial: state.Serial, NoPIV: state.NoPIV,
		TouchTime: state.TouchTime, Quirks: state.Quirks,
		ManagementKey: state.ManagementKey, ManagementAlgorithm: state.ManagementAlgorithm,
	})
	if err != nil {
		return nil, err
	}
	p := &c.chip.piv
	p.manager.key.touch = state.ManagementTouch
	p.pins.pin, p.pins.puk = state.PIN.reference(), state.PUK.reference()
	if state.Objects != nil {
		p.objects = state.Objects
	}
	if err := p.attestor.load(state.AttestationKey, state.AttestationCert); err != nil {
		return nil, err
	}
	for slot, k := range state.Keys {
		private, err := x509.ParsePKCS8PrivateKey(k.Private)
		if err != nil {
			return nil, fmt.Errorf("the key in slot %02x: %w", slot, err)
		}
		if err := c.PutKey(slot, private, k.Policy); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// Restore makes the card what it was when Save wrote it, in whatever reader it is, as after PowerUp.
// Faults, what touches it, WrongPINs and Commands stay; so does Options.Keys, unlike with LoadCard.
func (c *Card) Restore(saved []byte) error {
	was, err := LoadCard(saved)
	if err != nil {
		return err
	}
	c.PowerUp()
	c.mu.Lock()
	defer c.mu.Unlock()
	p, old := &c.chip.piv, &was.chip.piv
	if old.options.Serial != p.options.Serial || old.firmware != p.firmware {
		return fmt.Errorf("this is another card: %d, firmware %s", old.options.Serial, old.options.Firmware)
	}
	p.pins.pin, p.pins.puk, p.manager.key = old.pins.pin, old.pins.puk, old.manager.key
	p.keys, p.objects, p.attestor = old.keys, old.objects, old.attestor
	return nil
}

// reference is one that Save has written.
func (s referenceState) reference() reference {
	return reference{s.Value, s.Left, s.Max}
}

// load takes over an attestation key: with a new one, attestations of yesterday would
// not be of this card.
func (a *attestor) load(key, certificate []byte) error {
	private, err := x509.ParsePKCS8PrivateKey(key)
	if err != nil {
		return fmt.Errorf("the attestation key: %w", err)
	}
	var ok bool
	if a.private, ok = private.(*ecdsa.PrivateKey); !ok {
		return fmt.Errorf("the attestation key is %T", private)
	}
	a.certificate, err = x509.ParseCertificate(certificate)
	return err
}
