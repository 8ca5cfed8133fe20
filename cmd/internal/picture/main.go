// Command picture draws what a terminal has shown as an SVG, for README:
//
//	docs/session.sh bin | go run ./cmd/internal/picture 'a login with a key in an HSM' > docs/session.svg
//
// Lines that begin with "$ " are commands; "# " begins what the reader is told. Lines are not
// wrapped: one that is too wide fails.
package main

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

const (
	columns    = 100 // as many as a line may have
	cellWidth  = 8.4 // of a character, in pixels at a size of 14
	lineHeight = 19
	margin     = 18
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "picture: error: give the picture's title, and what the terminal has shown on standard input")
		os.Exit(2)
	}
	if err := draw(os.Stdout, os.Stdin, os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "picture: error:", err)
		os.Exit(1)
	}
}

// draw writes the picture of a text.
func draw(out io.Writer, text io.Reader, title string) error {
	lines, err := read(text)
	if err != nil {
		return err
	}
	width, height := columns*cellWidth+2*margin, len(lines)*lineHeight+2*margin
	var svg bytes.Buffer
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 %.0f %d" width="%.0f" height="%d">`+"\n", width, height, width, height)
	fmt.Fprintf(&svg, "<title>%s</title>\n", escaped(title))
	fmt.Fprint(&svg, `<style>text{font:14px ui-monospace,Menlo,Consolas,"DejaVu Sans Mono",monospace;fill:#d8dee9;white-space:pre}.command{fill:#fff;font-weight:bold}.remark{fill:#8fbcbb}</style>`+"\n")
	fmt.Fprint(&svg, `<rect width="100%" height="100%" rx="8" fill="#20242c"/>`+"\n")
	for i, line := range lines {
		fmt.Fprintf(&svg, `<text xml:space="preserve" x="%d" y="%d"%s>%s</text>`+"\n", margin, margin+(i+1)*lineHeight-5, class(line), escaped(line))
	}
	fmt.Fprintln(&svg, "</svg>")
	_, err = out.Write(svg.Bytes())
	return err
}

// read returns the lines of a text, without empty ones at its ends.
func read(text io.Reader) (lines []string, err error) {
	for scanner := bufio.NewScanner(text); ; {
		if !scanner.Scan() {
			err = scanner.Err()
			break
		}
		line := strings.TrimRight(scanner.Text(), " ")
		if utf8.RuneCountInString(line) > columns {
			return nil, fmt.Errorf("this line has more than %d columns: %s", columns, line)
		}
		lines = append(lines, line)
	}
	all := strings.Trim(strings.Join(lines, "\n"), "\n")
	if err == nil && all == "" {
		err = fmt.Errorf("nothing was shown")
	}
	return strings.Split(all, "\n"), err
}

// class returns the attribute for how a line looks.
func class(line string) string {
	switch {
	case strings.HasPrefix(line, "$ "):
		return ` class="command"`
	case strings.HasPrefix(line, "# "):
		return ` class="remark"`
	}
	return ""
}

func escaped(text string) string {
	var out strings.Builder
	xml.EscapeText(&out, []byte(text))
	return out.String()
}
