package daemon

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// Files are looked at from when a PIN was of no use until they change, or one was of use.
func TestPINFiles(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pin.txt")
	write := func(text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	refused := agent.Problemf(agent.CodePINRefused, "it is wrong")
	for name, test := range map[string]struct {
		then func(*pinFiles)
		want bool
	}{
		"put right":      {func(*pinFiles) { write("the right one") }, true},
		"taken":          {func(f *pinFiles) { f.observe(nil) }, false},
		"refused, taken": {func(f *pinFiles) { f.observe(refused); f.observe(nil) }, false},
		"device gone, put right": {func(f *pinFiles) {
			f.observe(agent.Problemf(agent.CodeDeviceAbsent, "no such card"))
			write("the right one")
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			write("wrong")
			synctest.Test(t, func(t *testing.T) {
				f := newPINFiles(&config.Profile{PIN: config.PINSource{Kind: config.PINFile, Arg: path}, Keys: []config.Address{pivuri.URI{}}})
				f.look()
				done := make(chan bool)
				go func() { done <- f.awaitChange(t.Context()) }()
				synctest.Wait()
				test.then(f)
				if got := <-done; got != test.want {
					t.Errorf("it has changed: %v", got)
				}
			})
		})
	}
}

// Where no PIN comes from a file there is nothing to look at.
func TestNoPINFiles(t *testing.T) {
	for _, kind := range []string{config.PINPrompt, config.PINEnv, config.PINCommand} {
		f := newPINFiles(&config.Profile{PIN: config.PINSource{Kind: kind, Arg: "x"}, Keys: []config.Address{pivuri.URI{}}})
		f.run(t.Context(), nil) // returns
	}
}
