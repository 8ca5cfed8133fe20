package enroll

// The subject of a request. Anaplan looks at the e-mail address alone, which stands
// elsewhere; but some CAs want organisation and country there, as their forms have them.

import (
	"cmp"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

// longestName is how long the parts of a subject may be (RFC 5280 appendix A.1,
// ub-common-name and the like), in characters.
const longestName = 64

// SubjectName returns the subject of the request: what --subject says, with the common name
// of --name, else the e-mail address.
func (e Enrolment) SubjectName() (pkix.Name, error) {
	name, err := parseSubject(e.Subject)
	if err != nil {
		return name, err
	}
	if name.CommonName != "" && e.Name != "" {
		return name, errors.New("--name is the CN of --subject: give it once")
	}
	name.CommonName = cmp.Or(name.CommonName, e.Name, e.Email)
	if length := utf8.RuneCountInString(name.CommonName); length > longestName && e.Name == "" {
		err = fmt.Errorf("the e-mail address has %d characters, and a certificate's common name can have %d: give a shorter one with --name, as --name %s", length, longestName, shell.Quote(e.ShortName()))
	} else if length > longestName {
		err = fmt.Errorf("--name has %d characters, and a certificate's common name can have %d: give a shorter one", length, longestName)
	}
	return name, err
}

// ShortName returns the e-mail address if it can be the common name, else as much of the part before
// its @ as can.
func (e Enrolment) ShortName() string {
	if utf8.RuneCountInString(e.Email) <= longestName {
		return e.Email
	}
	local, _, _ := strings.Cut(e.Email, "@")
	runes := []rune(local)
	return strings.TrimRight(string(runes[:min(len(runes), longestName)]), "-._+")
}

// parseSubject reads "CN=...,O=...,C=..": what is in RFC 4514, as far as CAs ask for it. A
// comma that belongs to a name has a backslash before it.
func parseSubject(text string) (pkix.Name, error) {
	var name pkix.Name
	if text == "" {
		return name, nil
	}
	for _, part := range splitSubject(text) {
		key, value, _ := strings.Cut(part, "=")
		key, value = strings.ToUpper(strings.TrimSpace(key)), strings.TrimSpace(value)
		if value == "" {
			return name, fmt.Errorf("%q has no value; write it as CN=Nightly load,O=Example AG,C=CH", part)
		}
		if err := CheckNamePart(key, value); err != nil {
			return name, err
		}
		if key == "CN" {
			if name.CommonName != "" {
				return name, errors.New("the CN is there twice")
			}
			name.CommonName = value
			continue
		}
		list := map[string]*[]string{
			"O": &name.Organization, "OU": &name.OrganizationalUnit, "C": &name.Country, "L": &name.Locality, "ST": &name.Province,
		}[key]
		if list == nil {
			return name, fmt.Errorf("%q is not one of CN, O, OU, C, L and ST; write it as CN=Nightly load,O=Example AG,C=CH", part)
		}
		*list = append(*list, value)
	}
	return name, nil
}

// CheckNamePart refuses what a certificate cannot hold.
func CheckNamePart(key, value string) error {
	switch {
	case !utf8.ValidString(value) || strings.ContainsFunc(value, console.IsUnprintable) || strings.Contains(value, "\n"):
		return fmt.Errorf("%s=%q contains unprintable characters", key, value)
	case key == "C" && (len(value) != 2 || strings.ToUpper(value) != value):
		return fmt.Errorf("the country %q: it is two capital letters, as C=DE", value)
	case utf8.RuneCountInString(value) > longestName:
		return fmt.Errorf("%s has more than %d characters", key, longestName)
	}
	return nil
}

// splitSubject splits at commas that have no backslash before them, and takes the
// backslashes away.
func splitSubject(text string) []string {
	parts := []string{""}
	escaped := false
	for _, r := range text {
		last := len(parts) - 1
		switch {
		case escaped:
			parts[last] += string(r)
			escaped = false
		case r == '\\':
			escaped = true
		case r == ',':
			parts = append(parts, "")
		default:
			parts[last] += string(r)
		}
	}
	return parts
}
