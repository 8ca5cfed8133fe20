package explain

import (
	"strings"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
)

// After returns the explanation for somebody who has just run a command, by its path without the
// program's name: a hint to run the same is "the same command again".
func (e Explanation) After(command, profile string) Explanation {
	hints := e.Hints
	e.Hints = nil
	for _, hint := range hints {
		if strings.HasPrefix(hint, "ask ") { // somebody else
			e.Hints = append(e.Hints, hint)
			continue
		}
		if profile != "" {
			hint = again(hint, build.Program+" "+command+" --profile "+profile)
		}
		e.Hints = append(e.Hints, again(hint, build.Program+" "+command))
	}
	return e
}

// again replaces a command in a hint, unless more belongs to it there: a flag or an argument.
func again(hint, command string) string {
	before, after, found := strings.Cut(hint, command)
	if !found {
		return hint
	}
	if !endsCommand(after) {
		return before + command + again(after, command)
	}
	return before + "the same command again" + again(after, command)
}

// endsCommand reports whether what follows a command in a hint is not a part of it: nothing, a
// punctuation mark, or a word of the sentence.
func endsCommand(after string) bool {
	if after == "" || strings.ContainsAny(after[:1], ",;.:)") {
		return true
	}
	word, isWord := strings.CutPrefix(after, " ")
	return isWord && word != "" && 'a' <= word[0] && word[0] <= 'z'
}
