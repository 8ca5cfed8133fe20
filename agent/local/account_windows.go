package local

import (
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf16"

	"golang.org/x/sys/windows"
)

// serviceName is the agent's name as a service, which has a user of its own: NT SERVICE\anaplan-agent.
const serviceName = "anaplan-agent"

// serviceSID returns the user of a service, which Windows makes of the name ("Service SIDs",
// [MS-DTYP] 2.4.2.4): only who may install services gets a process with it.
func serviceSID(name string) string {
	var text []byte
	for _, unit := range utf16.Encode([]rune(strings.ToUpper(name))) {
		text = binary.LittleEndian.AppendUint16(text, unit)
	}
	hash := sha1.Sum(text)
	sid := "S-1-5-80"
	for part := hash[:]; len(part) > 0; part = part[4:] {
		sid += fmt.Sprintf("-%d", binary.LittleEndian.Uint32(part))
	}
	return sid
}

// NameOf returns the name of a user, as DOMAIN\name, for a person; the SID itself of one that has none,
// or where the domain does not answer.
func NameOf(user string) string {
	sid, err := windows.StringToSid(user)
	if err != nil {
		return user
	}
	account, domain, _, err := sid.LookupAccount("")
	if err != nil {
		return user
	}
	return strings.TrimPrefix(domain+`\`+account, `\`)
}
