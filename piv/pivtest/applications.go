package pivtest

import (
	"encoding/binary"
	"strings"
)

// The applications (AIDs: SP 800-73-4 part 1 section 2.2; the others are Yubico's).
const (
	aidPIV        = "\xA0\x00\x00\x03\x08\x00\x00\x10\x00\x01\x00"
	aidOTP        = "\xA0\x00\x00\x05\x27\x20\x01\x01"
	aidManagement = "\xA0\x00\x00\x05\x27\x47\x11\x17"
)

// chip executes whole commands: it finds the application that is selected and has it answer.
type chip struct {
	application string // the AID that is selected; "": none
	awake       bool   // one has been asked for since the power came on
	piv         applet
}

// selectApplication selects by AID, which may be cut short (ISO 7816-4 section 5.3.1.1).
// What cannot be selected leaves the old one.
func (c *chip) selectApplication(a apdu) ([]byte, uint16) {
	first := !c.awake
	c.awake = true
	switch sw := c.piv.options.Quirks.FirstSelect; {
	case first && sw != 0:
		return nil, sw
	case a.p1 != 0x04:
		return nil, swWrongParameters
	}
	aid := c.findApplication(string(a.data))
	if aid == "" {
		return nil, swNotFound
	}
	if c.application != aid || c.piv.options.Quirks.SelectClearsPIN {
		c.piv.forget()
	}
	c.application = aid
	if a.p2 == 0x0C { // no answer wanted
		return nil, swOK
	}
	return c.describeApplication(aid), swOK
}

// findApplication finds an application by the beginning of its AID, of which the owner's
// part must be there (RID, ISO 7816-4 section 8.2.1.2): clients leave the version out. It
// returns the whole AID; "" for none.
func (c *chip) findApplication(prefix string) string {
	if len(prefix) < 5 {
		return ""
	}
	for _, aid := range []string{aidPIV, aidOTP, aidManagement} {
		if strings.HasPrefix(aid, prefix) && c.hasApplication(aid) {
			return aid
		}
	}
	return ""
}

// hasApplication reports whether this card has one. Without PIV it is any smart card,
// such as one for paying, and has none that is known here.
func (c *chip) hasApplication(aid string) bool {
	if aid == aidPIV {
		return !c.piv.options.NoPIV
	}
	return !c.piv.options.NoPIV && c.piv.options.Maker == Yubico
}

// describeApplication returns what SELECT answers: PIV's property template (SP
// 800-73-4 part 2 table 3), and the version of Yubico's own.
func (c *chip) describeApplication(aid string) []byte {
	switch aid {
	case aidPIV:
		template := concat(tlv(0x4F, []byte(aidPIV[5:])), tlv(0x79, tlv(0x4F, []byte(aidPIV[:5]))))
		if label := traits[c.piv.options.Maker].label; label != "" {
			template = concat(template, tlv(0x50, []byte(label)))
		}
		return tlv(0x61, template)
	case aidOTP:
		return append(c.piv.firmware[:], 1, 5, 0, 0)
	}
	return []byte("Virtual mgr - FW version " + c.piv.options.Firmware)
}

// executeOTP answers the OTP application, which older cards have the serial number in.
func (c *chip) executeOTP(a apdu) ([]byte, uint16) {
	if a.ins == 0x01 && a.p1 == 0x10 {
		return c.piv.serialNumber(), swOK
	}
	return nil, swUnknownINS
}

// executeManagement answers READ CONFIG, with serial number, version and form.
func (c *chip) executeManagement(a apdu) ([]byte, uint16) {
	if a.ins != 0x1D || !c.piv.firmware.since(4, 1) {
		return nil, swUnknownINS
	}
	info := concat(
		tlv(0x01, []byte{0x02, 0x3F}), // what USB can do
		tlv(0x02, c.piv.serialNumber()),
		tlv(0x03, []byte{0x02, 0x3F}), // what USB is allowed to do
		tlv(0x04, []byte{formFactor}),
		tlv(0x05, c.piv.firmware[:]),
	)
	return append([]byte{byte(len(info))}, info...), swOK
}

// formFactor is a keychain's with USB A.
const formFactor = 0x01

// serialNumber is as all three applications tell it: four bytes, the highest first.
func (p *applet) serialNumber() []byte {
	return binary.BigEndian.AppendUint32(nil, p.options.Serial)
}
