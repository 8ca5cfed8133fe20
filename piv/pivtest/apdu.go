package pivtest

import "slices"

// Status words (ISO 7816-4 tables 5 and 6, SP 800-73-4 part 2 section 4 and table 2).
// Where the standards leave a choice, these are YubiKeys', as far as Yubico's documents
// tell; where cards are known to differ, Quirks overrules.
const (
	swOK                = 0x9000
	swMore              = 0x6100
	swTries             = 0x63C0
	swWrongLength       = 0x6700
	swSecurityStatus    = 0x6982
	swBlocked           = 0x6983
	swConditions        = 0x6985
	swWrongData         = 0x6A80
	swNoFunction        = 0x6A81
	swNotFound          = 0x6A82
	swNoSpace           = 0x6A84
	swWrongParameters   = 0x6A86
	swReferenceNotFound = 0x6A88
	swUnknownINS        = 0x6D00
	swWrongLe           = 0x6C00
	swUnknownCLA        = 0x6E00
	swFailed            = 0x6F00
)

// apdu is a command, or one link of a chain that makes one. Its data is the reader's
// memory until collect has joined the links.
type apdu struct {
	cla, ins, p1, p2 byte
	data             []byte
	expected         int  // the most that the answer may have
	noLe             bool // which the command did not say
}

// parseAPDU reads a command, short or extended (ISO 7816-4 section 5.1). Which of the
// seven cases it is follows from its length and its fifth byte: nothing in it says so,
// and one that fits none of them is refused as a whole.
func parseAPDU(raw []byte) (a apdu, sw uint16) {
	if len(raw) < 4 {
		return a, swWrongLength
	}
	a = apdu{cla: raw[0], ins: raw[1], p1: raw[2], p2: raw[3], expected: 256}
	body := raw[4:]
	switch {
	case len(body) == 0:
		a.noLe = true
		return a, swOK
	case len(body) == 1:
		a.expected = expected(body)
		return a, swOK
	case body[0] == 0:
		return a, a.takeExtended(body[1:])
	}
	return a, a.takeData(body[1:], int(body[0]), 1)
}

// expected reads an Le of one or two bytes, of which zeros mean the most there is.
func expected(le []byte) int {
	n, most := 0, 1
	for _, b := range le {
		n, most = n<<8|int(b), most<<8
	}
	if n == 0 {
		return most
	}
	return n
}

// takeExtended reads two bytes of length and what follows; two bytes alone are Le. It
// begins behind the zero that marks extended lengths.
func (a *apdu) takeExtended(body []byte) uint16 {
	if len(body) < 2 {
		return swWrongLength
	}
	if len(body) == 2 {
		a.expected = expected(body)
		return swOK
	}
	return a.takeData(body[2:], int(body[0])<<8|int(body[1]), 2)
}

// takeData reads so many bytes, behind which Le may stand. Many clients, Yubico's among
// them, leave it out and want an answer all the same: they get one as if it were 0.
func (a *apdu) takeData(body []byte, length, leSize int) uint16 {
	if length == 0 || len(body) != length && len(body) != length+leSize {
		return swWrongLength
	}
	a.data, a.noLe = body[:length], len(body) == length
	if len(body) > length {
		a.expected = expected(body[length:])
	}
	return swOK
}

// maximumChain keeps a client that never ends from filling memory. It bounds what a chain of
// commands may collect. The largest object of a YubiKey has some 3 kB.
const maximumChain = 16 << 10

// Transmit answers a command. What does not parse is answered at once: it is not a command of any
// instruction, so no fault fits it, and Commands does not list it.
//
// The lock is taken within, piece by piece: a card that a fault freezes must still be
// thawed, and asked by a test what it has had.
func (c *Card) Transmit(raw []byte) []byte {
	a, sw := parseAPDU(raw)
	if sw == swOK && a.cla&^0x10 != 0 {
		sw = swUnknownCLA
	}
	quirks := c.chip.piv.options.Quirks
	if sw == swOK && quirks.OnlyT0 {
		sw = fitsT0(raw, a)
	}
	if sw != swOK {
		return withStatus(nil, sw)
	}
	if a.noLe && (quirks.StrictLe || quirks.OnlyT0) {
		a.expected = 0
	}
	fault, thaw := c.next(a)
	if fault == nil {
		return c.answer(a, 0)
	}
	answer, done := fault.before(thaw)
	if done {
		c.breakOff(a, lastWord(answer))
		return answer
	}
	answer = c.answer(a, fault.AfterSW)
	if fault.After != nil {
		fault.After()
	}
	return answer
}

// fitsT0 refuses what T=0 has no place for (ISO 7816-3 section 12.2): extended lengths, and a command
// with data and Le. A command with data is answered by 61XX, after which GET RESPONSE fetches its
// data; one without must say exactly how much is to come, and 6CXX tells it.
func fitsT0(raw []byte, a apdu) uint16 {
	if len(a.data) > 0 && !a.noLe || len(raw) > 5+len(a.data) {
		return swWrongLength
	}
	return swOK
}

// byT0 gives data only to a command that asks for exactly as much. It never says how much is left,
// so that a client meets 6CXX each time.
func (l *line) byT0(a apdu, data []byte, sw uint16) ([]byte, uint16) {
	if sw&0xFF00 == swMore {
		sw = swMore
	}
	if len(data) == 0 || len(data) == a.expected {
		return data, sw
	}
	l.rest = concat(data, l.rest)
	return nil, swWrongLe | uint16(len(data)&0xFF)
}

// answer answers a command that is well formed, with another status word alone if one is
// given. It notes the command down when it is done, so that Commands tells of each how it
// ended.
func (c *Card) answer(a apdu, instead uint16) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	data, sw := c.line.collect(a, c.chip.execute)
	if c.chip.piv.options.Quirks.OnlyT0 {
		data, sw = c.line.byT0(a, data, sw)
	}
	if instead != 0 {
		data, sw, c.line.rest = nil, instead, nil
	}
	c.note(a, sw)
	return withStatus(data, sw)
}

// line takes long commands, and gives long answers, in parts.
type line struct {
	chain apdu   // what a chained command has so far
	rest  []byte // of an answer that did not fit
}

// collect takes the links of a chain (ISO 7816-4 section 5.3.3), executes the whole,
// and hands out the answer in pieces.
func (l *line) collect(a apdu, execute func(apdu) ([]byte, uint16)) (data []byte, sw uint16) {
	if a.ins == insGetResponse {
		return l.piece(a.expected, swOK)
	}
	l.rest = nil
	chain := l.chain
	l.chain = apdu{}
	// Another command between the links breaks the chain.
	if chain.ins == a.ins && chain.p1 == a.p1 && chain.p2 == a.p2 {
		// Not in place: the links are the reader's memory.
		a.data = concat(chain.data, a.data)
	}
	if len(a.data) > maximumChain {
		return nil, swNoSpace
	}
	if a.link() {
		l.chain = a
		l.chain.data = slices.Clone(a.data)
		return nil, swOK
	}
	l.rest, sw = execute(a)
	return l.piece(a.expected, sw)
}

// piece returns as much of the answer as fits, and how much is left (ISO 7816-4 section
// 5.3.4). The status word of the whole comes with the last piece; a client that takes
// the first for all of it is a client that this finds.
func (l *line) piece(size int, sw uint16) ([]byte, uint16) {
	if len(l.rest) <= size {
		data := l.rest
		l.rest = nil
		return data, sw
	}
	data := l.rest[:size]
	l.rest = l.rest[size:]
	return data, swMore | uint16(min(len(l.rest), 0xFF))
}

// link reports whether more of the command follows.
func (a apdu) link() bool { return a.cla&0x10 != 0 }

// withStatus appends a status word. The data may be the card's own memory, an object
// say, which must not be written on.
func withStatus(data []byte, sw uint16) []byte {
	return append(data[:len(data):len(data)], byte(sw>>8), byte(sw))
}

// Instructions: those of SP 800-73-4 part 2, and from 0xF6 on Yubico's own.
const (
	insVerify        = 0x20
	insChange        = 0x24
	insResetRetry    = 0x2C
	insGenerate      = 0x47
	insAuthenticate  = 0x87
	insSelect        = 0xA4
	insGetResponse   = 0xC0
	insGetData       = 0xCB
	insPutData       = 0xDB
	insMoveKey       = 0xF6
	insGetMetadata   = 0xF7
	insGetSerial     = 0xF8
	insAttest        = 0xF9
	insSetTries      = 0xFA
	insReset         = 0xFB
	insGetVersion    = 0xFD
	insImport        = 0xFE
	insSetManagement = 0xFF
)

// execute finds the application that is selected and has it answer. There is none after
// a reset: a client that forgets to select gets nowhere, though on some cards PIV is
// selected of itself.
func (c *chip) execute(a apdu) ([]byte, uint16) {
	if a.ins == insSelect {
		return c.selectApplication(a)
	}
	switch c.application {
	case aidPIV:
		return c.piv.execute(a)
	case aidOTP:
		return c.executeOTP(a)
	case aidManagement:
		return c.executeManagement(a)
	}
	return nil, swUnknownINS
}

// execute answers an instruction of the PIV application: the eight of SP 800-73-4
// part 2 table 2, of which SELECT and GET RESPONSE are handled before.
func (p *applet) execute(a apdu) ([]byte, uint16) {
	switch a.ins {
	case insVerify:
		return nil, p.pins.verify(a)
	case insChange:
		return nil, p.pins.change(a)
	case insResetRetry:
		return nil, p.pins.resetRetry(a)
	case insGenerate:
		return p.generate(a)
	case insAuthenticate:
		return p.authenticate(a)
	case insGetData:
		return p.getData(a)
	case insPutData:
		return nil, p.putData(a)
	}
	if !p.options.Maker.knows(a.ins) {
		return nil, swUnknownINS
	}
	return p.executeYubico(a)
}

// executeYubico answers the instructions that Yubico has added, each since the firmware
// that Yubico's documents name. To older ones it is unknown, by which clients find out
// what a card can do.
func (p *applet) executeYubico(a apdu) ([]byte, uint16) {
	switch {
	case a.ins == insGetVersion:
		return p.firmware[:], swOK
	case a.ins == insGetSerial && p.firmware.since(5, 0):
		return p.serialNumber(), swOK
	case a.ins == insGetMetadata && p.firmware.since(5, 3):
		return p.metadata(a)
	case a.ins == insAttest && p.attests():
		return p.attest(a)
	case a.ins == insMoveKey && p.firmware.since(5, 7):
		return nil, p.moveKey(a)
	case a.ins == insSetTries:
		return nil, p.setRetries(a)
	case a.ins == insReset:
		return nil, p.reset()
	case a.ins == insImport:
		return nil, p.importKey(a)
	case a.ins == insSetManagement:
		return nil, p.manager.set(a)
	}
	return nil, swUnknownINS
}
