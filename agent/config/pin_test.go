package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
)

func TestParsePINSource(t *testing.T) {
	tests := []struct {
		in   string
		want PINSource
	}{
		{"", PINSource{}},
		{"prompt", PINSource{Kind: PINPrompt}},
		{"none", PINSource{Kind: PINNone}},
		{"pinentry", PINSource{Kind: PINPinentry}},
		{"pinentry:/usr/bin/pinentry-tty", PINSource{PINPinentry, "/usr/bin/pinentry-tty"}},
		{"env:MY_PIN2", PINSource{PINEnv, "MY_PIN2"}},
		{"file:/run/pin:1", PINSource{PINFile, "/run/pin:1"}},
		{"credential:hsm.pin", PINSource{PINCredential, "hsm.pin"}},
		{"command:pass show 'hsm pin'", PINSource{PINCommand, "pass show 'hsm pin'"}},
	}
	for _, test := range tests {
		t.Run(test.in, func(t *testing.T) {
			got, err := ParsePINSource(test.in)
			if got != test.want || err != nil {
				t.Fatalf("got %+v, %v, want %+v", got, err, test.want)
			}
			if again, err := ParsePINSource(got.String()); again != got || err != nil {
				t.Errorf("%s became %+v, %v", got, again, err)
			}
		})
	}
}

func TestParsePINSourceErrors(t *testing.T) {
	notHere := "a PIN must not be given here; use env:NAME, file:PATH, " + remedy.Here().PINStores() + ", command:PROGRAM, pinentry, prompt or none"
	tests := []struct{ in, want string }{
		{"835261", notHere},
		{"835261:env", notHere},
		{"https://835261", notHere},
		{"promt", "there is no such source of a PIN; did you mean prompt?"},
		{"ENV:PIN", "there is no such source of a PIN; did you mean env?"},
		{"prompt:835261", "prompt: nothing may stand behind it"},
		{"prompt:", "prompt: nothing stands behind its colon"},
		{"none:835261", "none: nothing may stand behind it"},
		{"pinentry:", "pinentry: nothing stands behind its colon"},
		{"env:835261", "env: write env:NAME with the name of an environment variable, not its value and without $"},
		{"env:$PIN", "env: write env:NAME with the name of an environment variable, not its value and without $"},
		{"file:", "file: write file:PATH"},
		{"file", "file: write file:PATH"},
		{"credential", "credential: write credential:NAME with a name that systemd's LoadCredential= has, not a path"},
		{"credential:../835261", "credential: write credential:NAME with a name that systemd's LoadCredential= has, not a path"},
		{"command: ", "command: write the program that prints the PIN, and what to call it with"},
		{"command:echo '835261", "command: a single quote is not closed"},
	}
	for _, test := range tests {
		t.Run(test.in, func(t *testing.T) {
			got, err := ParsePINSource(test.in)
			if got != (PINSource{}) || err == nil || err.Error() != test.want {
				t.Errorf("got  %+v, %v\nwant %s", got, err, test.want)
			}
		})
	}
}

// TestNoSourceOn: a person is told of the sources that their system has, and of no others.
func TestNoSourceOn(t *testing.T) {
	stores := map[remedy.System]string{"linux": "credential:NAME", "darwin": "keychain:SERVICE", "windows": "dpapi:PATH, wincred:NAME"}
	for system, own := range stores {
		said := errNoSource("835261", system).Error()
		for of, store := range stores {
			if strings.Contains(said, store) != (of == system) {
				t.Errorf("%s, with %s: %s", system, own, said)
			}
		}
	}
}

func TestParsePINURI(t *testing.T) {
	const notHere = "pin-source: write file:/PATH or |COMMAND; a PIN must not be given here"
	tests := []struct {
		in   string
		want PINSource
		err  string
	}{
		{"file:/etc/pin", PINSource{PINFile, "/etc/pin"}, ""},
		{"file:///etc/pin", PINSource{PINFile, "/etc/pin"}, ""},
		{"/etc/pin", PINSource{PINFile, "/etc/pin"}, ""},
		{"|/usr/bin/pin --for 'my key'", PINSource{PINCommand, "/usr/bin/pin --for 'my key'"}, ""},
		{"| pin", PINSource{PINCommand, "pin"}, ""},
		{"", PINSource{}, notHere},
		{"835261", PINSource{}, notHere},
		{"file:pin", PINSource{}, notHere},
		{"file://host/pin", PINSource{}, notHere},
		{"|", PINSource{}, "pin-source: write the program that prints the PIN, and what to call it with"},
		{`|pin "`, PINSource{}, "pin-source: a double quote is not closed"},
	}
	for _, test := range tests {
		t.Run(test.in, func(t *testing.T) {
			got, err := ParsePINURI(test.in)
			if got != test.want || (err == nil) != (test.err == "") || err != nil && err.Error() != test.err {
				t.Errorf("got  %+v, %v\nwant %+v, %s", got, err, test.want, test.err)
			}
		})
	}
}

func TestWords(t *testing.T) {
	tests := []struct {
		in   string
		want []string
	}{
		{"", nil},
		{" \t\n", nil},
		{"a  b\tc\n", []string{"a", "b", "c"}},
		{`'a b' "c d" e\ f`, []string{"a b", "c d", "e f"}},
		{`a'b'"c"\d`, []string{"abcd"}},
		{`'' ""`, []string{"", ""}},
		{`'\' "\"\\\$"`, []string{`\`, `"\\$`}},
		{"$HOME *.pin `x` ~", []string{"$HOME", "*.pin", "`x`", "~"}},
		{"ü 'é ü'", []string{"ü", "é ü"}},
	}
	for _, test := range tests {
		t.Run(test.in, func(t *testing.T) {
			got, err := Words(test.in)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("words (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWordsErrors(t *testing.T) {
	tests := []struct{ in, want string }{
		{"a 'b", "a single quote is not closed"},
		{`a "b\"`, "a double quote is not closed"},
		{`a\`, "there is nothing behind the backslash at the end"},
	}
	for _, test := range tests {
		if got, err := Words(test.in); got != nil || err == nil || err.Error() != test.want {
			t.Errorf("%s: got %q, %v, want %s", test.in, got, err, test.want)
		}
	}
}

// Words that are quoted come back as they were.
func FuzzWords(f *testing.F) {
	f.Add("a b", `c'd`)
	f.Add("", `\"`)
	f.Add("ü\n", "'")
	f.Fuzz(func(t *testing.T, a, b string) {
		quote := func(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
		got, err := Words(quote(a) + " " + quote(b))
		if diff := cmp.Diff([]string{a, b}, got); diff != "" || err != nil {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
		if _, err := Words(a); err == nil {
			return
		}
		if _, err := ParsePINSource("command:" + a); err == nil {
			t.Errorf("%q is a command that Words does not take", a)
		}
	})
}

func FuzzParsePINSource(f *testing.F) {
	for _, seed := range []string{"", "prompt", "env:PIN", "file:/p", "command:a 'b'", "1234", ":", "pinentry:"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		source, err := ParsePINSource(s)
		if err != nil {
			return
		}
		if again, err := ParsePINSource(source.String()); again != source || err != nil {
			t.Errorf("%q: %+v became %+v, %v", s, source, again, err)
		}
	})
}
