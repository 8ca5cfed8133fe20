//go:build cgo

package hsm

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/remedies"
	"github.com/anaplan-agent/anaplan-agent/hsm/rv"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// token is a slot with an initialised token in it.
type token struct {
	*module
	slot    uint
	info    pkcs11.TokenInfo
	address uri.URI // of the token, see tokenAddress
	brief   uri.URI // the same as people get it, see survey.brief
	kind    string  // see hardware.PINRequest
}

// survey is what the slots of a module hold.
type survey struct {
	module *module
	fit    []token // tokens that fit the address
	others []token
	blank  []uint         // slots whose tokens are not initialised
	failed map[uint]error // slots that did not answer
}

// survey asks every slot. A slot that fails does not fail the others: a card that
// the module does not know must not keep a token next to it from working.
func (m *module) survey(address uri.URI) (*survey, error) {
	slots, err := m.slots()
	if err != nil {
		return nil, m.broken(rv.InWords("listing its slots", err))
	}
	found := &survey{module: m, failed: map[uint]error{}}
	for _, slot := range slots {
		info, err := m.tokenInfo(slot)
		if err != nil {
			m.odd = true
			found.failed[slot] = rv.InWords(fmt.Sprintf("asking slot %d for its token", slot), err)
			continue
		}
		// SoftHSM shows a blank one for the next token, without a name; and some tokens that have a name
		// set neither flag.
		if info.Flags&(pkcs11.CKF_TOKEN_INITIALIZED|pkcs11.CKF_USER_PIN_INITIALIZED) == 0 && info.Label == "" {
			found.blank = append(found.blank, slot)
			continue
		}
		t := token{module: m, slot: slot, info: info, address: tokenAddress(address, m.path, info)}
		if address.MatchToken(t.describe(address)) {
			found.fit = append(found.fit, t)
		} else {
			found.others = append(found.others, t)
		}
	}
	for _, tokens := range [][]token{found.fit, found.others} {
		for i, t := range tokens {
			tokens[i].brief, tokens[i].kind = found.brief(t), found.kind(t)
		}
	}
	return found, nil
}

// slots returns the slots with a token in them: a reader without a card says nothing.
// Some modules look for tokens only when somebody asks for all slots.
func (m *module) slots() ([]uint, error) {
	slots, err := m.slotList(true)
	if err != nil || len(slots) > 0 {
		return slots, err
	}
	m.odd = true
	if _, err := m.slotList(false); err != nil {
		return nil, err
	}
	return m.slotList(true)
}

// slotListTries is how often a list of slots is asked for that grows meanwhile.
const slotListTries = 3

// slotList asks for slots. miekg/pkcs11 asks how many there are first, and a token may be
// plugged in before the second question.
func (m *module) slotList(present bool) (slots []uint, err error) {
	for range slotListTries {
		if slots, err = m.GetSlotList(present); !rv.Is(err, pkcs11.CKR_BUFFER_TOO_SMALL) {
			break
		}
		m.odd = true
	}
	return slots, err
}

// tokenInfo asks a slot for its token. miekg/pkcs11 takes the blanks off the fields
// that PKCS#11 section 3.2 pads with them; some modules pad with zeros, which would
// stand in every address and every question for a PIN.
func (m *module) tokenInfo(slot uint) (pkcs11.TokenInfo, error) {
	info, err := m.GetTokenInfo(slot)
	for _, field := range []*string{&info.Label, &info.ManufacturerID, &info.Model, &info.SerialNumber} {
		*field = strings.TrimRight(*field, " \x00")
	}
	return info, err
}

// describe puts what the token says of itself beside the address. The slot is
// only asked if the address wants to know.
func (t token) describe(address uri.URI) uri.Token {
	described := uri.Token{
		Label:        t.info.Label,
		Manufacturer: t.info.ManufacturerID,
		Serial:       t.info.SerialNumber,
		Model:        t.info.Model,
		Slot:         t.slot,
	}
	_, description := address.Get("slot-description")
	_, manufacturer := address.Get("slot-manufacturer")
	if description || manufacturer {
		info, _ := t.GetSlotInfo(t.slot) // on failure the empty answer does not fit
		described.SlotDescription, described.SlotManufacturer = info.SlotDescription, info.ManufacturerID
	}
	return described
}

// tokenAddress returns the address of a token: how asked got to the module, and
// the token's label and serial number. The number of the slot is not in it, since
// it changes when a token is plugged in elsewhere, and with SoftHSM at any start.
// Nor is pin-source: what the address of a token is good for needs no PIN.
func tokenAddress(asked uri.URI, path string, info pkcs11.TokenInfo) uri.URI {
	address := asked.Without("token", "manufacturer", "serial", "model",
		"library-manufacturer", "library-version", "library-description",
		"slot-description", "slot-manufacturer", "slot-id",
		"object", "type", "id", "pin-source")
	_, byName := address.Get("module-name")
	if _, byPath := address.Get("module-path"); !byName && !byPath {
		address = address.With("module-path", filepath.ToSlash(path))
	}
	if info.Label != "" {
		address = address.With("token", info.Label)
	}
	if info.SerialNumber != "" {
		address = address.With("serial", info.SerialNumber)
	}
	return address
}

// one returns the only token that fits. It never takes the first of two: a PIN
// would go to the wrong one and cost it a try.
func (s *survey) one(address uri.URI) (token, error) {
	switch len(s.fit) {
	case 1:
		return s.fit[0], nil
	case 0:
		return token{}, s.none(address)
	}
	var named []token
	for _, t := range s.fit {
		for _, name := range []string{"object", "id"} { // as for the key, which is asked for as well
			if value, asked := address.Get(name); asked {
				t.brief = t.brief.With(name, value)
			}
		}
		named = append(named, t)
	}
	return token{}, &hardware.AmbiguousError{What: "tokens", Candidates: distinct(named)}
}

// none says which tokens there are instead, and which slots kept silent: the token
// that is missing may be in one of them.
func (s *survey) none(address uri.URI) error {
	var there strings.Builder
	for _, text := range distinct(s.others) {
		there.WriteString("\n  " + text)
	}
	for _, slot := range s.silent() {
		there.WriteString("\n  (" + s.failed[slot].Error() + ")")
	}
	foreign := remedies.Foreign(s.module.path, "", false)
	switch {
	case foreign != "" && there.Len() > 0:
		return fmt.Errorf("%w: %s; there are:%s\nand %s", ErrNoToken, address, there.String(), foreign)
	case foreign != "":
		return fmt.Errorf("%w: %s; %s", ErrNoToken, address, foreign)
	case len(s.others) == 0 && len(s.failed) > 0:
		return remedies.Hint(s.module.path, fmt.Errorf("%w: %s; there are:%s", ErrNoToken, address, there.String()))
	case there.Len() > 0:
		return fmt.Errorf("%w: %s; there are:%s", ErrNoToken, address, there.String())
	case len(s.blank) > 0:
		return remedies.Hint(s.module.path, fmt.Errorf("%w: %s; there is none but a blank one in slot %d, which is set up by: %s", ErrNoToken, address, s.blank[0], remedies.Initialisation(s.module.path, s.blank[0])))
	}
	return remedies.Hint(s.module.path, fmt.Errorf("%w: %s; the module shows no token at all", ErrNoToken, address))
}

// silent returns the slots that did not answer, in order: of one error there is one
// text, however often it is met.
func (s *survey) silent() []uint { return slices.Sorted(maps.Keys(s.failed)) }

// distinct returns addresses of tokens that tell them apart: where label and
// serial number are the same, with the slot.
func distinct(tokens []token) []string {
	count := map[string]int{}
	for _, t := range tokens {
		count[t.brief.String()]++
	}
	var addresses []string
	for _, t := range tokens {
		address := t.brief
		if count[address.String()] > 1 {
			address = address.With("slot-id", strconv.FormatUint(uint64(t.slot), 10))
		}
		addresses = append(addresses, address.String())
	}
	return addresses
}

// pinState reads the flags of the PIN counter, the worst first, since a token may
// set several. SoftHSM and TPMs do not count in flags, or not all of it.
func (t token) pinState() hardware.PINState {
	switch flags := t.info.Flags; {
	case flags&pkcs11.CKF_USER_PIN_LOCKED != 0:
		return hardware.PINLocked
	case flags&pkcs11.CKF_USER_PIN_FINAL_TRY != 0:
		return hardware.PINFinalTry
	case flags&pkcs11.CKF_USER_PIN_COUNT_LOW != 0:
		return hardware.PINLow
	}
	return hardware.PINFresh
}

func (t token) counter() hardware.PINCounter { return hardware.FlagCounter(t.pinState()) }

func (t token) has(flag uint) bool { return t.info.Flags&flag != 0 }
