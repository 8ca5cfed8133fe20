package pin

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/anaplan-agent/anaplan-agent/agent/textfile"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

// fromDPAPI returns what a file holds that Windows has encrypted for this user: as PowerShell's
// ConvertFrom-SecureString prints it, in hexadecimal, or the bytes that CryptProtectData returns.
func fromDPAPI(path string) ([]byte, error) {
	sealed, err := console.ReadText(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSource, err)
	}
	text := bytes.TrimSpace(sealed)
	raw := make([]byte, hex.DecodedLen(len(text)))
	_, notHex := hex.Decode(raw, text)
	if notHex != nil {
		raw = sealed
	}
	secret, err := unseal(raw)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: Windows does not decrypt it for this user on this machine; to make it anew, in PowerShell as the user who runs this: "+
			`Read-Host -AsSecureString | ConvertFrom-SecureString | Set-Content "%s" (%w)`, ErrSource, path, path, err)
	}
	return plainOf(secret)
}

// unseal has Windows decrypt, without a window.
func unseal(sealed []byte) ([]byte, error) {
	if len(sealed) == 0 {
		return nil, windows.ERROR_INVALID_DATA
	}
	in, out := windows.DataBlob{Size: uint32(len(sealed)), Data: &sealed[0]}, windows.DataBlob{}
	if err := windows.CryptUnprotectData(&in, nil, nil, 0, nil, windows.CRYPTPROTECT_UI_FORBIDDEN, &out); err != nil {
		return nil, err
	}
	defer windows.LocalFree(windows.Handle(unsafe.Pointer(out.Data)))
	plain := unsafe.Slice(out.Data, out.Size)
	defer clear(plain)
	return bytes.Clone(plain), nil
}

// plainOf returns the text of a secret, which Windows' own programs keep in UTF-16. Nothing else has
// zeroes in it. It overwrites the secret.
func plainOf(secret []byte) ([]byte, error) {
	if bytes.IndexByte(secret, 0) < 0 {
		return secret, nil
	}
	defer clear(secret)
	marked := append([]byte("\xff\xfe"), secret...)
	defer clear(marked)
	text, err := textfile.Decode(marked)
	if err != nil {
		return nil, fmt.Errorf("%w: what was kept is not text", ErrSource)
	}
	return text, nil
}

// credential is CREDENTIALW (wincred.h).
type credential struct {
	flags, kind         uint32
	target, comment     *uint16
	written             windows.Filetime
	size                uint32
	blob                *byte
	persist, attributes uint32
	_                   unsafe.Pointer
	alias, user         *uint16
}

// genericCredential is CRED_TYPE_GENERIC (wincred.h).
const genericCredential = 1

// fromCredentialManager returns the password of a generic credential of this user's.
func fromCredentialManager(target string) ([]byte, error) {
	name, err := windows.UTF16PtrFromString(target)
	if err != nil {
		return nil, fmt.Errorf("%w: the credential's name: %w", ErrSource, err)
	}
	library := windows.NewLazySystemDLL("advapi32.dll")
	var found *credential
	if done, _, err := library.NewProc("CredReadW").Call(uintptr(unsafe.Pointer(name)), genericCredential, 0, uintptr(unsafe.Pointer(&found))); done == 0 {
		return nil, fmt.Errorf(`%w: the Credential Manager has no generic credential %q for this user; to make it: cmdkey /generic:"%s" /user:anaplan-agent /pass (%w)`, ErrSource, target, target, err)
	}
	defer library.NewProc("CredFree").Call(uintptr(unsafe.Pointer(found)))
	kept := unsafe.Slice(found.blob, found.size)
	defer clear(kept)
	return plainOf(bytes.Clone(kept))
}
