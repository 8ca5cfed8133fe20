package shell

import (
	"encoding/base64"
	"strings"
)

// PowerShell returns an expression whose value is text, for a line that PowerShell runs, as
// Invoke-Expression does. In single quotes nothing is special but a quote (about_Quoting_Rules).
// What is not plain ASCII is base64: PowerShell ends a text at typographic quotes, too, and reads
// what a program prints line by line, in a code page of its own.
func PowerShell(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
		return "[Text.Encoding]::UTF8.GetString([Convert]::FromBase64String('" + base64.StdEncoding.EncodeToString([]byte(text)) + "'))"
	}
	return "'" + strings.ReplaceAll(text, "'", "''") + "'"
}
