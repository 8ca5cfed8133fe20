package policy

// Reading a rule's text, word by word.

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/anaplan-agent/anaplan-agent/agent/nearest"
)

// maxRule bounds a rule: a path and its methods.
const maxRule = maxPath + 1024

// mistake is what is wrong with a rule, and where.
type mistake struct {
	at   int // bytes from the rule's beginning
	text string
}

// word is a piece of a rule between blanks; "" at the rule's end.
type word struct {
	text string
	at   int
}

// scanner reads a rule and keeps its first mistake. After one, it stands at the end, and what
// it returns means nothing.
type scanner struct {
	text    string
	at      int
	mistake *mistake
}

// fail notes a mistake, if it is the first.
func (s *scanner) fail(at int, format string, args ...any) {
	if s.mistake == nil {
		s.mistake = &mistake{at, fmt.Sprintf(format, args...)}
	}
	s.at = len(s.text)
}

// sound refuses text that no rule can have.
func (s *scanner) sound() {
	control := strings.IndexFunc(s.text, unicode.IsControl)
	switch {
	case len(s.text) > maxRule:
		s.fail(0, "the rule is longer than %d bytes", maxRule)
	case !utf8.ValidString(s.text):
		s.fail(strings.IndexRune(s.text, utf8.RuneError), "there is a byte that is not UTF-8; save the rule as UTF-8")
	case control >= 0:
		s.fail(control, "there is a control character; write blanks between words, and each rule as a text of its own")
	}
}

// skip goes over blanks and reports whether something follows.
func (s *scanner) skip() bool {
	for s.at < len(s.text) && s.text[s.at] == ' ' {
		s.at++
	}
	return s.at < len(s.text)
}

// word returns the next word.
func (s *scanner) word() word {
	s.skip()
	w := word{s.text[s.at:], s.at}
	if end := strings.IndexByte(w.text, ' '); end >= 0 {
		w.text = w.text[:end]
	}
	s.at += len(w.text)
	return w
}

// expect reads words that must follow. like is how the rule goes on from the first.
func (s *scanner) expect(like string, words ...string) {
	for _, want := range words {
		if w := s.word(); w.text != want {
			s.unexpected(w, like, want)
		}
	}
}

// end refuses whatever follows.
func (s *scanner) end(hint string) {
	if w := s.word(); w.text != "" {
		s.fail(w.at, "%s is too much here; %s", excerpt(w.text), hint)
	}
}

// unexpected says what stands in a word's place and what should.
func (s *scanner) unexpected(w word, like string, want ...string) {
	meant := nearest.Word(w.text, want)
	switch {
	case w.text == "":
		s.fail(w.at, "the rule ends too early; go on with %s", like)
	case meant != "":
		s.fail(w.at, "%s has no meaning here; did you mean %s?", excerpt(w.text), meant)
	default:
		s.fail(w.at, "%s has no meaning here; write %s", excerpt(w.text), like)
	}
}

// reference reads the id or the name of what.
func (s *scanner) reference(what string) reference {
	if s.skip() && s.text[s.at] == '"' {
		return reference{s.name(), true}
	}
	w := s.word()
	switch {
	case w.text == "" || w.text == "in":
		s.fail(w.at, "the %s is missing; write its name in double quotes, or its id", what)
	case strings.Contains(w.text, "*"):
		s.fail(w.at, "* stands in paths only; for every %s write a rule with methods and a path, as POST /2/0/models/*/processes/*/tasks", what)
	case !isID(w.text):
		s.fail(w.at, "%s is not an id, which is 32 hex digits or a number; write the name of the %s in double quotes", excerpt(w.text), what)
	}
	return reference{text: w.text}
}

// name reads a name in double quotes.
func (s *scanner) name() string {
	var name strings.Builder
	begin := s.at
	for s.at++; s.at < len(s.text); s.at++ {
		// By bytes: the ones that mean something are never part of another rune.
		switch s.text[s.at] {
		case '"':
			s.at++
			s.named(begin, name.String())
			return name.String()
		case '\\':
			s.escape()
		}
		if s.at < len(s.text) {
			name.WriteByte(s.text[s.at])
		}
	}
	s.fail(begin, `the name that begins here has no end; add a double quote`)
	return ""
}

// escape goes over a backslash in a name.
func (s *scanner) escape() {
	s.at++
	if s.at < len(s.text) && s.text[s.at] != '"' && s.text[s.at] != '\\' {
		s.fail(s.at-1, `a backslash stands before " or \ only; write \\ for a backslash`)
	}
}

// named checks a name and what follows its end.
func (s *scanner) named(begin int, name string) {
	switch {
	case name == "":
		s.fail(begin, "the name is empty; write it between the double quotes")
	case s.at < len(s.text) && s.text[s.at] != ' ':
		s.fail(s.at, `there is no blank behind the name; add one, or write \" for a double quote in the name`)
	}
}
