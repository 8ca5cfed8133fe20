//go:build cgo && windows

package loader

import (
	"fmt"
	"path/filepath"

	"golang.org/x/sys/windows"
)

// Probe loads the library at path and returns what unloads it. miekg/pkcs11 does not say why a
// library does not load, or that it is not a module; and it asks Windows for a library that finds
// what it needs only beside this program. So the library is loaded here first, and found loaded then.
func Probe(path string) (unload func(), err error) {
	full, flags, err := asLoaded(path)
	if err != nil {
		return nil, err
	}
	handle, err := windows.LoadLibraryEx(full, 0, flags)
	if err != nil {
		return nil, whyNotLoaded(err)
	}
	unload = func() { windows.FreeLibrary(handle) }
	if _, err := windows.GetProcAddress(handle, "C_GetFunctionList"); err != nil {
		unload()
		return nil, ErrNotModule
	}
	return unload, nil
}

// asLoaded returns what LoadLibraryEx is called with: of a path the whole, without / in it, and that
// the library's own directory is where its own libraries are looked for (LOAD_WITH_ALTERED_SEARCH_PATH).
// A bare name is not looked for in the working directory, where anybody may have put one.
func asLoaded(path string) (full string, flags uintptr, err error) {
	if !IsPath(path) {
		return path, windows.LOAD_LIBRARY_SEARCH_DEFAULT_DIRS, nil
	}
	full, err = filepath.Abs(filepath.FromSlash(path))
	return full, windows.LOAD_WITH_ALTERED_SEARCH_PATH, err
}

// whyNotLoaded adds what Windows' words leave out.
func whyNotLoaded(err error) error {
	switch err {
	case windows.ERROR_MOD_NOT_FOUND:
		return fmt.Errorf("%w: it, or a library that it needs, is not there; those are looked for beside it", err)
	case windows.ERROR_BAD_EXE_FORMAT:
		return fmt.Errorf("%w: it is for another processor, as a library of 32 bits is", err)
	}
	return err
}

// ForC returns a path as miekg/pkcs11 takes it, which hands it to Windows byte by byte: in the code
// page of the machine, which has few letters. Paths with others have a short form (8.3), or, where
// the volume keeps none, the name alone finds the library that is loaded already.
func ForC(path string) string {
	if IsPath(path) {
		if full, err := filepath.Abs(filepath.FromSlash(path)); err == nil {
			path = full
		}
	}
	if isASCII(path) {
		return path
	}
	if short := shortPath(path); isASCII(short) {
		return short
	}
	return filepath.Base(path)
}

func isASCII(text string) bool {
	for _, c := range []byte(text) {
		if c >= 0x80 {
			return false
		}
	}
	return true
}

// shortPath returns the short form of a path, or the path where there is none.
func shortPath(path string) string {
	long, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return path
	}
	short := make([]uint16, windows.MAX_LONG_PATH)
	n, err := windows.GetShortPathName(long, &short[0], uint32(len(short)))
	if err != nil || n == 0 || int(n) > len(short) {
		return path
	}
	return windows.UTF16ToString(short[:n])
}
