package certfile_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"mime/quotedprintable"
	"net/url"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/certfile"
)

// ways are what is done to a text on its way through other programs.
func ways(t *testing.T) map[string]func(string) string {
	t.Helper()
	lines := func(front, end string) func(string) string {
		return func(text string) string {
			return front + strings.Join(strings.Split(strings.TrimSpace(text), "\n"), end+front) + end
		}
	}
	quoted := func(text string) string {
		data, err := json.Marshal(text)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	return map[string]func(string) string{
		`\n`:                lines("", `\n`),
		`\r\n`:              lines("", `\r\n`),
		`\\n`:               lines("", `\\n`),
		"JSON":              quoted,
		"JSON within JSON":  func(text string) string { return quoted(quoted(text)) },
		"JSON in an object": func(text string) string { return `{"cert": ` + quoted(text) + `, "n": 1}` },
		"JSON of PHP":       func(text string) string { return strings.ReplaceAll(quoted(text), "/", `\/`) },
		"JSON of ASCII": func(text string) string {
			return strings.NewReplacer("+", `\u002b`, "=", `\u003D`).Replace(quoted(text))
		},
		"reply":                 lines("> ", "\n"),
		"reply to a reply":      lines(">> > ", "\r\n"),
		"reply without a blank": lines(">", "\n"),
		"reply to HTML":         lines("&gt; ", "\n"),
		"bars":                  lines("| ", "\n"),
		"<br>":                  lines("", "<br>"),
		"<br />":                lines("", "<br />\r\n"),
		"paragraphs":            lines("<p class=\"x\">", "</p>"),
		"page":                  func(text string) string { return "<html><body><pre>" + text + "</pre></body></html>" },
		"entities": func(text string) string {
			return strings.NewReplacer("+", "&#43;", "/", "&#x2F;", "=", "&#61;").Replace(text)
		},
		"entities and <br>": func(text string) string {
			return lines("", "<br>")(strings.ReplaceAll(html.EscapeString(text), " ", "&nbsp;"))
		},
		"percent": url.PathEscape,
		"form":    url.QueryEscape,
		"mail": func(text string) string {
			var out bytes.Buffer
			w := quotedprintable.NewWriter(&out)
			if _, err := w.Write([]byte(text + "ä=")); err != nil || w.Close() != nil {
				t.Fatal(err)
			}
			return "Content-Type: text/plain\n\n" + out.String()
		},
		"shell":                lines("", "\\\n"),
		"Java":                 lines(`    "`, "\\n\" +\n"),
		"Python":               lines(`    "`, "\\n\"\n"),
		"JavaScript":           lines("    '", "\\n' + \n"),
		"list":                 lines(`"`, "\",\n"),
		`\x0a`:                 lines("", `\x0a`),
		`\u000a`:               lines("", `\u000a`),
		"%0A":                  lines("", "%0A"),
		"<br> escaped":         lines("", "&lt;br&gt;"),
		"reply with a name":    lines("Ana> ", "\n"),
		"numbers of lines":     lines("  12  ", "\n"),
		"diff":                 lines("+", "\n"),
		"continued in Windows": lines("", " ^\n"),
		"commas":               lines("", ",\n"),
		"semicolons":           lines("", ";\n"),
		"list in one line":     func(text string) string { return `["` + lines("", `", "`)(text) + `"]` },
		"RTF":                  func(text string) string { return `{\rtf1 ` + lines("", "\\par\n")(text) + "}" },
		"UTF-16 without its mark": func(text string) string {
			return strings.Join(strings.Split(text, ""), "\x00") + "\x00"
		},
		"four hyphens": func(text string) string { return strings.ReplaceAll(text, "-----", "----") },
		"small letters": func(text string) string {
			return strings.NewReplacer("BEGIN", "begin", "END", "end", "CERTIFICATE", "certificate", "PRIVATE KEY", "private key").Replace(text)
		},
		"word processor":      func(text string) string { return strings.ReplaceAll(text, "-----", "—–-") },
		"word processor, one": func(text string) string { return strings.ReplaceAll(text, "-----", "\u2014\u2014") },
		"nothing to see":      lines("\u200b", "\u200b\n"),
	}
}

func TestPasted(t *testing.T) {
	for name, way := range ways(t) {
		for file, want := range map[string]string{"key.crt": "key", "cas.pem": "Issuing CA"} {
			data := way(strings.ReplaceAll(string(fixture(t, file)), "\r", ""))
			certs, err := certfile.Certificates([]byte(data))
			if err != nil || names(certs)[0] != want && names(certs)[len(certs)-1] != want {
				t.Errorf("%s, %s: %q, %v\n%.300s", name, file, names(certs), err, data)
			}
		}
		bundle, err := certfile.Keys([]byte(way(string(fixture(t, "key.pem"))+string(fixture(t, "key.crt")))), nil)
		if err != nil || len(bundle.Keys) != 1 || bundle.Keys[0].Certificate == nil {
			t.Errorf("%s, key: %v", name, err)
		}
	}
}

// Without its BEGIN line a text is read all the same.
func TestPastedBase64(t *testing.T) {
	text := base64.StdEncoding.EncodeToString(derOf(t, "key.crt"))
	for i := 64; i < len(text); i += 65 {
		text = text[:i] + "\n" + text[i:]
	}
	for _, name := range []string{`\n`, "reply", "<br>", "list", "Java", "nothing to see"} {
		if certs, err := certfile.Certificates([]byte(ways(t)[name](text))); err != nil || len(certs) != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// DER comes in hexadecimal, too, and with zeros between its parts.
func TestPastedDER(t *testing.T) {
	der := append(append(derOf(t, "key.crt"), make([]byte, 20)...), derOf(t, "cas.pem")...)
	for name, data := range map[string][]byte{
		"padded": der, "rubbish behind zeros": append(bytes.Clone(der), 0, 0, 0x30, 0x82), "hex": []byte(hex.EncodeToString(der)),
		"hex with colons": []byte(strings.ToUpper(strings.ReplaceAll(fmt.Sprintf("% x", der), " ", ":"))), "hex of C": []byte(strings.ReplaceAll(fmt.Sprintf("% #x", der), " ", ", ")),
	} {
		if certs, err := certfile.Certificates(data); err != nil || len(certs) != 2 {
			t.Errorf("%s: %d, %v", name, len(certs), err)
		}
	}
}

// What is damaged stays damaged, and is said as it would be without all that.
func TestPastedDamage(t *testing.T) {
	text := string(fixture(t, "key.crt"))
	for _, name := range []string{"reply", "JSON", "<br>"} {
		if _, err := certfile.Certificates([]byte(ways(t)[name](strings.Replace(text, "\nM", "\n!", 1)))); !errors.Is(err, certfile.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOldOpenSSLPassword(t *testing.T) {
	const old = "żółw-Op€nwal£"
	bundle, err := certfile.Keys(fixture(t, "old-openssl-aes.p12"), func() ([]byte, error) { return []byte(old), nil })
	if err != nil || len(bundle.Keys) != 1 || bundle.Keys[0].Certificate == nil || len(bundle.Certificates) != 3 {
		t.Errorf("%d keys, %d certificates, %v", len(bundle.Keys), len(bundle.Certificates), err)
	}
	_, err = certfile.Keys(fixture(t, "old-openssl-aes.p12"), func() ([]byte, error) { return []byte(old + "x"), nil })
	if !errors.Is(err, certfile.ErrWrongPassword) {
		t.Errorf("with a wrong one: %v", err)
	}
}
