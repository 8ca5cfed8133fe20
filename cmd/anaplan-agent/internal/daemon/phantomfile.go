package daemon

// Phantom tokens over a restart: their clients go on, and no program that has one for its whole life
// is cut off by an update of the agent.

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/atomicfile"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/phantom"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// keptPhantom is a token in the file.
type keptPhantom struct {
	phantom.Kept
	Terms string `json:"terms"` // on which it was handed out
}

// phantomFile returns where the tokens lie while the agent does not run: each agent of a user has a
// file of its own. "": nowhere.
func (d *agentProcess) phantomFile() string {
	dir := paths.State()
	if dir == "" {
		return ""
	}
	name := sha256.Sum256([]byte(d.socket + "|" + d.agent.Listen + d.agent.ListenTLS))
	return filepath.Join(dir, "phantoms-"+hex.EncodeToString(name[:8])+".json")
}

// keepPhantoms writes the living tokens to the file, as hashes, at the end of the agent. They are
// written at no other time, and read once: so no token comes back that was ended since. After a crash
// there are none, and clients log in again.
func (d *agentProcess) keepPhantoms() {
	path := d.phantomFile()
	if path == "" {
		return
	}
	var all []keptPhantom
	for _, kept := range d.phantoms.Keep() {
		if terms := termsOf(d.table.Load().loaded, kept.Holder()); terms != "" {
			all = append(all, keptPhantom{kept, terms})
		}
	}
	if len(all) == 0 {
		return
	}
	data, err := json.Marshal(all)
	if err == nil {
		err = atomicfile.MkdirAll(filepath.Dir(path), 0o700)
	}
	if err == nil {
		err = atomicfile.Write(path, data, atomicfile.Options{Give: atomicfile.Private})
	}
	if err != nil {
		d.log.Warn("phantom tokens end with the agent, for they cannot be kept", "count", len(all), "error", err)
	}
}

// restorePhantoms takes over the tokens of the agent that has ended, whose terms are what they were.
func (d *agentProcess) restorePhantoms() {
	path := d.phantomFile()
	data, err := os.ReadFile(path)
	if path == "" || err != nil {
		return
	}
	if err := atomicfile.Remove(path); err != nil { // else what is ended from now on would come back
		d.log.Warn("phantom tokens that were kept are not taken over", "error", err)
		return
	}
	var all []keptPhantom
	if err := json.Unmarshal(data, &all); err != nil {
		d.log.Warn("phantom tokens that were kept cannot be read", "error", err)
		return
	}
	var same []phantom.Kept
	for _, kept := range all {
		if terms := termsOf(d.table.Load().loaded, kept.Holder()); terms != "" && terms == kept.Terms {
			same = append(same, kept.Kept)
		}
	}
	d.log.Info("phantom tokens kept over the restart", "count", d.phantoms.Restore(same))
}

// termsOf is another text when a token must not live on that was handed out before: a replaced secret,
// for one, must not live on in tokens that were issued for it. "": the holder is nobody any more. The
// policy may differ, for each call checks that.
func termsOf(loaded *settings.Config, holder phantom.Holder) string {
	profile := loaded.Profile(holder.Profile)
	if profile == nil {
		return ""
	}
	name, isClient := strings.CutPrefix(holder.Client, "client:")
	switch {
	case !isClient && local.MayEverything(holder.User):
		return "any"
	case !isClient:
		return digest(profile.Allow)
	}
	client := loaded.Client(name)
	if client == nil || client.Profile != holder.Profile {
		return ""
	}
	return digest([]any{client.Profile, client.Secret, client.Users, client.Certificates})
}

func digest(value any) string {
	text, _ := json.Marshal(value) // of texts and bytes: no error
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}
