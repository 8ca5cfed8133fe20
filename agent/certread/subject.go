package certread

import (
	"crypto/x509/pkix"
	"slices"
	"strings"
)

// spoken are the attributes of names that people know by a word, and that pkix.Name writes as a number
// and bytes (RFC 2985 section 5.2.1, RFC 4519).
var spoken = map[string]string{
	"1.2.840.113549.1.9.1": "emailAddress", "0.9.2342.19200300.100.1.1": "UID", "0.9.2342.19200300.100.1.25": "DC",
	"2.5.4.4": "SN", "2.5.4.12": "title", "2.5.4.42": "GN",
}

// Name returns a name in one line, as its String does (RFC 2253), with those attributes in words.
func Name(name pkix.Name) string {
	var words []string
	rest := name
	rest.Names = nil
	for _, attribute := range name.Names {
		value, isText := attribute.Value.(string)
		if word := spoken[attribute.Type.String()]; isText && word != "" {
			words = append(words, word+"="+escaped(value))
		} else {
			rest.Names = append(rest.Names, attribute)
		}
	}
	slices.Reverse(words) // RFC 2253 begins with the last
	if text := rest.String(); text != "" {
		words = append(words, text)
	}
	return strings.Join(words, ",")
}

// special are the characters that RFC 2253 section 2.4 has a backslash before.
var special = strings.NewReplacer(`\`, `\\`, ",", `\,`, "+", `\+`, `"`, `\"`, "<", `\<`, ">", `\>`, ";", `\;`)

func escaped(value string) string {
	value = special.Replace(value)
	if strings.HasPrefix(value, "#") || strings.HasPrefix(value, " ") {
		value = `\` + value
	}
	if text, blank := strings.CutSuffix(value, " "); blank && text != "" {
		value = text + `\ `
	}
	return value
}
