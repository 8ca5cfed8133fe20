package winetest

import (
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"golang.org/x/sys/windows"
)

// Is reports whether this is Wine.
func Is() bool {
	return windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil
}

// KeepFirst keeps the first client of a pipe connected under Wine, until the test ends. There it
// gets the instance that holds the pipe's name, which on Windows nobody can connect to, and waits
// in vain for an answer.
func KeepFirst(t testing.TB, pipe string) {
	t.Helper()
	if !Is() {
		return
	}
	conn, err := local.Dial(t.Context(), pipe)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
}
