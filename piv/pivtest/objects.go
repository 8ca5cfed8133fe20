package pivtest

// Tags of data objects (SP 800-73-4 part 1 table 3; the last is Yubico's).
const (
	discoveryObject   = 0x7E
	attestationObject = 0x5FFF01
)

// certificateObject returns where a slot's certificate is (SP 800-73-4 part 1 table 3).
// Numbers follow the slots only for the retired ones, the last case.
func certificateObject(slot byte) uint32 {
	switch slot {
	case 0x9A:
		return 0x5FC105
	case 0x9C:
		return 0x5FC10A
	case 0x9D:
		return 0x5FC10B
	case 0x9E:
		return 0x5FC101
	case attestationSlot:
		return attestationObject
	}
	return 0x5FC10D + uint32(slot) - 0x82
}

// encodeCertificate is a certificate object: not compressed, no error code (SP 800-73-4
// part 1 table 10).
func encodeCertificate(der []byte) []byte {
	return concat(tlv(0x70, der), tlv(0x71, []byte{0}), tlv(0xFE))
}

// needsPIN reports whether an object is read by the holder of the PIN only (SP 800-73-4
// part 1 table 2). ykman keeps a management key in the printed information, so that it
// takes the PIN to write.
func needsPIN(tag uint32) bool {
	switch tag {
	case 0x5FC103, 0x5FC108, 0x5FC109, 0x5FC121: // fingerprints, face, printed information, iris
		return true
	}
	return false
}

// objectTag reads the tag list 5C, which has one tag here: of one byte for the discovery
// object, of three for all others.
func objectTag(data []byte) (tag uint32, rest []byte, ok bool) {
	list, name, rest, ok := parseTLV(data)
	if !ok || list != 0x5C || len(name) == 0 || len(name) > 3 {
		return 0, nil, false
	}
	for _, b := range name {
		tag = tag<<8 | uint32(b)
	}
	return tag, rest, true
}

// getData is GET DATA (SP 800-73-4 part 2 section 3.1.2). Without the PIN an object that
// needs it is refused also if it is not there: that it is would tell something.
func (p *applet) getData(a apdu) ([]byte, uint16) {
	tag, _, ok := objectTag(a.data)
	switch {
	case a.p1 != 0x3F || a.p2 != 0xFF:
		return nil, swWrongParameters
	case !ok:
		return nil, swWrongData
	case tag == discoveryObject:
		// The application PIN is the only one and the one that counts (PIN usage policy).
		return tlv(discoveryObject, tlv(0x4F, []byte(aidPIV)), tlv(0x5F2F, []byte{0x40, 0x00})), swOK
	case needsPIN(tag) && !p.pins.verified:
		return nil, swSecurityStatus
	case p.objects[tag] == nil:
		return nil, swNotFound
	}
	return tlv(0x53, p.objects[tag]), swOK
}

// putData is PUT DATA (SP 800-73-4 part 2 section 3.3.1); an empty object deletes. Any
// object may be written, also one that no standard names: Yubico's tools do.
func (p *applet) putData(a apdu) uint16 {
	tag, rest, ok := objectTag(a.data)
	container, data, _, well := parseTLV(rest)
	switch {
	case !p.manager.proved:
		return swSecurityStatus
	case a.p1 != 0x3F || a.p2 != 0xFF:
		return swWrongParameters
	case !ok || !well || container != 0x53 || tag>>16 != 0x5F:
		return swWrongData
	case len(data) > maximumObject:
		return swNoSpace
	case len(data) == 0 && p.options.Maker != CanoKey: // which keeps it, empty as it is
		delete(p.objects, tag)
		return swOK
	}
	p.objects[tag] = append([]byte{}, data...)
	return swOK
}

// maximumObject is about what a YubiKey 5 takes (3,063 bytes of certificate).
const maximumObject = 3072
