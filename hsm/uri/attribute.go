package uri

import (
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"strings"
)

// part is the half of an address in which an attribute stands.
type part int

const (
	inPath  part = iota // before the "?"
	inQuery             // behind the "?"
)

// String names the part for a person.
func (p part) String() string {
	if p == inQuery {
		return `behind the "?"`
	}
	return `before the "?"`
}

// separator returns what stands between two attributes of the part.
func (p part) separator() byte {
	if p == inQuery {
		return '&'
	}
	return ';'
}

// reserved returns the reserved characters that values in the part may hold as
// they are (RFC 7512 section 2.3). "&" is left out of the path's, see the package
// documentation.
func (p part) reserved() string {
	if p == inQuery {
		return ":[]@!$'()*+,=/?|"
	}
	return ":[]@!$'()*+,="
}

// Names of attributes that the code speaks of.
const (
	nameID             = "id"
	nameType           = "type"
	nameSlotID         = "slot-id"
	nameLibraryVersion = "library-version"
	namePINValue       = "pin-value"
	vendorPrefix       = "x-"
)

// definition is an attribute of RFC 7512 section 2.3.
type definition struct {
	name string
	part part
	// check returns what is wrong with a value, "" if nothing is. nil: every
	// value is good.
	check func(value string) string
}

// definitions is in the order of the RFC's grammar, which String keeps.
// pin-value is missing on purpose.
var definitions = []definition{
	{name: "token"},
	{name: "manufacturer"},
	{name: "serial"},
	{name: "model"},
	{name: "library-manufacturer"},
	{name: nameLibraryVersion, check: checkVersion},
	{name: "library-description"},
	{name: "object"},
	{name: nameType, check: checkType},
	{name: nameID},
	{name: "slot-description"},
	{name: "slot-manufacturer"},
	{name: nameSlotID, check: checkSlotID},
	{name: "pin-source", part: inQuery},
	{name: "module-name", part: inQuery},
	{name: "module-path", part: inQuery},
}

// meant maps names that people try to the attribute that they want. They are in
// lower case, with "-" for "_".
var meant = map[string]string{
	"cka-id":        nameID,
	"cka-label":     "object",
	"class":         nameType,
	"key":           "object",
	"label":         "object",
	"lib":           "module-path",
	"library":       "module-path",
	"module":        "module-name",
	"name":          "object",
	"object-id":     nameID,
	"object-type":   nameType,
	"pin":           "pin-source",
	"pinfile":       "pin-source",
	"provider":      "module-path",
	"serial-number": "serial",
	"slot":          nameSlotID,
	"token-label":   "token",
	"token-name":    "token",
}

// types are the values of the attribute type.
var types = []string{"cert", "data", "private", "public", "secret-key"}

// lookUp returns the place of name in definitions, or -1.
func lookUp(name string) int {
	return slices.IndexFunc(definitions, func(d definition) bool { return d.name == name })
}

// namesIn lists the attributes of a part.
func namesIn(p part) string {
	var names []string
	for _, d := range definitions {
		if d.part == p {
			names = append(names, d.name)
		}
	}
	return strings.Join(names, ", ")
}

// checkType takes the classes of objects that RFC 7512 names.
func checkType(value string) string {
	if slices.Contains(types, value) {
		return ""
	}
	return fmt.Sprintf("there is no type %q; it is one of %s", value, strings.Join(types, ", "))
}

// checkSlotID takes what fits a CK_SLOT_ID, so that SlotID cannot fail later.
func checkSlotID(value string) string {
	// A CK_ULONG has the size of a C long, as uint has but on Windows.
	if _, err := strconv.ParseUint(value, 10, bits.UintSize); err != nil {
		return fmt.Sprintf("slot-id is a decimal number, not %q", value)
	}
	return ""
}

// checkVersion takes major and minor of a CK_VERSION; the minor may be left out.
func checkVersion(value string) string {
	major, minor, dotted := strings.Cut(value, ".")
	if isNumber(major) && (!dotted || isNumber(minor)) {
		return ""
	}
	return fmt.Sprintf("library-version is a number or two with a dot, as 2 or 2.6, not %q", value)
}

// isNumber reports whether s is decimal digits and nothing else.
func isNumber(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
