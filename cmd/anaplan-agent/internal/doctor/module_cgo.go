//go:build cgo

package doctor

import (
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// surveyModule asks a module for what package hsm has no use for: its name and what its
// tokens can do. The module has been started and ended by then without trouble.
func surveyModule(address uri.URI, path string) (survey moduleSurvey, err error) {
	if _, special := address.Get("x-init-reserved"); special { // it wants arguments to be started
		return survey, errors.New("a module with x-init-reserved is not asked")
	}
	module := pkcs11.New(path)
	if module == nil {
		return survey, errors.New("it does not load once more")
	}
	defer module.Destroy()
	if err := module.Initialize(); err != nil {
		return survey, fmt.Errorf("starting it once more: %w", err)
	}
	defer module.Finalize()
	if info, err := module.GetInfo(); err == nil {
		survey.library = fmt.Sprintf("%s %d.%d of %s", info.LibraryDescription, info.LibraryVersion.Major, info.LibraryVersion.Minor, info.ManufacturerID)
	}
	slots, err := module.GetSlotList(true)
	if err != nil {
		return survey, fmt.Errorf("listing its slots: %w", err)
	}
	survey.mechanisms, survey.mustChange = map[uint][]uint{}, map[uint]bool{}
	for _, slot := range slots {
		token, err := module.GetTokenInfo(slot)
		if err != nil || token.Flags&pkcs11.CKF_TOKEN_INITIALIZED == 0 {
			continue
		}
		survey.mustChange[slot] = token.Flags&pkcs11.CKF_USER_PIN_TO_BE_CHANGED != 0
		mechanisms, err := module.GetMechanismList(slot)
		if err != nil {
			return survey, fmt.Errorf("listing the mechanisms of slot %d: %w", slot, err)
		}
		for _, mechanism := range mechanisms {
			survey.mechanisms[slot] = append(survey.mechanisms[slot], mechanism.Mechanism)
		}
	}
	return survey, nil
}
