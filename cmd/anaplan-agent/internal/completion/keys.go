package completion

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
	"github.com/anaplan-agent/anaplan-agent/hsm/modules"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// entry is what is used here of a device or a key in the output of keys --json.
type entry struct {
	Address     string
	Label       string // of a token or a key in it
	Name        string // of a card
	Slot        any    // of a key on a card, its text; of a token, its number
	CanLogIn    bool
	Certificate struct{ Email string }
	Keys        []entry
}

// keys returns the addresses of the configuration, and of devices and keys that are here.
func keys(cmd *cobra.Command, toComplete string) []string {
	found := configured(cmd)
	var lock sync.Mutex
	var looks sync.WaitGroup
	for _, address := range places(toComplete) {
		looks.Go(func() {
			entries := look(cmd, address)
			lock.Lock()
			defer lock.Unlock()
			found = append(found, entries...)
		})
	}
	looks.Wait()
	return slices.Compact(slices.Sorted(slices.Values(found)))
}

// configured returns the addresses of all profiles.
func configured(cmd *cobra.Command) (found []string) {
	s := settings.Of(cmd)
	file, err := s.ReadConfig()
	if err != nil {
		return nil
	}
	for _, name := range file.Profiles() {
		profile, err := s.ProfileIn(file, name)
		if err != nil {
			continue
		}
		for _, key := range profile.Keys {
			found = append(found, described(key.String(), "profile "+name))
		}
	}
	return found
}

// places returns addresses that fit all devices, of the scheme that is written already.
func places(toComplete string) []string {
	var all []string
	if isOf(pivuri.Scheme, toComplete) {
		all = append(all, pivuri.Scheme+":")
	}
	if isOf(uri.Scheme, toComplete) {
		for _, module := range modules.Known() {
			all = append(all, uri.Scheme+":?module-name="+module.Name)
		}
	}
	return all
}

// isOf reports whether what is written may become an address of a scheme.
func isOf(scheme, toComplete string) bool {
	return strings.HasPrefix(scheme+":", toComplete) || strings.HasPrefix(toComplete, scheme+":")
}

// look lists what fits an address and shows without a PIN. A process does it that can be ended: a
// module may hang, and a card may be busy.
func look(cmd *cobra.Command, address string) (found []string) {
	child := exec.CommandContext(cmd.Context(), build.Self(), "keys", "--json", "--pin", "none", "--config", emptyConfig, "--key", address)
	child.Args[0] = os.Args[0] // the path is /proc's
	child.Env = slices.DeleteFunc(os.Environ(), func(variable string) bool { return strings.HasPrefix(variable, "ANAPLAN_AGENT_") })
	child.Stdin = strings.NewReader("")
	child.WaitDelay = 100 * time.Millisecond
	output, _ := child.Output() // what was found is printed also where something else failed
	var devices []entry
	if json.Unmarshal(output, &devices) != nil {
		return nil
	}
	for _, device := range devices {
		if len(device.Keys) == 0 {
			found = append(found, described(device.Address, strings.TrimSpace(device.Label+device.Name)+", no keys to be seen"))
		}
		for _, key := range device.Keys {
			found = append(found, described(key.Address, key.meaning(device)))
		}
	}
	return found
}

// emptyConfig keeps the profile of the user out: it is another key's.
const emptyConfig = "-"

// meaning says what a key is, for a list.
func (e entry) meaning(device entry) string {
	meaning := device.Label + device.Name
	if slot, ok := e.Slot.(string); ok {
		meaning += fmt.Sprintf(", slot %s", slot)
	}
	if e.Label != "" {
		meaning += ", " + e.Label
	}
	if e.Certificate.Email != "" {
		meaning += ", " + e.Certificate.Email
	}
	if !e.CanLogIn {
		meaning += ", cannot log in"
	}
	return meaning
}
