package guide

// The devices that fit an address. They are listed by a process of their own: a module may crash, hang,
// or write to the terminal without harm.

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/subprocess"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/piv"
)

// LookName is the hidden command's, below enroll.
const LookName = "look"

// moduleTimeout is how long a module may take to list its tokens.
const moduleTimeout = 20 * time.Second

// LookOrder is what the process is told.
type LookOrder struct {
	Address string `json:"address"`
}

// lookAnswer is what it says: the devices, and at the end what was in the way of finding any.
type lookAnswer struct {
	Device  json.RawMessage `json:"device,omitempty"` // as 'keys --json' has it
	Problem string          `json:"problem,omitempty"`
	End     bool            `json:"end,omitempty"`
}

// Look is the process at work.
func Look(ctx context.Context, order LookOrder, say *console.Messenger, tell func(answer any) error) error {
	address, err := config.ParseAddress(order.Address)
	if err != nil {
		return err
	}
	return device.Look(ctx, address, moduleTimeout, say, func(entries []any, problem error) error {
		for _, entry := range entries {
			text, err := json.Marshal(entry)
			if err := errors.Join(err, tell(lookAnswer{Device: text})); err != nil {
				return err
			}
		}
		end := lookAnswer{End: true}
		// That nothing is there is no trouble.
		if problem != nil && !errors.Is(problem, hsm.ErrNoToken) && !errors.Is(problem, piv.ErrNoCard) {
			end.Problem = problem.Error()
		}
		return tell(end)
	})
}

// list lists the devices that fit an address, and in words what was in the way.
func (c chooser) list(address string) (devices []foundDevice, problems []string) {
	ctx, cancel := context.WithTimeout(c.ctx, moduleTimeout)
	defer cancel()
	end, err := subprocess.AskChild(ctx, []string{"enroll", LookName}, LookOrder{address}, func(text []byte) (bool, error) {
		var answer lookAnswer
		if err := json.Unmarshal(text, &answer); err != nil {
			return false, err
		}
		problem := answer.Problem
		if answer.Device != nil {
			var d foundDevice
			if d, problem = readEntry(answer.Device); problem == "" {
				devices = append(devices, d)
			}
		}
		if problem != "" {
			problems = append(problems, problem)
		}
		return answer.End, nil
	})
	switch {
	case err != nil || end.Err != nil:
		problems = append(problems, fmt.Sprintf("%s: %v", address, errors.Join(err, end.Err)))
	case end.Late:
		return nil, []string{fmt.Sprintf("%s: it did not answer within %v", address, moduleTimeout)}
	case !end.Done && len(devices) == 0:
		problems = append(problems, fmt.Sprintf("%s: its library crashed or stopped the process (%v)", address, end.State))
	}
	return devices, problems
}

// readEntry reads a token or a card of 'keys --json'.
func readEntry(data []byte) (foundDevice, string) {
	var token device.TokenEntry
	if err := json.Unmarshal(data, &token); err != nil {
		return foundDevice{}, err.Error()
	}
	address, err := config.ParseAddress(token.Address)
	if err != nil {
		return foundDevice{}, err.Error()
	}
	if device.IsCard(address) {
		return readCardEntry(data, address)
	}
	if token.Problem != "" && token.Label == "" {
		return foundDevice{}, token.Problem
	}
	module, _ := address.Get("module-name")
	d := foundDevice{
		address: address, long: true, module: module, label: token.Label, maker: token.Manufacturer, serial: token.Serial,
		readOnly: token.WriteProtected,
	}
	d.text = fmt.Sprintf("token %q: %s %s, serial %s, module %s", token.Label, console.OneLine(token.Manufacturer), console.OneLine(token.Model), console.OneLine(token.Serial), module)
	for _, key := range token.Keys {
		if !slices.Contains(d.taken, key.Label) {
			d.taken = append(d.taken, key.Label)
		}
	}
	return d, ""
}

// readCardEntry reads a card.
func readCardEntry(data []byte, address config.Address) (foundDevice, string) {
	var card device.CardEntry
	if err := json.Unmarshal(data, &card); err != nil {
		return foundDevice{}, err.Error()
	}
	if card.Problem != "" {
		return foundDevice{}, fmt.Sprintf("card in reader %s: %s", console.OneLine(card.Reader), card.Problem)
	}
	d := foundDevice{address: address, long: makesLongKeys(card.Firmware), touch: strings.HasPrefix(card.Name, "YubiKey"), readOnly: card.ReadOnly != ""}
	d.serial, _ = address.Get("serial")
	d.text = console.OneLine(card.Name)
	if card.Firmware != "" {
		d.text += ", firmware " + card.Firmware
	}
	d.text += fmt.Sprintf(", in reader %q", card.Reader)
	for _, key := range card.Keys {
		d.taken = append(d.taken, key.Slot)
	}
	return d, ""
}

// makesLongKeys reports whether a YubiKey makes keys of 3072 and 4096 bits: those of
// firmware 5.7 and later do. One that does not tell may be asked.
func makesLongKeys(firmware string) bool {
	var major, minor int
	if _, err := fmt.Sscanf(firmware, "%d.%d", &major, &minor); err != nil {
		return true
	}
	return major > 5 || major == 5 && minor >= 7
}
