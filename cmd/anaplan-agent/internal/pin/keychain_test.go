package pin

import (
	"errors"
	"testing"
)

// TestKeychainPassword: what security -g prints, of passwords of digits, too, that look like
// hexadecimal.
func TestKeychainPassword(t *testing.T) {
	for text, want := range map[string]string{
		"password: \"4711\"\n":                           "4711",
		"password: \"9876543210\"\n":                     "9876543210",
		"password: \"with \"quotes\"\"\n":                `with "quotes"`,
		"password: 0x34373131C3A4  \"4711\\303\\244\"\n": "4711ä",
		"password: \"0x3437\"\n":                         "0x3437",
		"password: 0x34\n":                               "4",
	} {
		if got, err := keychainPassword([]byte(text)); err != nil || string(got) != want {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "password: ", "password: \"", "password: 0xZZ", "4711", "security: SecKeychainSearchCopyNext: not found"} {
		if got, err := keychainPassword([]byte(text)); !errors.Is(err, ErrSource) || got != nil {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
}
