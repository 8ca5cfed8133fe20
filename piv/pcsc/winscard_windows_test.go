package pcsc

import (
	"errors"
	"os"
	"slices"
	"testing"

	"golang.org/x/sys/windows"
)

// TestMissing: without the library, or one of its functions, there is no service, and no panic.
func TestMissing(t *testing.T) {
	for _, missing := range []*windows.LazyProc{
		windows.NewLazySystemDLL("missing.dll").NewProc("SCardEstablishContext"),
		windows.NewLazySystemDLL("kernel32.dll").NewProc("SCardMissing"),
	} {
		if err := call(missing); !errors.Is(err, ErrNoService) {
			t.Errorf("%s: %v", missing.Name, err)
		}
	}
}

// TestService: whatever there is on this machine, answers and errors are well formed.
func TestService(t *testing.T) {
	if socket := os.Getenv("ANAPLAN_AGENT_TEST_PCSCD"); socket != "" { // under Wine: see .ci/wine
		t.Setenv("PCSCLITE_CSOCK_NAME", socket)
	}
	service, err := EstablishContext()
	if err != nil {
		if _, ok := errors.AsType[Error](err); !ok {
			t.Errorf("got %v", err)
		}
		t.Skipf("there is no smartcard service: %v", err)
	}
	defer service.Release()
	readers, err := service.ListReaders()
	if err != nil && !errors.Is(err, ErrNoReadersAvailable) {
		t.Error(err)
	}
	if slices.Contains(readers, "") {
		t.Errorf("readers %q", readers)
	}
	if _, err := service.Connect("no such reader", ShareShared, ProtocolT1); err == nil {
		t.Error("a reader that is not there has a card")
	}
}

func TestNamesIn(t *testing.T) {
	for _, test := range []struct {
		text string
		want []string
	}{
		{"\x00", nil},
		{"a\x00\x00", []string{"a"}},
		{"Yubico YubiKey 0\x00Léser 1\x00\x00", []string{"Yubico YubiKey 0", "Léser 1"}},
		{"cut", []string{"cut"}},
	} {
		var text []uint16
		for _, r := range test.text {
			text = append(text, uint16(r))
		}
		if got := namesIn(text); !slices.Equal(got, test.want) {
			t.Errorf("%q: %q", test.text, got)
		}
	}
}
