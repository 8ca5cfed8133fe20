//go:build linux

package main

import (
	_ "embed"
	"os"
	"time"

	"github.com/anaplan-agent/anaplan-agent/cmd/internal/emulator"
	"github.com/spf13/pflag"
)

// helpTemplate is the text of --help, with a place for the flags.
//
//go:embed help.txt
var helpTemplate string

// The environment. PINs are not flags: any process may read a command line, and a demonstration
// teaches by example.
const (
	pinVariable     = "PIV_EMULATOR_PIN"
	pukVariable     = "PIV_EMULATOR_PUK"
	controlVariable = "PIV_EMULATOR_CONTROL"
	socketVariable  = "PCSCLITE_CSOCK_NAME" // libpcsclite's
)

// settings is the command line.
// Each field is the flag of that name; newFlags says what it means.
type settings struct {
	maker     string
	firmware  string
	serial    uint32
	cards     int
	empty     bool
	state     string
	touch     string
	touchTime time.Duration
	reader    string
	readyFile string
	version   bool

	pin, puk string // from the environment
	control  string

	verb string   // "", "exec" or "ctl"
	rest []string // what comes after it
}

// newFlags returns the flags, and the settings that parsing fills.
func newFlags() (*pflag.FlagSet, *settings) {
	s := &settings{}
	f := emulator.NewFlags(program)
	// What comes after exec is the command's own.
	f.SetInterspersed(false)

	// A word in backquotes is what --help calls the argument.
	f.StringVar(&s.maker, "maker", "", "behave as a card of another `MAKER`'s: canokey, pivapplet, or other for one that knows the standard only")
	f.StringVar(&s.firmware, "firmware", "", "behave as a YubiKey of `VERSION`: 4.3.5, 5.4.3 (which it is without this), 5.7.1; with --maker it is what the card tells")
	f.Uint32Var(&s.serial, "serial", 12345678, "the card's serial `NUMBER`; a second card has the next")
	f.IntVar(&s.cards, "cards", 1, "how many cards, 1 or 2")
	f.BoolVar(&s.empty, "empty", false, "leave the cards out of the readers until they are inserted")
	f.StringVar(&s.state, "state", "", "keep the cards with their keys in `FILE`; without it they end with the program")
	f.StringVar(&s.touch, "touch", "now", "who touches the card: now, never, ask (on the terminal), wait (for ctl touch), or a `TIME` such as 2s")
	f.DurationVar(&s.touchTime, "touch-time", 15*time.Second, "how long the card waits for a touch")
	f.StringVar(&s.reader, "reader", "", "the readers' `NAME`; without it that of a YubiKey's")
	f.StringVar(&s.readyFile, "ready-file", "", "write the environment to `FILE` once the card is there")
	f.BoolVar(&s.version, "version", false, "print the version and end")
	return f, s
}

func helpText() string {
	flags, _ := newFlags()
	return emulator.Help(helpTemplate, flags)
}

// parse reads and judges the command line and the environment.
func parse(args []string) (*settings, error) {
	flags, s := newFlags()
	if err := emulator.Parse(program, flags, args); err != nil {
		return nil, err
	}
	// Whatever they are, package pivtest judges them.
	s.pin, s.puk, s.control = os.Getenv(pinVariable), os.Getenv(pukVariable), os.Getenv(controlVariable)
	if err := s.parseVerb(flags); err != nil {
		return nil, err
	}
	if s.cards < 1 || s.cards > 2 {
		return nil, emulator.Misuse("--cards 1 or --cards 2", "--cards is %d; a pcscd of the emulator has two readers", s.cards)
	}
	if s.touchTime <= 0 {
		return nil, emulator.Misuse("such as --touch-time 15s", "--touch-time is %v, which is not above zero", s.touchTime)
	}
	// Judged by the code that does it, so that the two agree on the words.
	if _, err := newToucher(s.touch, nil); err != nil {
		return nil, emulator.Misuse("--touch now, never, ask, wait, or a time such as 2s", "--touch: %w", err)
	}
	return s, nil
}

// parseVerb takes exec or ctl, and what belongs to it.
func (s *settings) parseVerb(flags *pflag.FlagSet) error {
	if flags.NArg() == 0 {
		return nil
	}
	s.verb, s.rest = flags.Arg(0), flags.Args()[1:]
	switch s.verb {
	case "exec":
		// pflag takes no "--" away behind the first argument.
		if len(s.rest) > 0 && s.rest[0] == "--" {
			s.rest = s.rest[1:]
		}
		if len(s.rest) == 0 {
			return emulator.Misuse(program+" exec -- yubico-piv-tool -a status", "exec needs a command")
		}
	case "ctl":
		if len(s.rest) == 0 {
			return emulator.Misuse(program+" ctl status", "ctl needs an order")
		}
		if s.control == "" {
			return emulator.Misuse("run it under "+program+" exec, or with the environment that "+program+" prints", "%s is not set", controlVariable)
		}
	default:
		return emulator.Misuse(program+" --help", "unexpected argument %q", s.verb)
	}
	return nil
}
