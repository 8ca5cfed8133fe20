package guide

// Which device and which place in it: the tokens of this machine's PKCS#11 modules, and its
// cards.

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
	"github.com/anaplan-agent/anaplan-agent/hsm/modules"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// keyPlace is where a key shall be.
type keyPlace struct {
	address  config.Address // with label or slot
	reuse    bool           // there is a key, and it is wanted
	longKeys bool           // a card's firmware can make keys of more than 2048 bits
	touch    bool           // it can make keys that want a touch
}

// foundDevice is a device that can be chosen.
type foundDevice struct {
	address config.Address
	text    string
	taken   []string // labels or slots of keys, as far as they show without a PIN
	long    bool     // see place.longKeys
	touch   bool     // see place.touch

	// Of a token: the module that shows it, and what it says of itself. A card has a serial number.
	module, label, maker, serial string
	readOnly                     bool
}

// chooser asks where a key shall be.
type chooser struct {
	*conversation
	settings *settings.Settings
	reuse    bool // a key that is there is wanted
}

// choosePlace asks for the device and for the place in it, as far as no address says it.
func (c chooser) choosePlace() (keyPlace, error) {
	profile, err := c.settings.Load()
	if err != nil {
		return keyPlace{}, err
	}
	if len(profile.Keys) > 0 {
		address := profile.Keys[0]
		use := c.settings.Command.Flags().Changed("key")
		if !use {
			if use, err = c.askYes(fmt.Sprintf("The settings name the key %s. Is this about that one?", address)); err != nil {
				return keyPlace{}, err
			}
		}
		if use {
			return c.chooseName(c.look(address))
		}
	}
	d, err := c.chooseDevice()
	if err != nil {
		return keyPlace{}, err
	}
	return c.chooseName(d)
}

// look returns the device of an address, with what is known about it.
func (c chooser) look(address config.Address) foundDevice {
	devices, _ := c.list(address.String())
	if len(devices) != 1 {
		return foundDevice{address: address, long: true} // making the key reports the error
	}
	devices[0].address = address
	return devices[0]
}

// chooseDevice lists the devices of this machine and asks for one.
func (c chooser) chooseDevice() (foundDevice, error) {
	c.tell("Looking for devices...")
	devices, problems := c.list("piv:")
	var unusable []string
	for _, module := range modules.Known() {
		more, trouble := c.list(uri.URI{}.With("module-name", module.Name).String())
		if devices = append(devices, more...); len(trouble) > 0 {
			unusable = append(unusable, module.Name)
		}
	}
	devices, useless := sift(devices, c.reuse)
	c.tellDevices(devices)
	c.tellUseless(useless)
	for _, problem := range problems {
		c.tell("  (YubiKeys: %s)", problem)
	}
	if len(unusable) > 0 { // most often a module without its device, so the reason is only on request
		c.tell("  (no use now: %s; why: %s keys --key 'pkcs11:?module-name=NAME')", strings.Join(unusable, ", "), build.Program)
	}
	preset := "1"
	if len(devices) == 0 {
		preset = ""
		c.tell("%s Plug a YubiKey in, or name your device's PKCS#11 library:\n  pkcs11:?module-path=%s", nothing(useless), remedy.Here().Library())
	}
	var fitting []foundDevice
	_, err := c.askUntil("Which one shall hold the key? A number, or an address (pkcs11:... or piv:...)", preset, func(text string) (err error) {
		fitting, err = c.devicesOf(text, devices)
		if err == nil && len(fitting) > 1 {
			devices = fitting // numbers are of the list that was shown last
			c.tellDevices(devices)
			err = errors.New("that fits several; which of these?")
		}
		return err
	})
	if err != nil {
		return foundDevice{}, err
	}
	return fitting[0], nil
}

// nothing says that there is no device to choose, and why.
func nothing(useless []foundDevice) string {
	if len(useless) > 0 {
		return "No other device was found."
	}
	return "No device was found."
}

// tellDevices shows the devices with their numbers.
func (c chooser) tellDevices(devices []foundDevice) {
	for i, d := range devices {
		only := ""
		if d.hasOnlyKeys() && !c.reuse {
			only = "; no key can be made on it from here, but one that is there will do"
		}
		c.tell("  %d) %s%s", i+1, d.text, only)
	}
}

// devicesOf returns the device of a number, or those that an address fits.
func (c chooser) devicesOf(text string, devices []foundDevice) ([]foundDevice, error) {
	if number, err := strconv.Atoi(text); err == nil {
		if number < 1 || number > len(devices) {
			return nil, errors.New("there is no device of that number")
		}
		return devices[number-1 : number], nil
	}
	address, err := config.ParseAddress(text)
	if err != nil {
		return nil, err
	}
	fitting, problems := c.list(address.String())
	if len(fitting) == 0 {
		return nil, errors.New(strings.Join(append(problems, "no device fits the address"), "; "))
	}
	if d := fitting[0]; len(fitting) == 1 && !c.reuse && !d.makesKeys() && len(d.taken) == 0 {
		return nil, errors.New("no key can be made from here on " + d.text + "; " + d.elsewhere())
	}
	switch name := device.Name(address); {
	case name != "" && len(fitting) == 1:
		fitting[0].address = address
	case name != "":
		for i := range fitting {
			fitting[i].address, _ = device.WithName(fitting[i].address, name) // an address has no wrong slot
		}
	}
	return fitting, nil
}

// chooseName asks for the label or the slot of the key, unless the address names it, and
// whether to use a key that is there.
func (c chooser) chooseName(d foundDevice) (keyPlace, error) {
	name := device.Name(d.address)
	for {
		if name == "" {
			var err error
			if name, err = c.askName(d); err != nil {
				return keyPlace{}, err
			}
		}
		address, err := device.WithName(d.address, name)
		if err != nil {
			return keyPlace{}, err
		}
		chosen := keyPlace{address: address, longKeys: d.long, touch: d.touch}
		if c.reuse || !slices.Contains(d.taken, name) {
			return chosen, nil
		}
		yes, err := c.askYes(fmt.Sprintf("There is a key in %s already. Make the request for that key, and no new one?", chosen.address))
		if err != nil {
			return keyPlace{}, err
		}
		if chosen.reuse = yes; yes {
			return chosen, nil
		}
		name = ""
	}
}

// askName asks for a label or a slot.
func (c chooser) askName(d foundDevice) (string, error) {
	if device.IsCard(d.address) {
		if len(d.taken) > 0 {
			c.tell("Slots with a key in them: %s", strings.Join(d.taken, ", "))
		}
		if len(d.taken) > 0 && (c.reuse || d.readOnly) {
			return c.askUntil("Which of these?", d.taken[0], func(text string) error {
				if !c.reuse && !slices.Contains(d.taken, text) { // one that does not show may be meant
					return errors.New("there is no key in it, and none can be made from here")
				}
				_, err := pivuri.ParseSlot(text)
				return err
			})
		}
		return c.askUntil("Slot for the key: 9c is that for signatures; 9a, 9d, 9e and 82 to 95 do too", freeSlot(d.taken), func(text string) error {
			_, err := pivuri.ParseSlot(text)
			return err
		})
	}
	if len(d.taken) > 0 {
		c.tell("Keys on the token: %s", strings.Join(d.taken, ", "))
	}
	return c.askUntil("Name (label) for the key", usualLabel, func(text string) error {
		if text == "" || strings.ContainsFunc(text, console.IsUnprintable) {
			return errors.New("it must be one or more printable words")
		}
		return nil
	})
}

// freeSlot returns the slot to advise.
func freeSlot(taken []string) string {
	for _, slot := range append([]pivuri.Slot{device.DefaultSlot}, pivuri.Slots()...) {
		// Those of the standard other than for signatures may be meant for something else.
		if (slot == device.DefaultSlot || slot.Retired()) && !slices.Contains(taken, slot.String()) {
			return slot.String()
		}
	}
	return ""
}
