package pivtest

import (
	"fmt"
	"slices"
)

// Maker is who has made a card: its ATR, its slots, and what it knows of the instructions that Yubico
// has added to the standard.
type Maker string

const (
	// Yubico makes YubiKeys.
	Yubico Maker = ""
	// CanoKey speaks nearly all of Yubico's protocol, as a YubiKey 5.7 by the version that it tells:
	// it cannot attest, move or delete keys, has few slots, and its management key is 3DES
	// (github.com/canokeys/canokey-core, applets/piv).
	CanoKey Maker = "canokey"
	// PivApplet, for JavaCards, tells a version and a serial number and no metadata, as up to its
	// version 0.8, makes RSA keys of up to 2048 bits and none that want a touch, and answers a wrong
	// management key by 6A80. Older ones tell version 5.0.0 (github.com/arekinath/PivApplet,
	// PivApplet.java).
	PivApplet Maker = "pivapplet"
	// OtherMaker knows the instructions of the standard and no others, as a government's card does.
	OtherMaker Maker = "other"
)

// trait is how the cards of a maker differ from YubiKeys.
type trait struct {
	atr      string
	firmware string // that the card tells unless Options say another
	label    string // in SELECT's answer
	slots    []byte // nil: all
	lacks    []byte // Yubico's instructions that it does not know
	noTouch  bool   // it makes and takes no keys that want to be touched
	wrongKey uint16 // its answer to a wrong management key; 0: 6982
}

// traits are those of all makers but Yubico.
var traits = map[Maker]trait{
	CanoKey: {
		atr: "\x3B\xF7\x11\x00\x00\x81\x31\xFE\x65Canokey\x99", firmware: "5.7.0",
		slots: []byte{0x9A, 0x9C, 0x9D, 0x9E, 0x82, 0x83}, lacks: []byte{insAttest, insMoveKey, insSetTries},
	},
	PivApplet: {
		atr: "\x3B\x80\x80\x01\x01", firmware: "5.3.0", label: "PivApplet v0.8.1/RE",
		slots: slices.Concat([]byte{0x9A, 0x9C, 0x9D, 0x9E}, retired(0x82, 0x8C)), lacks: []byte{insAttest, insMoveKey, insGetMetadata},
		noTouch: true, wrongKey: swWrongData,
	},
	OtherMaker: {
		atr:   "\x3B\x80\x80\x01\x01",
		lacks: []byte{insMoveKey, insGetMetadata, insGetSerial, insAttest, insSetTries, insReset, insGetVersion, insImport, insSetManagement},
	},
}

// retired returns the slots from first to last.
func retired(first, last byte) (slots []byte) {
	for slot := first; slot <= last; slot++ {
		slots = append(slots, slot)
	}
	return slots
}

// check refuses a maker that is none of these.
func (m Maker) check() error {
	if _, known := traits[m]; !known && m != Yubico {
		return fmt.Errorf("maker %q is not one of canokey, pivapplet and other; without one it is Yubico", string(m))
	}
	return nil
}

// knows reports whether the maker's cards have an instruction, if their firmware does.
func (m Maker) knows(ins byte) bool { return !slices.Contains(traits[m].lacks, ins) }

// refuses reports whether the maker's cards have no keys of a policy.
func (m Maker) refuses(policy Policy) bool { return traits[m].noTouch && policy.Touch > TouchNever }

// hasSlot reports whether a slot can have a key.
func (m Maker) hasSlot(slot byte) bool { return isSlot(slot) && !m.lacksSlot(slot) }

// lacksSlot reports whether a slot is one that the maker has left out.
func (m Maker) lacksSlot(slot byte) bool {
	slots := traits[m].slots
	return slots != nil && !slices.Contains(slots, slot)
}
