package pivtest

// Origins of keys, as METADATA tells them.
const (
	originGenerated = 0x01
	originImported  = 0x02
)

// metadata is GET METADATA (docs.yubico.com, PIV, get metadata): of a key, of the PIN and
// the PUK with their counters, or of the management key. It takes no PIN, and says of
// each secret only whether it is still the factory's, which clients warn of. The tags are
// 1 algorithm, 2 policies, 3 origin, 4 public key, 5 factory's, 6 tries.
func (p *applet) metadata(a apdu) ([]byte, uint16) {
	switch {
	case a.p1 != 0:
		return nil, swWrongParameters
	case a.p2 == referencePIN:
		return p.pins.pin.metadata(factoryPIN), swOK
	case a.p2 == referencePUK:
		return p.pins.puk.metadata(factoryPUK), swOK
	case a.p2 == managementKeySlot:
		touch := byte(TouchNever)
		if p.manager.key.touch {
			touch = TouchAlways
		}
		return concat(
			tlv(0x01, []byte{p.manager.key.algorithm}),
			tlv(0x02, []byte{0, touch}),
			tlv(0x05, flag(string(p.manager.key.value) == string(factoryKey))),
		), swOK
	case a.p2 == attestationSlot:
		return p.attestor.metadata(), swOK
	case p.options.Maker.lacksSlot(a.p2):
		return nil, swWrongParameters
	case p.keys[a.p2] == nil:
		return nil, orElse(p.options.Quirks.MetadataEmpty, swReferenceNotFound)
	}
	return p.keys[a.p2].metadata(p.options.Quirks), swOK
}

// metadata tells whether a PIN or PUK is still the factory's, and its counter.
func (r *reference) metadata(factory string) []byte {
	return concat(
		tlv(0x01, []byte{0xFF}),
		tlv(0x05, flag(*r == reference{newReference(factory, r.max).value, r.left, r.max})),
		tlv(0x06, []byte{byte(r.max), byte(max(r.left, 0))}),
	)
}

// metadata tells what a key is and wants. The default policies are told as what they mean
// in the slot: clients need not know the table.
func (k *key) metadata(quirks Quirks) []byte {
	origin := byte(originImported)
	if k.policy.Generated {
		origin = originGenerated
	}
	pin := k.policy.PIN
	if quirks.NoPolicies {
		pin = 0
	}
	return concat(
		tlv(0x01, []byte{k.algorithm}),
		tlv(0x02, []byte{pin, k.policy.Touch}),
		tlv(0x03, []byte{origin}),
		tlv(0x04, k.publicFields()),
	)
}

// flag is how METADATA tells yes and no.
func flag(set bool) []byte {
	if set {
		return []byte{1}
	}
	return []byte{0}
}
