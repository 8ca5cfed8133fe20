package main

// The renewal of a key: a second one beside the first, which stays until somebody says
// otherwise. At no moment is there no key that can log in.

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
	"github.com/spf13/cobra"
)

const rotateHelp = `rotate gives a profile of the configuration file a new key and certificate, without an
outage:

  anaplan-agent rotate start > new.csr                 a second key beside the first, and its request
  anaplan-agent rotate finish --certificate new.pem    when the CA has answered: stores it, logs in
                                                       with the new key, puts it into the
                                                       configuration, and has the agent take it over
  anaplan-agent rotate back                            the old key again, as long as it is there
  anaplan-agent rotate retire                          deletes the old key and its certificate
  anaplan-agent rotate                                 how far it is

Between start and finish an administrator has to register the new certificate in Anaplan; finish
says so, and is called again afterwards, then without --certificate. A running agent keeps its token
through all of it: no caller notices.`

// rotateCommands are the commands of rotate.
var rotateCommands = []func(*messenger) *cobra.Command{newRotateStartCommand, newRotateFinishCommand, newRotateBackCommand, newRotateRetireCommand}

// newRotateCommand returns the rotate command, which says by itself how far a rotation is.
func newRotateCommand(say *messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "replace a profile's key and certificate without an outage",
		Long:  rotateHelp,
		Args:  cobra.ArbitraryArgs, // so that a wrong word reaches RunE and its own words
	}
	settings := addSettings(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return &usageError{fmt.Errorf("unknown command %q", "rotate "+args[0]), cmd.CommandPath()}
		}
		known, err := rotationOf(settings)
		if err != nil {
			return err
		}
		return printResult(printable(known.text()))
	}
	for _, newCommand := range rotateCommands {
		cmd.AddCommand(newCommand(say))
	}
	return cmd
}

// rotateOrder is what the flags of rotate start and finish say.
type rotateOrder struct {
	object, slot string
	answer       string // of the CA
	enrolment
}

// newRotateStartCommand returns the start command of rotate.
func newRotateStartCommand(say *messenger) *cobra.Command {
	cmd := &cobra.Command{Use: "start", Short: "make a second key and its request (CSR)", Long: rotateHelp, Args: noArguments}
	settings := addSettings(cmd, []string{"pin", "timeout", "touch_command"})
	var order rotateOrder
	flags := cmd.Flags()
	flags.StringVar(&order.object, "object", "", "name of the new key in the token (default: the old one's with a number)")
	flags.StringVar(&order.slot, "slot", "", "YubiKey: slot of the new key (default: the first of 82 to 95 that is free)")
	flags.IntVar(&order.bits, "bits", 0, "length of the RSA key: 2048, 3072 or 4096 (default 2048)")
	flags.StringVar(&order.email, "email", "", "e-mail address of the Anaplan user (default: that in the present certificate)")
	flags.StringVar(&order.subject, "subject", "", "subject of the CSR, as 'CN=Nightly load,O=Example AG,C=CH' (default: the e-mail address)")
	flags.StringVar(&order.output, "output", "", "new file for the CSR (default: standard output)")
	order.card.addFlags(cmd)
	cmd.RunE = onRotation(settings, say, func(r *rotating) error { return r.begin(order, cmd.CommandPath()) })
	return cmd
}

// newRotateFinishCommand returns the finish command of rotate.
func newRotateFinishCommand(say *messenger) *cobra.Command {
	cmd := &cobra.Command{Use: "finish", Short: "store the new certificate, try it, and switch to it", Long: rotateHelp, Args: noArguments}
	settings := addSettings(cmd, []string{"pin", "touch_command", "format"}, serverSettings)
	var order rotateOrder
	flags := cmd.Flags()
	flags.StringVar(&order.answer, "certificate", "", "what the CA has sent: PEM, DER or PKCS#7, alone or with the CA's own certificates")
	flags.StringVar(&order.uploadOut, "upload-out", "", "new file with the one PEM block that is uploaded to Anaplan")
	flags.StringVar(&order.chainOut, "chain-out", "", "new file for the CA's own certificates, for which cards have no place")
	order.card.addWriteFlags(cmd)
	cmd.RunE = onRotation(settings, say, func(r *rotating) error { return r.finish(order) })
	return cmd
}

// newRotateBackCommand returns the back command of rotate.
func newRotateBackCommand(say *messenger) *cobra.Command {
	cmd := &cobra.Command{Use: "back", Short: "switch back to the old key", Long: rotateHelp, Args: noArguments}
	settings := addSettings(cmd, []string{"pin", "timeout"})
	cmd.RunE = onRotation(settings, say, func(r *rotating) error { return r.back() })
	return cmd
}

// newRotateRetireCommand returns the retire command of rotate.
func newRotateRetireCommand(say *messenger) *cobra.Command {
	cmd := &cobra.Command{Use: "retire", Short: "delete the old key and its certificate", Long: rotateHelp, Args: noArguments}
	settings := addSettings(cmd, []string{"pin", "timeout", "touch_command"})
	yes := cmd.Flags().Bool("yes", false, "do not ask")
	var card cardEnrolment
	card.addWriteFlags(cmd)
	cmd.RunE = onRotation(settings, say, func(r *rotating) error { return r.retire(*yes, card) })
	return cmd
}

// rotating is one step of a rotation.
type rotating struct {
	*deviceRun
	settings *settings
	file     string // the configuration
	known    *rotation
}

// onRotation returns the body of a command of rotate.
func onRotation(settings *settings, say *messenger, work func(*rotating) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		if err := checkStdout(); err != nil {
			return err
		}
		known, err := rotationOf(settings)
		if err != nil {
			return err
		}
		watchModules()
		run, err := startRun(cmd.Context(), settings, say)
		if err != nil {
			return err
		}
		defer run.end()
		if run.profile.Certificate != "" {
			return fmt.Errorf("%w: profile %q has its certificate in a file (certificate = ...), and rotate keeps certificates beside their keys: store it with enroll --certificate, and take that setting out", errSettings, run.profile.Name)
		}
		run.device.pin.keep = true
		defer run.device.pin.drop()
		return work(&rotating{run, settings, known.Config, known})
	}
}

// withKey returns the run with another key in the place of the profile's.
func (r *rotating) withKey(address config.Address) *deviceRun {
	profile := *r.profile
	profile.Keys = []config.Address{address}
	run := *r.deviceRun
	device := *r.device
	device.profile = &profile
	run.profile, run.device = &profile, &device
	return &run
}

// begin makes the second key and its request.
func (r *rotating) begin(order rotateOrder, command string) error {
	if r.known.New != "" {
		return fmt.Errorf("%w: it was begun on %s with %s; go on with: %s rotate finish, or take the new key away with: %s rotate back and rotate retire",
			errRotation, r.known.Time.Local().Format(time.DateOnly), r.known.New, program, program)
	}
	old, err := r.device.address()
	if err != nil {
		return err
	}
	e := order.enrolment
	if e.email == "" {
		present, err := r.certificate()
		if err != nil {
			return fmt.Errorf("the present certificate, which tells the e-mail address: %w; or give --email", err)
		}
		e.email = agent.Email(present)
	}
	if err := e.check(false); err != nil {
		return &usageError{err, command}
	}
	place, err := r.newPlace(old, order)
	if err != nil {
		return err
	}
	under, err := r.deviceRun.begin(e, place)
	if err != nil {
		return err
	}
	r.known.Old, r.known.New, r.known.Step = old.String(), under.Key, rotationRequested
	if err := r.known.save(); err != nil {
		return err
	}
	if err := r.sign(e, under); err != nil {
		return err
	}
	if err := r.putRequest(e, under); err != nil {
		return err
	}
	r.say.note("the old key stays in use. Next: send the CSR to your CA, then: %s rotate finish --certificate FILE", program)
	return newEnrolments().forget(under) // finish knows the way from here
}

// newPlace returns where the second key goes: beside the first, under another name or in another slot.
func (r *rotating) newPlace(old config.Address, order rotateOrder) (config.Address, error) {
	card, isCard := old.(pivuri.URI)
	switch {
	case isCard && order.object != "":
		return nil, fmt.Errorf("%w: --object is for tokens, and %s is on a card: say --slot", errSettings, old)
	case isCard:
		return r.newSlot(card, order.slot)
	case order.slot != "":
		return nil, fmt.Errorf("%w: --slot is for cards, and %s is in a token: say --object", errSettings, old)
	}
	token := old.(uri.URI)
	label, _ := token.Get("object")
	if order.object == label && label != "" {
		return nil, fmt.Errorf("%w: --object %q is the name of the old key, and the two could not be told apart", errSettings, label)
	}
	if order.object == "" {
		order.object = nextName(label)
	}
	return token.Without("id").With("object", order.object), nil
}

// newSlot returns a slot of the card that is free.
func (r *rotating) newSlot(card pivuri.URI, wanted string) (config.Address, error) {
	card = r.withSerial(card)
	if wanted != "" {
		slot, err := pivuri.ParseSlot(wanted)
		if err != nil {
			return nil, fmt.Errorf("%w: --slot: %w", errSettings, err)
		}
		card.Slot = slot
		return card, nil
	}
	whole := card
	whole.Slot = 0
	cards, err := piv.List(r.ctx, whole, r.device.cardOptions(whole))
	if err != nil {
		return nil, err
	}
	used := map[pivuri.Slot]bool{}
	for _, card := range cards {
		for _, key := range card.Keys {
			used[key.Address.Slot] = true
		}
	}
	for _, slot := range pivuri.Slots() {
		if slot.Retired() && !used[slot] {
			card.Slot = slot
			return card, nil
		}
	}
	return nil, fmt.Errorf("%w: no slot from 82 to 95 is free on %s: name another with --slot", errSettings, card)
}

// finish stores the CA's answer, proves that the new key logs in, and switches to it.
func (r *rotating) finish(order rotateOrder) error {
	if r.known.New == "" {
		return fmt.Errorf("%w: none was begun: %s rotate start", errRotation, program)
	}
	address, err := config.ParseAddress(r.known.New)
	if err != nil {
		return err
	}
	fresh := r.withKey(address)
	if order.answer != "" {
		e := order.enrolment
		e.certificate = order.answer
		if err := fresh.storeAnswer(e, address); err != nil {
			return err
		}
	}
	who, err := fresh.whoami("")
	if err != nil {
		r.say.note("the old key stays in use; once the new certificate is registered: %s rotate finish", program)
		return err
	}
	r.say.note("the new key logs in as %s", who.UserID)
	if r.known.Step != rotationSwitched {
		if err := r.switchTo(r.known.Old, r.known.New); err != nil {
			return err
		}
		r.known.Step = rotationSwitched
		if err := r.known.save(); err != nil {
			return err
		}
	}
	r.say.note("%s has the new key. The old one stays as it is: when you are sure, disable its certificate in Anaplan (%s), and then: %s rotate retire", r.file, whereToRegister, program)
	return r.tellAgent()
}

// switchTo puts another key into the configuration. What the file was before stays beside it.
func (r *rotating) switchTo(before, after string) error {
	data, err := readInput(r.file)
	if err != nil {
		return err
	}
	changed, err := config.ReplaceKey(r.file, data, r.profile.Name, before, after)
	if err != nil {
		return fmt.Errorf("%w: %w", errSettings, err)
	}
	return replaceFile(r.file, changed)
}

// replaceFile replaces a file in one step, with its permissions, and keeps the one before.
func replaceFile(path string, data []byte) error {
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	next, err := os.CreateTemp(filepath.Dir(path), ".config-*")
	if err != nil {
		return err
	}
	defer os.Remove(next.Name()) // where it still has that name
	_, err = next.Write(data)
	err = errors.Join(err, next.Chmod(info.Mode().Perm()), keepOwner(next, info), next.Sync(), next.Close())
	if err != nil {
		return err
	}
	backup := path + ".before-rotation"
	if err := os.Remove(backup); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := os.Link(path, backup); err != nil {
		return err
	}
	return os.Rename(next.Name(), path)
}

// tellAgent has a running agent take the new configuration over and log in with the key in it,
// so that it is known to work there, too. Its callers keep the token that they have.
func (r *rotating) tellAgent() error {
	asking, err := r.settings.askAgent(r.say)
	if err != nil || asking == nil {
		return err
	}
	defer asking.end()
	if err := asking.inTime(asking.client.Reload(asking.ctx)); err != nil {
		return fmt.Errorf("the running agent has not taken it over: %w", err)
	}
	if _, err := asking.login(); err != nil {
		return fmt.Errorf("the running agent has the new configuration, and could not log in with it: %w", err)
	}
	r.say.note("the running agent has logged in with the key in the configuration")
	return nil
}

// back puts the old key into the configuration again.
func (r *rotating) back() error {
	if r.known.Step != rotationSwitched {
		return fmt.Errorf("%w: there is nothing to go back from: the old key is in use", errRotation)
	}
	if err := r.switchTo(r.known.New, r.known.Old); err != nil {
		return err
	}
	r.known.Step = rotationRequested
	if err := r.known.save(); err != nil {
		return err
	}
	r.say.note("%s has the old key again", r.file)
	return r.tellAgent()
}

// retire deletes the old key, which nothing uses any more.
func (r *rotating) retire(yes bool, order cardEnrolment) error {
	if r.known.Step != rotationSwitched {
		return fmt.Errorf("%w: the old key is still in use: %s rotate finish", errRotation, program)
	}
	old, err := config.ParseAddress(r.known.Old)
	if err != nil {
		return err
	}
	if !yes {
		if err := r.confirm(old); err != nil {
			return err
		}
	}
	deleted, err := r.delete(old, order)
	r.device.pin.settle(err)
	for _, what := range deleted {
		r.say.note("deleted %s", what)
	}
	if errors.Is(err, piv.ErrUnsupported) && len(deleted) > 0 { // without its certificate nothing logs in with it
		r.say.warn("%v", err)
		err = nil
	}
	if err != nil {
		return err
	}
	r.say.note("delete the old certificate in Anaplan, too: %s", whereToRegister)
	return r.known.forget()
}

// errNotRetired says that a person did not want it.
var errNotRetired = errors.New("nothing was deleted")

// confirm asks a person, for a key that is deleted is gone for good.
func (r *rotating) confirm(old config.Address) error {
	terminal, err := openTerminal()
	if err != nil {
		return fmt.Errorf("%w: deleting a key wants a word: add --yes", errNotRetired)
	}
	defer terminal.Close()
	defer r.device.pin.patience.pause()()
	yes, err := terminal.askYes(r.ctx, fmt.Sprintf("Delete the key %s and its certificate for good?", old))
	if err == nil && !yes {
		err = errNotRetired
	}
	return err
}

func (r *rotating) delete(old config.Address, order cardEnrolment) (deleted []string, err error) {
	card, ok := old.(pivuri.URI)
	if !ok {
		return hsm.Delete(r.ctx, old.(uri.URI), hsm.Options{PIN: r.device.pin.forToken})
	}
	card = r.withSerial(card)
	err = r.writeCard(order, card, func(options piv.Options) (err error) {
		deleted, err = piv.Delete(r.ctx, card, options)
		return err
	})
	return deleted, err
}
