package main

import (
	"bytes"
	"encoding/xml"
	"slices"
	"strings"
	"testing"
)

// TestDraw: the picture is XML with each line as it was, and each kind of line looks its own way.
func TestDraw(t *testing.T) {
	var out bytes.Buffer
	shown := "\n# first\n$ echo '<&>'  \n<&>\n\n$ true\n\n"
	if err := draw(&out, strings.NewReader(shown), `"a" & b`); err != nil {
		t.Fatal(err)
	}
	var picture struct {
		Title string `xml:"title"`
		Text  []struct {
			Class string `xml:"class,attr"`
			Line  string `xml:",chardata"`
		} `xml:"text"`
	}
	if err := xml.Unmarshal(out.Bytes(), &picture); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, text := range picture.Text {
		lines = append(lines, text.Class+"|"+text.Line)
	}
	want := []string{"remark|# first", "command|$ echo '<&>'", "|<&>", "|", "command|$ true"}
	if picture.Title != `"a" & b` || !slices.Equal(lines, want) {
		t.Errorf("%q %q, want %q", picture.Title, lines, want)
	}
}

func TestDrawRefuses(t *testing.T) {
	for text, want := range map[string]string{
		"":                       "nothing was shown",
		"\n \n":                  "nothing was shown",
		strings.Repeat("x", 101): "more than 100 columns",
	} {
		var out bytes.Buffer
		if err := draw(&out, strings.NewReader(text), ""); err == nil || !strings.Contains(err.Error(), want) || out.Len() > 0 {
			t.Errorf("%q: %v, %q", text, err, out.String())
		}
	}
}
