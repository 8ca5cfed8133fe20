// Package lookalike compares names that people cannot tell apart, and shows them so that they can.
// Names in Anaplan come from many keyboards, files and web pages, and macOS writes them decomposed.
//
// What means the same is narrow, for policies go by it: the same letters in other code points
// (Unicode's NFC and NFD), and blanks at the ends.
//
//	if lookalike.Key(a) == lookalike.Key(b) && a != b {
//		fmt.Printf("%s is not %s\n", lookalike.Quote(a), lookalike.Quote(b))
//
// What looks the same is wide, for only people go by it: see [Looks].
package lookalike

import (
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// Key returns what all names have in common that mean the same as this one. It is the name itself,
// unless that is decomposed or has blanks at its ends.
func Key(name string) string { return strings.TrimSpace(norm.NFC.String(name)) }

// Any returns a text that stands for all names that mean the same as this one, and is not itself a
// name: it has a NUL in it, which none has.
func Any(name string) string { return "\x00" + Key(name) }

// Quote returns the name in double quotes, with escapes for all that is not ASCII, so that names
// which look alike differ.
func Quote(name string) string { return strconv.QuoteToASCII(name) }

// Looks returns what a person sees of a name. It is the same for names that differ in what does
// not print (U+FEFF, U+200B), in kinds of blanks or their number (U+00A0), in the width of letters,
// or in letters of other scripts that look like Latin ones (the Cyrillic U+0430). Case matters.
func Looks(name string) string {
	seen := strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Cf, r), unicode.Is(unicode.Variation_Selector, r):
			return -1
		case !unicode.IsPrint(r):
			return ' '
		}
		return latin(r)
	}, norm.NFKC.String(name))
	return strings.Join(strings.Fields(seen), " ")
}

// Alike reports whether two different names look the same.
func Alike(a, b string) bool { return a != b && Looks(a) == Looks(b) }

// Shown returns how to show names so that people can tell them apart: a name as it is, or Quote of
// it where it is not what it looks like, or another one of them looks the same.
func Shown(names []string) []string {
	first := make(map[string]string, len(names)) // by what is seen
	twice := map[string]bool{}
	for _, name := range names {
		seen := Looks(name)
		if other, ok := first[seen]; ok && other != name {
			twice[seen] = true
		}
		first[seen] = name
	}
	shown := make([]string, len(names))
	for i, name := range names {
		shown[i] = name
		if Deceives(name) || twice[Looks(name)] {
			shown[i] = Quote(name)
		}
	}
	return shown
}

// Deceives reports whether a name has in it what a person takes for something else, or does not see:
// blanks at the ends or several in a row, what does not print, letters with their accents apart, and
// words with letters of two scripts that look alike.
func Deceives(name string) bool {
	if name != strings.Join(strings.Fields(name), " ") || name != norm.NFC.String(name) {
		return true
	}
	if strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return true
	}
	for _, word := range strings.FieldsFunc(name, func(r rune) bool { return !unicode.IsLetter(r) }) {
		isLatin := strings.ContainsFunc(word, func(r rune) bool { return unicode.Is(unicode.Latin, r) })
		if isLatin && strings.ContainsFunc(word, func(r rune) bool { return latin(r) != r }) {
			return true
		}
	}
	return false
}

// The letters of other scripts that fonts draw like Latin ones, and these (Unicode Technical Standard
// 39, confusables.txt, of which these are the letters that keyboards have).
const (
	strangers = "\u0410\u0412\u0415\u0405\u0406\u0408\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425" +
		"\u0430\u0441\u0435\u0456\u0458\u043e\u0440\u0455\u0443\u0445\u04bb\u0501\u051b\u051d" + // Cyrillic
		"\u0391\u0392\u0395\u0396\u0397\u0399\u039a\u039c\u039d\u039f\u03a1\u03a4\u03a5\u03a7\u03bf\u03bd" // Greek
	natives = "ABESIJKMHOPCTYX" + "aceijopsyxhdqw" + "ABEZHIKMNOPTYXov"
)

// latin returns the Latin letter that a letter looks like, or the letter.
func latin(r rune) rune {
	if r < 0x370 {
		return r
	}
	at := 0
	for _, stranger := range strangers {
		if stranger == r {
			return rune(natives[at])
		}
		at++
	}
	return r
}
