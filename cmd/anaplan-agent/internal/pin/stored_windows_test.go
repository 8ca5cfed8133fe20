package pin

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
)

// wide returns a text as Windows' programs keep it.
func wide(text string) (data []byte) {
	for _, unit := range utf16.Encode([]rune(text)) {
		data = binary.LittleEndian.AppendUint16(data, unit)
	}
	return data
}

// sealed returns what Windows makes of a secret.
func sealed(t *testing.T, secret []byte) []byte {
	t.Helper()
	in, out := windows.DataBlob{Size: uint32(len(secret)), Data: &secret[0]}, windows.DataBlob{}
	if err := windows.CryptProtectData(&in, nil, nil, 0, nil, windows.CRYPTPROTECT_UI_FORBIDDEN, &out); err != nil {
		t.Fatal(err)
	}
	return unsafe.Slice(out.Data, out.Size)
}

// TestDPAPI reads files as PowerShell and .NET write them.
func TestDPAPI(t *testing.T) {
	dir, err := os.MkdirTemp("", "pin")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "pin")
	for name, content := range map[string][]byte{
		"Set-Content":       []byte(hex.EncodeToString(sealed(t, wide("4711ä"))) + "\r\n"),
		">":                 append([]byte("\xff\xfe"), wide(hex.EncodeToString(sealed(t, wide("4711ä")))+"\r\n")...),
		"ProtectedData":     sealed(t, []byte("4711ä")),
		"ProtectedData, 16": sealed(t, wide("4711ä")),
	} {
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := readFrom(context.Background(), config.PINSource{Kind: config.PINDPAPI, Arg: path}, "", nil)
		if err != nil || string(got) != "4711ä" {
			t.Errorf("%s: got %q, %v", name, got, err)
		}
	}
	for _, content := range []string{"", "4711", "01000000d08c9ddf", "not encrypted at all"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := fromDPAPI(path)
		if !errors.Is(err, ErrSource) || got != nil || !strings.Contains(err.Error(), "ConvertFrom-SecureString") {
			t.Errorf("%q: got %q, %v", content, got, err)
		}
	}
}

// TestCredentialManager reads a credential as cmdkey keeps it.
func TestCredentialManager(t *testing.T) {
	const target = "anaplan-agent test"
	name, _ := windows.UTF16PtrFromString(target)
	kept := wide("4711ä")
	made := credential{kind: genericCredential, target: name, user: name, size: uint32(len(kept)), blob: &kept[0], persist: 1}
	library := windows.NewLazySystemDLL("advapi32.dll")
	if done, _, err := library.NewProc("CredWriteW").Call(uintptr(unsafe.Pointer(&made)), 0); done == 0 {
		t.Fatal(err)
	}
	defer library.NewProc("CredDeleteW").Call(uintptr(unsafe.Pointer(name)), genericCredential, 0)
	got, err := readFrom(context.Background(), config.PINSource{Kind: config.PINWincred, Arg: target}, "", nil)
	if err != nil || string(got) != "4711ä" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := fromCredentialManager("another"); !errors.Is(err, ErrSource) || !strings.Contains(err.Error(), "cmdkey /generic:") {
		t.Errorf("one that is not there: %v", err)
	}
}
