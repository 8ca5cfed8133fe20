package pivuri_test

import (
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

func TestParse(t *testing.T) {
	tests := []struct {
		in     string
		want   pivuri.URI
		normal string // "": as in
	}{
		{"piv:", pivuri.URI{}, ""},
		{"PIV:", pivuri.URI{}, "piv:"},
		{"piv:slot=9c", pivuri.URI{Slot: pivuri.Signature}, ""},
		{"piv:serial=12345678", pivuri.URI{Serial: 12345678}, ""},
		{"piv:serial=12345678;slot=9a", pivuri.URI{Serial: 12345678, Slot: pivuri.Authentication}, ""},
		{"piv:slot=9E;serial=1", pivuri.URI{Serial: 1, Slot: pivuri.CardAuthentication}, "piv:serial=1;slot=9e"},
		{"piv:slot=82", pivuri.URI{Slot: 0x82}, ""},
		{"piv:slot=95", pivuri.URI{Slot: 0x95}, ""},
		{"piv:serial=0042", pivuri.URI{Serial: 42}, "piv:serial=42"},
		{"piv:serial=4294967295", pivuri.URI{Serial: 1<<32 - 1}, ""},
		{"piv:guid=6ad2d4f4f5b64f5d8c02d4f7a1b0c9e3;slot=9c", pivuri.URI{GUID: "6ad2d4f4f5b64f5d8c02d4f7a1b0c9e3", Slot: 0x9c}, ""},
		{"piv:guid=6AD2D4F4-F5B6-4F5D-8C02-D4F7A1B0C9E3", pivuri.URI{GUID: "6ad2d4f4f5b64f5d8c02d4f7a1b0c9e3"}, "piv:guid=6ad2d4f4f5b64f5d8c02d4f7a1b0c9e3"},
		{"piv:reader=Alcor%20Micro%20AU9560%2000%2000;slot=9c", pivuri.URI{Reader: "Alcor Micro AU9560 00 00", Slot: 0x9c}, ""},
		{"piv:reader=Yubico OTP+FIDO+CCID 00 00", pivuri.URI{Reader: "Yubico OTP+FIDO+CCID 00 00"}, "piv:reader=Yubico%20OTP+FIDO+CCID%2000%2000"},
		{"piv:reader=L%C3%A9ser%20%28a%3Bb%29%3F%26", pivuri.URI{Reader: "Léser (a;b)?&"}, ""},
	}
	for _, test := range tests {
		got, err := pivuri.Parse(test.in)
		if err != nil || got != test.want {
			t.Errorf("%s: got %#v, %v", test.in, got, err)
		}
		if test.normal == "" {
			test.normal = test.in
		}
		if got.String() != test.normal || !pivuri.Is(test.in) {
			t.Errorf("%s: it is written %s", test.in, got)
		}
	}
}

func TestParseErrors(t *testing.T) {
	const (
		number = ` is not a number from 1 to 4294967295, as printed on the card`
		slots  = ` is not one of 9a, 9c, 9d, 9e and 82 to 95`
		end    = ": it ends after the slot; where the PIN comes from is said by the setting pin"
	)
	tests := []struct{ in, want string }{
		{"", `"" is not the address of a PIV key, which looks like piv:serial=12345678;slot=9c`},
		{"pi", `"pi" is not the address of a PIV key, which looks like piv:serial=12345678;slot=9c`},
		{"pkcs11:token=a", `"pkcs11:token=a" is not the address of a PIV key, which looks like piv:serial=12345678;slot=9c`},
		{"pkcs11:?pin-value=424242", `"pkcs11:?..." is not the address of a PIV key, which looks like piv:serial=12345678;slot=9c`},
		{"piv:9c", `address "piv:9c": "9c" is not serial=NUMBER, slot=9c, guid=HEX or reader=NAME`},
		{"piv:Slot=9c", `address "piv:Slot=9c": "Slot=9c" is not serial=NUMBER, slot=9c, guid=HEX or reader=NAME`},
		{"piv:slot=9c;", `address "piv:slot=9c;": "" is not serial=NUMBER, slot=9c, guid=HEX or reader=NAME`},
		{"piv:slot=9c;slot=9a", `address "piv:slot=9c;slot=9a": slot is there twice`},
		{"piv:serial=1;serial=1", `address "piv:serial=1;serial=1": serial is there twice`},
		{"piv:slot", `address "piv:slot": slot ""` + slots},
		{"piv:slot=9b", `address "piv:slot=9b": slot "9b"` + slots}, // the management key does not sign
		{"piv:slot=f9", `address "piv:slot=f9": slot "f9"` + slots},
		{"piv:slot=81", `address "piv:slot=81": slot "81"` + slots},
		{"piv:slot=96", `address "piv:slot=96": slot "96"` + slots},
		{"piv:slot=0x9c", `address "piv:slot=0x9c": slot "0x9c"` + slots},
		{"piv:slot=09c", `address "piv:slot=09c": slot "09c"` + slots},
		{"piv:slot=+9", `address "piv:slot=+9": slot "+9"` + slots},
		{"piv:serial=0", `address "piv:serial=0": serial "0"` + number},
		{"piv:serial=", `address "piv:serial=": serial ""` + number},
		{"piv:serial=-1", `address "piv:serial=-1": serial "-1"` + number},
		{"piv:serial=1 2", `address "piv:serial=1 2": serial "1 2"` + number},
		{"piv:guid=", `address "piv:guid=": guid "" is not 32 hexadecimal digits`},
		{"piv:guid=6a", `address "piv:guid=6a": guid "6a" is not 32 hexadecimal digits`},
		{"piv:reader=", `address "piv:reader=": reader "" is not the name of a reader, with %20 for a blank`},
		{"piv:reader=100%", `address "piv:reader=100%": reader "100%" is not the name of a reader, with %20 for a blank`},
		{"piv:reader=a%00", `address "piv:reader=a%00": reader "a%00" is not the name of a reader, with %20 for a blank`},
		{"piv:reader=a;reader=b", `address "piv:reader=a;reader=b": reader is there twice`},
		{"piv:serial=4294967296", `address "piv:serial=4294967296": serial "4294967296"` + number},
		{"piv:slot=9c?module-name=x", `address "piv:slot=9c?module-name=x"` + end},
		{"piv:slot=9c?pin-value=424242", `address "piv:slot=9c?..."` + end},
		{"piv:slot=9c&PIN=424242", `address "piv:slot=9c&..."` + end},
		{"İ;pin=424242", `"İ;..." is not the address of a PIV key, which looks like piv:serial=12345678;slot=9c`},
		{"piv:slot=9c;pin=424242", `address "piv:slot=9c;...": "..." is not serial=NUMBER, slot=9c, guid=HEX or reader=NAME`},
	}
	for _, test := range tests {
		got, err := pivuri.Parse(test.in)
		if err == nil || err.Error() != test.want || got != (pivuri.URI{}) {
			t.Errorf("%q:\ngot  %v\nwant %s", test.in, err, test.want)
		}
	}
}

func TestIs(t *testing.T) {
	for text, want := range map[string]bool{
		"piv:": true, "Piv:slot=zz": true, "piv": false, "": false, "pkcs11:object=piv:": false, "pivo:": false,
	} {
		if pivuri.Is(text) != want {
			t.Errorf("%q: want %v", text, want)
		}
	}
}

// A slot is listed once, read as it is written, and retired or one of the four.
func TestSlots(t *testing.T) {
	slots := pivuri.Slots()
	if len(slots) != 24 || slots[0] != pivuri.Authentication {
		t.Fatalf("got %v", slots)
	}
	seen := map[pivuri.Slot]bool{}
	for i, slot := range slots {
		read, err := pivuri.ParseSlot(strings.ToUpper(slot.String()))
		if err != nil || read != slot || seen[slot] || slot.Retired() != (i >= 4) {
			t.Errorf("%v: read as %v, %v", slot, read, err)
		}
		seen[slot] = true
	}
}

// What can be read is written so that it is read as the same.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"piv:", "piv:serial=12345678;slot=9c", "PIV:slot=9A", "piv:slot=9c;serial=1", "piv:;", "piv:slot=9c?pin-value=1", "piv:guid=6ad2d4f4f5b64f5d8c02d4f7a1b0c9e3", "piv:reader=a%20%3f%26;slot=9c"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := pivuri.Parse(text)
		if err != nil {
			if strings.Contains(err.Error(), "pin-value=") || u != (pivuri.URI{}) {
				t.Errorf("%q: %v, %v", text, u, err)
			}
			return
		}
		if again, err := pivuri.Parse(u.String()); err != nil || again != u {
			t.Errorf("%q: written %q, read %v, %v", text, u, again, err)
		}
	})
}
