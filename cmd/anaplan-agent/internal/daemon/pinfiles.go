package daemon

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
)

// pinFilesEvery is how often files are looked at while a PIN from one of them is of no use.
const pinFilesEvery = time.Second

// pinFiles are the files that a profile's PINs come from. The agent notices by itself when a PIN is
// corrected there. Whether it differs, or is the same written again, the signer finds out, which
// reads it.
type pinFiles struct {
	sources []config.PINSource
	news    chan bool // of a PIN: it was of use

	mu    sync.Mutex
	stamp string // of the files, when a signer was last started
}

func newPINFiles(profile *config.Profile) *pinFiles {
	f := &pinFiles{news: make(chan bool, 1)}
	for _, source := range pin.Sources(profile) {
		if slices.Contains([]string{config.PINFile, config.PINCredential, config.PINDPAPI}, source.Kind) {
			f.sources = append(f.sources, source)
		}
	}
	return f
}

// look notes how the files are before a signer reads them.
func (f *pinFiles) look() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.stamp = f.stamps()
}

func (f *pinFiles) stamps() string {
	var all []string
	for _, source := range f.sources {
		all = append(all, pin.StampOf(source))
	}
	return strings.Join(all, " ")
}

// observe hears what came of a signature.
func (f *pinFiles) observe(problem *agent.Problem) {
	if problem != nil && problem.Code != agent.CodePINRefused && problem.Code != agent.CodePINNeeded {
		return // that says nothing of the PIN
	}
	select {
	case <-f.news: // which are old
	default:
	}
	select {
	case f.news <- problem == nil:
	default: // as new
	}
}

// run has the Keeper try again whenever a file has changed, until ctx ends. It looks at files
// only while a PIN from them is of no use.
func (f *pinFiles) run(ctx context.Context, keeper *agent.Keeper) {
	for len(f.sources) > 0 {
		select {
		case <-ctx.Done():
			return
		case isOfUse := <-f.news:
			if !isOfUse && f.awaitChange(ctx) {
				keeper.Reconsider()
			}
		}
	}
}

// awaitChange returns when the files are others than they were and have been the same for two
// looks: what writes one may not be done. The ones to compare with are those that the last
// signer has read. false: ctx has ended, or a PIN was of use.
func (f *pinFiles) awaitChange(ctx context.Context) bool {
	f.mu.Lock()
	before := f.stamp
	f.mu.Unlock()
	ticker := time.NewTicker(pinFilesEvery)
	defer ticker.Stop()
	for last := before; ; {
		select {
		case <-ctx.Done():
			return false
		case isOfUse := <-f.news:
			if isOfUse {
				return false
			}
			f.mu.Lock()
			before = f.stamp
			f.mu.Unlock()
		case <-ticker.C:
		}
		now := f.stamps()
		if now != before && now == last {
			return true
		}
		last = now
	}
}
