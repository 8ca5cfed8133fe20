package help

import (
	"strings"

	"github.com/spf13/pflag"
)

// leastText is how many columns the text of a flag needs beside its name.
const leastText = 30

// flagTexts returns the flags that are shown, with their texts broken. It is not pflag's
// FlagUsagesWrapped, which leaves all that follows a word longer than a line, such as a path, on that
// line.
func flagTexts(flags *pflag.FlagSet, columns int) string {
	all := strings.Split(flags.FlagUsages(), "\n") // a line for each
	var text strings.Builder
	flags.VisitAll(func(flag *pflag.Flag) {
		if flag.Hidden {
			return
		}
		_, usage := pflag.UnquoteUsage(flag)
		name, rest, _ := strings.Cut(all[0], usage)
		all = all[1:]
		text.WriteString(beside(name, usage+rest, columns))
	})
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
