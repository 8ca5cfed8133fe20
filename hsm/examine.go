//go:build cgo

package hsm

import (
	"context"
	"fmt"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/hsm/progress"
	"github.com/anaplan-agent/anaplan-agent/hsm/rv"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// Examine asks the module of an address for its name, and for what the tokens in some slots can do.
// No login asks for that, so a module may crash of it or hang and serve logins all the same.
func Examine(ctx context.Context, address uri.URI, options Options, slots ...uint) (Abilities, error) {
	return call(ctx, address,
		func(p *progress.Progress) (Abilities, error) { return examine(address, options, p, slots) },
		forget)
}

func examine(address uri.URI, options Options, progress *progress.Progress, slots []uint) (told Abilities, err error) {
	m, err := openModule(address, options)
	if err != nil {
		return told, err
	}
	defer m.close()
	progress.Module("telling what it can do")
	if info, err := m.GetInfo(); err == nil {
		told.Library = fmt.Sprintf("%s %d.%d of %s", info.LibraryDescription, info.LibraryVersion.Major, info.LibraryVersion.Minor, info.ManufacturerID)
	}
	if _, err := m.slots(); err != nil { // some modules know of no slot before somebody asks for all
		return told, rv.InWords("listing its slots", err)
	}
	told.Mechanisms = map[uint][]uint{}
	for _, slot := range slots {
		mechanisms, err := m.GetMechanismList(slot)
		if err != nil {
			return told, rv.InWords(fmt.Sprintf("listing the mechanisms of slot %d", slot), err)
		}
		told.Mechanisms[slot] = numbers(mechanisms)
	}
	return told, nil
}

// numbers returns PKCS#11's numbers of mechanisms.
func numbers(mechanisms []*pkcs11.Mechanism) (all []uint) {
	for _, mechanism := range mechanisms {
		all = append(all, mechanism.Mechanism)
	}
	return all
}
