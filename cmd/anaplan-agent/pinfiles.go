package main

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

// pinFiles are the files that a profile's PINs come from. A PIN that was put right there is
// noticed without a word from anybody. Whether it is another one, and not the same written
// again, is for the signer to say, which reads it.
type pinFiles struct {
	sources []config.PINSource
	wake    chan struct{} // a PIN was of no use

	mu    sync.Mutex
	stamp string // of the files, when a signer was last started
}

func newPINFiles(profile *config.Profile) *pinFiles {
	return &pinFiles{sources: pin.Sources(profile), wake: make(chan struct{}, 1)}
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
	if problem == nil || !slices.Contains([]agent.Code{agent.CodePINRefused, agent.CodePINNeeded}, problem.Code) {
		return
	}
	select {
	case f.wake <- struct{}{}:
	default: // it is looking already
	}
}

// run has the Keeper try again whenever a file has changed, until ctx ends. While no PIN was
// of no use it does nothing.
func (f *pinFiles) run(ctx context.Context, keeper *agent.Keeper) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.wake:
		}
		if f.awaitChange(ctx) {
			keeper.Reconsider()
		}
	}
}

// awaitChange returns when the files are others than they were and have been the same for two
// looks: what writes one may not be done. false: ctx has ended, or a signer was started since
// for another reason, of which the files that it read are the ones to compare with.
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
		case <-f.wake:
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
