//go:build cgo || windows

package piv

import (
	"bytes"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/piv/pcsc"
)

// Other makers' cards speak Yubico's protocol too, or as much of it as they like. They are called
// what they are, and what they can do is not taken from the version that they tell.

// makers are what cards say of themselves when they are powered, in any case, and what they are
// called. "": a YubiKey.
var makers = []struct{ said, name string }{
	{"yubi", ""}, // YubiKey, Yubikey4, YubikeyNEOr3
	{"canokey", "CanoKey"},
	{"nitrokey", "Nitrokey"},
}

// anyMaker is what a card is called that does not say what it is.
const anyMaker = "PIV card"

// The tags of SELECT's answer (NIST SP 800-73-4 part 2, table 3).
const (
	tagTemplate = 0x61
	tagLabel    = 0x50
)

// ask asks a card of another maker what it can do: whether it has a version, without which piv-go does
// not open it, and metadata. A card of T=0 piv-go does not reach.
func (m *model) ask(raw *rawCard) error {
	if raw.onlyT0 {
		m.plain, m.onlyT0, m.guid = true, true, raw.guid()
		return nil
	}
	version, err := raw.command(0xfd, 0x00, 0x00, nil)
	if _, refused := statusOf(err); refused || err == nil && len(version) != 3 {
		m.plain, m.guid = true, raw.guid()
		return nil
	}
	if err != nil {
		return err
	}
	_, err = raw.metadata(referenceManagement)
	if _, refused := statusOf(err); refused {
		m.silent, err = true, nil
	}
	return err
}

// maker returns what a card is called, from its ATR and its application's label; "" for a YubiKey, and
// where the service does not tell the ATR.
func (r *rawCard) maker() string {
	atr, err := pcsc.ATR(r.card)
	if err != nil {
		return ""
	}
	said := bytes.ToLower(atr)
	for _, m := range makers {
		if bytes.Contains(said, []byte(m.said)) {
			return m.name
		}
	}
	template, _ := element(r.selected, tagTemplate)
	if label, _ := element(template, tagLabel); strings.HasPrefix(string(label), "PivApplet") {
		return "PivApplet"
	}
	return anyMaker
}
