package config

import (
	"errors"
	"strings"
)

// Words splits a command as a POSIX shell does (section 2.2, quoting), without
// any expansion: a backslash keeps the next character, single quotes keep
// everything, double quotes keep all but a backslash before `"` or `\`.
//
// There is no expansion because no shell runs the command: what looks like a
// variable reaches the program as it is. Errors do not show the command.
func Words(command string) ([]string, error) {
	var (
		words  []string
		word   strings.Builder
		inWord bool
	)
	for rest := command; rest != ""; {
		// By bytes: the ones that mean something are ASCII, and no part of a UTF-8 rune is.
		text, used, err := next(rest)
		if err != nil {
			return nil, err
		}
		// A blank that is quoted or escaped took more than one byte.
		if used == 1 && isBlank(rest[0]) {
			if inWord {
				words = append(words, word.String())
			}
			word.Reset()
			inWord = false
		} else {
			word.WriteString(text)
			inWord = true
		}
		rest = rest[used:]
	}
	if inWord {
		words = append(words, word.String())
	}
	return words, nil
}

// next reads a quoted piece, an escaped character or a plain one, and says how
// many bytes it took.
func next(s string) (text string, used int, err error) {
	switch s[0] {
	case '\'':
		end := strings.IndexByte(s[1:], '\'')
		if end < 0 {
			return "", 0, errors.New("a single quote is not closed")
		}
		return s[1 : 1+end], end + 2, nil
	case '"':
		return doubleQuoted(s)
	case '\\':
		if len(s) == 1 {
			return "", 0, errors.New("there is nothing behind the backslash at the end")
		}
		return s[1:2], 2, nil
	}
	return s[:1], 1, nil
}

// doubleQuoted reads s up to the quote that closes its first character. A
// backslash before anything else stays, as in a shell.
func doubleQuoted(s string) (text string, used int, err error) {
	var out strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return out.String(), i + 1, nil
		case s[i] == '\\' && i+1 < len(s) && (s[i+1] == '"' || s[i+1] == '\\'):
			i++
		}
		out.WriteByte(s[i])
	}
	return "", 0, errors.New("a double quote is not closed")
}

// isBlank reports whether c separates words (the default IFS).
func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\n' }
