package guide

// enroll by questions. Each step is that of the flags; this file has their order and the words
// between them. A person may stop at each step, and the next call continues there.

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/enroll"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// errStopped says that the person wants to go on another time.
var errStopped = errors.New("stopped before anything was made")

// guide is one walk through an enrolment, or a part of it.
type guide struct {
	*conversation
	settings *settings.Settings
	order    enroll.Enrolment // what flags have said already
	known    enroll.Store

	under  *enroll.Pending // the enrolment under way; nil: it has not begun
	region string          // that the person has given; "": the settings say where Anaplan is
	done   bool
}

// Run walks a person through an enrolment.
func Run(ctx context.Context, s *settings.Settings, order enroll.Enrolment, say *console.Messenger) error {
	terminal, err := console.OpenTerminal()
	if err != nil {
		return err
	}
	defer terminal.Close()
	device.WatchModules()
	g := &guide{conversation: &conversation{ctx: ctx, say: say, terminal: terminal}, settings: s, order: order, known: enroll.NewStore()}
	err = g.run()
	if errors.Is(err, errStopped) && g.under != nil {
		g.tell("\nStopped here. To go on: %s enroll", build.Program)
		return nil
	}
	return err
}

// run does one step after the other.
func (g *guide) run() error {
	if err := g.choosePending(); err != nil {
		return err
	}
	for !g.done {
		if err := g.step(); err != nil {
			return err
		}
	}
	return nil
}

// step does what is next.
func (g *guide) step() error {
	switch {
	case g.under == nil:
		return g.begin()
	case g.under.Step == enroll.StepMaking || g.under.Step == enroll.StepKey:
		return g.makeRequest()
	case g.under.Step == enroll.StepRequest:
		return g.waitForCA()
	}
	return g.waitForRegistration()
}

// choosePending finds the enrolment to go on with; none for a new one.
func (g *guide) choosePending() error {
	profile, err := g.settings.Load()
	if err != nil {
		return err
	}
	all := g.known.All()
	found := all
	var meant config.Address
	if len(profile.Keys) > 0 {
		// A key that was just typed is meant. One of a profile may be another, for daily use.
		fitting := g.known.Fitting(profile.Keys[0])
		if len(fitting) > 0 || g.settings.Command.Flags().Changed("key") {
			found, meant = fitting, profile.Keys[0]
		}
	}
	if g.order.ReuseKey || g.order.Name+g.order.Subject+g.order.Output != "" || g.order.Bits != 0 {
		found = nil // that is for a new one
	}
	switch {
	case len(found) == 0 && g.order.Resume:
		return enroll.NothingUnderWay(meant, all)
	case len(found) == 1:
		g.under = found[0]
	case len(found) > 1:
		return g.chooseAmong(found)
	}
	return nil
}

// chooseAmong asks which of several enrolments to go on with.
func (g *guide) chooseAmong(found []*enroll.Pending) error {
	g.tell("These enrolments are under way:")
	for i, p := range found {
		g.tell("  %d) %s for %s: %s", i+1, p.Key, p.Email, p.Waits())
	}
	_, err := g.askUntil("Which one? A number, or n for a new one", "1", func(text string) error {
		number, err := strconv.Atoi(text)
		switch {
		case text == "n":
			return nil
		case err != nil || number < 1 || number > len(found):
			return fmt.Errorf("it is a number from 1 to %d, or n", len(found))
		}
		g.under = found[number-1]
		return nil
	})
	return err
}

// makeRequest makes the request for a key that is there without one.
func (g *guide) makeRequest() error {
	p := g.under
	if p.Step == enroll.StepMaking {
		g.tellOnce("The making of the key %s was interrupted, and its request (CSR) is not made.", p.Key)
	} else {
		g.tellOnce("The key %s is made, and its request (CSR) is not.", p.Key)
	}
	text, err := g.ask("Press Enter to make it; or n: a new key, f: forget this one, q: stop here", "")
	if err != nil {
		return err
	}
	if handled, err := g.command(text); handled {
		return err
	}
	output, err := g.form().askRequestFile(p.Address())
	if err != nil {
		return err
	}
	return g.tried(g.stage(p.Address(), func(run *device.Run) error {
		e := g.order
		enroll.GoOnWith(run, p, &e)
		e.Output = output
		return g.requested(run, e)
	}))
}

// tried tells what went wrong, so that the question comes again. A wish to stop is not an error.
func (g *guide) tried(err error) error {
	if err == nil || errors.Is(err, errStopped) {
		return err
	}
	g.fail(err)
	return nil
}

// requested has the request made and says what to do with it.
func (g *guide) requested(run *device.Run, e enroll.Enrolment) error {
	if err := enroll.Sign(run, e, g.under); err != nil {
		return err
	}
	err := enroll.PutRequest(run, e, g.under)
	if err == nil {
		err = enroll.AttestKey(run, e, g.under)
	}
	if err != nil { // the request is made, and can be printed
		g.fail(err)
	}
	g.tell("%s", whatToAskFor(g.under))
	return nil
}

// stage does a piece of work on the device. After a mistyped PIN it starts again, at the question
// for the PIN; the end of the input there is a wish to stop.
func (g *guide) stage(address config.Address, work func(*device.Run) error) error {
	for {
		var asked config.PINSource
		err := g.once(address, func(run *device.Run) error {
			asked, _ = run.Device.PIN.SourceFor(pin.Request{})
			return work(run)
		})
		switch {
		case errors.Is(err, console.ErrTerminalClosed):
			return errStopped
		case !canRetype(err, asked):
			return err
		}
		g.fail(err)
		g.tell("Once more. The device counts wrong PINs; Ctrl-D instead of the PIN stops here and does not count.")
	}
}

// canRetype reports whether another PIN, typed by a person, may mend an error. The last try
// is confirmed where the PIN is asked for.
func canRetype(err error, source config.PINSource) bool {
	if refused, ok := errors.AsType[*hardware.PINError](err); ok {
		return pin.Interactive(source) && !refused.Locked
	}
	return source.Kind == config.PINPrompt && (errors.Is(err, pin.ErrSource) || errors.Is(err, pin.ErrNotAPIN) || errors.Is(err, pin.ErrLength))
}

// once is one try of a stage, with a time limit of its own: that of a login is not meant for
// all that a person does in between.
func (g *guide) once(address config.Address, work func(*device.Run) error) error {
	run, err := device.StartRun(g.ctx, g.settings, g.say)
	if err != nil {
		return err
	}
	defer run.End()
	run.Profile.Keys = []config.Address{address}
	if g.region != "" {
		run.Profile.Region = g.region
	}
	defer run.Device.PIN.Keep()()
	return work(run)
}

// typedPath returns the path that a person means: terminals put quotation marks around a
// file that is dropped on them, and a shell would have known the home.
func typedPath(text string) string {
	if len(text) > 1 && (text[0] == '\'' || text[0] == '"') && text[len(text)-1] == text[0] {
		text = text[1 : len(text)-1]
	}
	if rest, ok := strings.CutPrefix(text, "~"+string(os.PathSeparator)); ok {
		if home, err := os.UserHomeDir(); err == nil {
			return filepath.Join(home, rest)
		}
	}
	return text
}

// freeName returns the path, or one like it, where there is no file yet.
func freeName(path string) string {
	ending := filepath.Ext(path)
	free := path
	for n := 2; console.Exists(free); n++ {
		free = fmt.Sprintf("%s-%d%s", strings.TrimSuffix(path, ending), n, ending)
	}
	return free
}
