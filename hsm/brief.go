//go:build cgo

package hsm

import (
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// People copy addresses into configurations, and read them there for years. So they get the shortest
// that means one key, and will mean it tomorrow.

// brief returns the shortest address that means the token and no other one of the module's.
func (s *survey) brief(t token) uri.URI {
	others := slices.DeleteFunc(slices.Concat(s.fit, s.others), func(other token) bool { return other.slot == t.slot })
	for _, name := range []string{"token", "serial", "manufacturer"} {
		value, lasts := t.lasting(name)
		brief := t.address.Without("token", "serial").With(name, value)
		if lasts && !slices.ContainsFunc(others, func(other token) bool { return brief.MatchToken(other.describe(brief)) }) {
			return brief
		}
	}
	return t.address
}

// kind returns what tells a token by its serial number: its maker and its model. Some modules give
// several tokens one number, with a PIN each (openCryptoki; OpenSC the two PINs of an OpenPGP card): then
// their labels tell them apart, and it is "".
func (s *survey) kind(t token) string {
	_, lasts := t.lasting("serial")
	shared := func(other token) bool {
		return other.slot != t.slot && other.info.SerialNumber == t.info.SerialNumber && other.maker() == t.maker()
	}
	if !lasts || slices.ContainsFunc(s.fit, shared) || slices.ContainsFunc(s.others, shared) {
		return ""
	}
	return t.maker()
}

// maker returns the token's maker and model, by its own words.
func (t token) maker() string { return t.info.ManufacturerID + "/" + t.info.Model }

// lasting returns what the token says of itself by a name of RFC 7512, and whether it tells it from
// others and will stay. Of PIV cards OpenSC makes the label of the name in the first certificate;
// their maker's name stays. Tokens without a serial number often have one of zeros.
func (t token) lasting(name string) (value string, lasts bool) {
	isPIV := t.info.ManufacturerID == "piv_II"
	switch name {
	case "token":
		return t.info.Label, t.info.Label != "" && !isPIV
	case "serial":
		return t.info.SerialNumber, strings.Trim(t.info.SerialNumber, "0") != ""
	}
	return t.info.ManufacturerID, isPIV
}

// brief returns the shortest address that means the key among those that an address fits, on its
// token. Of keys that the address does not fit nothing is known.
func (k listedKey) brief(token, asked uri.URI, among []listedKey) uri.URI {
	_, byLabel := asked.Get("object")
	_, byID := asked.Get("id")
	label := k.label != "" && (byLabel || !byID) && k.only(among, func(x listedKey) string { return x.label })
	id := len(k.id) > 0 && (byID || !byLabel) && k.only(among, func(x listedKey) string { return string(x.id) })
	return k.shortest(token, label, id, k.isPublic)
}

// shortID is the length in bytes from which on an id helps nobody who reads it.
const shortID = 5

// shortest decides the address that people get of a key: by its label or its id, where these are its alone.
// The private key of one that stands for it (isPublic) may have another label.
func (k *keyObject) shortest(token uri.URI, label, id, isPublic bool) uri.URI {
	switch {
	case id && isPublic && len(k.id) < shortID:
		return token.With("id", string(k.id))
	case label:
		return token.With("object", k.label)
	case id:
		return token.With("id", string(k.id))
	}
	return k.address(token)
}

// asAsked returns the address of a key that was found by another one, by the names that led to it: that
// costs the token no question. alone: they led to no other key.
func (k *keyObject) asAsked(token, asked uri.URI, alone bool) uri.URI {
	label, byLabel := asked.Get("object")
	id, byID := asked.Get("id")
	switch {
	case !alone:
		return k.address(token)
	case !byLabel && !byID:
		return k.shortest(token, k.label != "", len(k.id) > 0, false)
	}
	if byLabel {
		token = token.With("object", label)
	}
	if byID {
		token = token.With("id", id)
	}
	return token
}

// only reports whether the key is the only one of a name.
func (k listedKey) only(among []listedKey, name func(listedKey) string) bool {
	return !slices.ContainsFunc(among, func(x listedKey) bool { return x.handle != k.handle && name(x) == name(k) })
}
