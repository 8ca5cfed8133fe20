package pivtest

import "bytes"

// What YubiKeys are sold with.
const (
	factoryPIN = "123456"
	factoryPUK = "12345678"
)

// References of VERIFY and CHANGE (SP 800-73-4 part 2 section 3.2).
const (
	referencePIN = 0x80
	referencePUK = 0x81
)

// reference is a PIN or PUK and its counter. left is below max after wrong ones, and 0 when
// it is blocked, from which only the PUK or RESET leads back.
type reference struct {
	value     [8]byte // filled up with FF
	left, max int
}

// newReference returns one that nobody has tried yet; 0 tries are the factory's three.
func newReference(value string, tries int) reference {
	if tries == 0 {
		tries = 3
	}
	r := reference{max: tries}
	r.set(value)
	return r
}

// set sets a value, which fills the counter.
func (r *reference) set(value string) {
	filled := bytes.Repeat([]byte{0xFF}, len(r.value))
	copy(filled, value)
	r.value = [8]byte(filled)
	r.left = r.max
}

// pins are the PIN and the PUK, and whether the PIN was right.
type pins struct {
	quirks   Quirks
	pin, puk reference
	verified bool
	wrong    int // PINs that were compared, ever
}

// compare compares a PIN or PUK and counts. A blocked one is not compared at all: that it was
// right must not be told any more.
func (p *pins) compare(r *reference, pin []byte) uint16 {
	switch {
	case r.left <= 0:
		return swBlocked
	case bytes.Equal(pin, r.value[:]):
		r.left = r.max
		return swOK
	}
	r.left--
	if r == &p.pin {
		p.wrong++
	}
	if r.left == 0 && p.quirks.LastWrongPIN != 0 {
		return p.quirks.LastWrongPIN
	}
	return r.tries()
}

// tries is the counter as a status word. It has four bits.
func (r *reference) tries() uint16 { return swTries | uint16(min(max(r.left, 0), 15)) }

// wellFormed checks the form of a PIN: 6 to 8 characters, filled up with FF. YubiKeys take
// any, though SP 800-73-4 part 1 section 4.3 says digits. One that cannot be right costs
// no try, which the standard allows.
func (p *pins) wellFormed(pin []byte) uint16 {
	digits := bytes.TrimRight(pin, "\xFF")
	switch {
	case len(pin) != 8 || bytes.IndexByte(digits, 0xFF) >= 0:
		return swWrongData
	case len(digits) < 6:
		return orElse(p.quirks.ShortPIN, swWrongData)
	}
	return swOK
}

// verify is VERIFY (SP 800-73-4 part 2 section 3.2.1); without data it asks for the
// counter, and with FF in P1 it logs out. A wrong PIN logs out too.
func (p *pins) verify(a apdu) uint16 {
	if a.p2 != referencePIN {
		return swReferenceNotFound
	}
	if a.p1 == 0xFF && len(a.data) == 0 {
		p.verified = false
		return swOK
	}
	if a.p1 != 0 {
		return swWrongParameters
	}
	if len(a.data) == 0 {
		return p.query()
	}
	if sw := p.wellFormed(a.data); sw != swOK {
		return sw
	}
	sw := p.compare(&p.pin, a.data)
	p.verified = sw == swOK
	return sw
}

// query tells that the PIN is verified, and if not how often it may be wrong: a client
// cannot see the counter of a PIN that is verified.
func (p *pins) query() uint16 {
	switch {
	case p.verified:
		return swOK
	case p.pin.left <= 0:
		return orElse(p.quirks.BlockedQuery, swBlocked)
	}
	return p.pin.tries()
}

// change is CHANGE REFERENCE DATA (SP 800-73-4 part 2 section 3.2.2): the old one and the
// new one. It does not log in.
func (p *pins) change(a apdu) uint16 {
	r := map[byte]*reference{referencePIN: &p.pin, referencePUK: &p.puk}[a.p2]
	switch {
	case r == nil:
		return swReferenceNotFound
	case a.p1 != 0:
		return swWrongParameters
	}
	tries := p.pin.left
	sw := p.replace(r, r, a.data)
	if p.pin.left < tries { // as after VERIFY
		p.verified = false
	}
	return sw
}

// resetRetry is RESET RETRY COUNTER (SP 800-73-4 part 2 section 3.2.3): the PUK and a new
// PIN. What counts down is the PUK.
func (p *pins) resetRetry(a apdu) uint16 {
	switch {
	case a.p2 != referencePIN:
		return swReferenceNotFound
	case a.p1 != 0:
		return swWrongParameters
	}
	return p.replace(&p.puk, &p.pin, a.data)
}

// replace sets a new value where the proof is right. The new one is looked at first: a
// person who mistypes it loses no try.
func (p *pins) replace(proof, r *reference, data []byte) uint16 {
	if len(data) != 16 {
		return swWrongData
	}
	if sw := p.wellFormed(data[8:]); sw != swOK {
		return sw
	}
	if sw := p.compare(proof, data[:8]); sw != swOK {
		return sw
	}
	r.set(string(data[8:]))
	return swOK
}

// setRetries is SET PIN RETRIES, which puts back the factory's PIN and PUK, as a surprise
// to many. It takes both PIN and management key (docs.yubico.com, PIV, set PIN retries).
func (p *applet) setRetries(a apdu) uint16 {
	if !p.manager.proved || !p.pins.verified {
		return swSecurityStatus
	}
	if a.p1 == 0 || a.p2 == 0 {
		return swWrongParameters
	}
	p.pins.pin, p.pins.puk = newReference(factoryPIN, int(a.p1)), newReference(factoryPUK, int(a.p2))
	return swOK
}

// reset is RESET, which takes a blocked PIN and a blocked PUK and no other proof: anyone who can
// block them can destroy what is on the card, and gets nothing of it.
func (p *applet) reset() uint16 {
	if p.pins.pin.left > 0 || p.pins.puk.left > 0 {
		return orElse(p.options.Quirks.ResetRefused, swConditions)
	}
	if err := p.restoreFactory(); err != nil {
		return swFailed
	}
	return swOK
}

// orElse returns a status word, or another where it is 0.
func orElse(sw, otherwise uint16) uint16 {
	if sw == 0 {
		return otherwise
	}
	return sw
}
