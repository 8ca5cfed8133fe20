package help

import (
	"fmt"
	"strings"

	"github.com/spf13/pflag"
)

// leastText is how many columns the text of a flag needs beside its name.
const leastText = 30

// flagTexts returns the flags that are shown, with their texts broken. It is not pflag's
// FlagUsagesWrapped, which leaves all that follows a word longer than a line, such as a path, on that
// line. Nor is it said of each switch that it may have a value, as pflag does.
func flagTexts(flags *pflag.FlagSet, columns int) string {
	all := strings.Split(flags.FlagUsages(), "\n") // a line for each
	var names, texts []string
	width := 0
	flags.VisitAll(func(flag *pflag.Flag) {
		if flag.Hidden {
			return
		}
		_, usage := pflag.UnquoteUsage(flag)
		name, rest, _ := strings.Cut(all[0], usage)
		all = all[1:]
		name = strings.TrimRight(strings.Replace(name, "[=true|false]", "", 1), " ")
		names, texts = append(names, name), append(texts, usage+rest)
		width = max(width, len(name)+3)
	})
	var text strings.Builder
	for i, name := range names {
		text.WriteString(beside(fmt.Sprintf("%-*s", width, name), texts[i], columns))
	}
	return text.String()
}

// beside returns a text beside a name, or below it where there is too little room.
func beside(name, text string, columns int) string {
	indent := len(name)
	if columns-indent < leastText {
		indent = 8
		name = strings.TrimRight(name, " ") + "\n" + strings.Repeat(" ", indent)
	}
	lines := broken(strings.Fields(text), columns-indent)
	return name + strings.Join(lines, "\n"+strings.Repeat(" ", indent)) + "\n"
}
