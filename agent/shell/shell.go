// Package shell writes words as a POSIX shell reads them, and text as PowerShell does, for commands
// that are shown to people.
package shell

import "strings"

// Quote returns a word in single quotes, in which nothing is special but the quote itself (POSIX shell
// command language, section 2.2.2).
func Quote(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// Word returns a word as it is where a shell reads it so, and otherwise in quotes.
func Word(word string) string {
	const plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:=@%+,"
	if word == "" || strings.Trim(word, plain) != "" {
		return Quote(word)
	}
	return word
}

// Join returns words as a line for a shell.
func Join(words ...string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		quoted[i] = Word(word)
	}
	return strings.Join(quoted, " ")
}
