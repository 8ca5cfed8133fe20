package uri

import "strings"

// Token is what a token and its slot say of themselves (CK_TOKEN_INFO,
// CK_SLOT_INFO).
type Token struct {
	Label        string
	Manufacturer string
	Serial       string
	Model        string

	Slot             uint
	SlotDescription  string
	SlotManufacturer string
}

// Object is what an object on a token says of itself.
type Object struct {
	Label string // CKA_LABEL
	ID    []byte // CKA_ID
	Class string // a value of the attribute type: "private", "public", "cert", ...
}

// Library is what a module says of itself (CK_INFO).
type Library struct {
	Manufacturer string
	Description  string
	Version      string // "2.6"
}

// MatchToken reports whether the address fits the token and its slot (RFC 7512
// section 2.5). Attributes that the address does not have are not compared.
func (u URI) MatchToken(t Token) bool {
	slot, ok := u.SlotID()
	return (!ok || slot == t.Slot) &&
		u.fits("token", t.Label) &&
		u.fits("manufacturer", t.Manufacturer) &&
		u.fits("serial", t.Serial) &&
		u.fits("model", t.Model) &&
		u.fits("slot-description", t.SlotDescription) &&
		u.fits("slot-manufacturer", t.SlotManufacturer)
}

// MatchObject reports whether the address fits the object. Attributes that the
// address does not have are not compared.
func (u URI) MatchObject(o Object) bool {
	id, hasID := u.Get(nameID)
	class, hasClass := u.Get(nameType)
	label, hasLabel := u.Get("object")
	return (!hasID || id == string(o.ID)) &&
		(!hasClass || class == o.Class) &&
		(!hasLabel || label == o.Label)
}

// MatchLibrary reports whether the address fits the module. Attributes that the
// address does not have are not compared.
func (u URI) MatchLibrary(l Library) bool {
	version, ok := u.Get(nameLibraryVersion)
	return (!ok || fullVersion(version) == fullVersion(l.Version)) &&
		u.fits("library-manufacturer", l.Manufacturer) &&
		u.fits("library-description", l.Description)
}

// fits compares an attribute with a field that PKCS#11 pads with blanks.
func (u URI) fits(name, field string) bool {
	value, ok := u.Get(name)
	// Both, since addresses are also copied from tools that print the padding.
	return !ok || unpad(value) == unpad(field)
}

// unpad removes the blanks that the standard asks for at the end of a field, and
// the zeros that some modules put there.
func unpad(field string) string { return strings.TrimRight(field, " \x00") }

// fullVersion adds the minor version 0, which may be left out (RFC 7512 section
// 2.3).
func fullVersion(version string) string {
	if strings.Contains(version, ".") {
		return version
	}
	return version + ".0"
}
