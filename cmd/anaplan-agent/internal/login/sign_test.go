//go:build unix

package login

import (
	"context"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/roomtest"
)

// connections counts what is asked of it.
type connections struct{ made, closed int }

func (c *connections) Connect(context.Context) { c.made++ }
func (c *connections) Disconnect()             { c.closed++ }

// A login that fails leaves no connection, and where a PIN may take its time there is none
// before it.
func TestSignLoginConnects(t *testing.T) {
	t.Setenv("XDG_STATE_HOME", t.TempDir())
	pipe, file := filepath.Join(t.TempDir(), "pipe"), roomtest.File(t, "1234")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	const noModule = `key = "pkcs11:token=a?module-path=/nowhere/module.so"` + "\n"
	for settings, made := range map[string]int{
		"":                                     0,
		noModule:                               0,
		noModule + `pin = "pinentry"`:          0,
		noModule + `pin = "command:true"`:      0,
		noModule + `pin = "file:` + pipe + `"`: 0,
		noModule + `pin = "file:` + file + `"`: 1,
		noModule + `pin = "env:PIN"`:           1,
		noModule + `pin = "none"`:              1,
	} {
		parsed, err := config.Parse("c.toml", []byte("[profile.p]\n"+settings+"\n"))
		if err != nil {
			t.Fatal(err)
		}
		profile, err := parsed.Profile("p", nil)
		if err != nil {
			t.Fatal(err)
		}
		say := &console.Messenger{Out: os.Stderr}
		ctx, deadline, end := console.WithDeadline(t.Context(), time.Minute)
		var got connections
		_, err = Sign(&device.Run{Ctx: ctx, Profile: profile, Device: device.New(profile, deadline, say), Say: say}, &got)
		end()
		if err == nil || got.made != made || got.closed != 1 {
			t.Errorf("%s: %+v, error %v; want %d made", settings, got, err, made)
		}
	}
}
