package main

// The renewal of a key: a second one beside the first, which stays until somebody says
// otherwise. At no moment is there no key that can log in.

import (
	"errors"
	"fmt"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/spf13/cobra"
)

const rotateHelp = `rotate gives a profile of the configuration file a new key and certificate, without an
outage:

  anaplan-agent rotate start --output new.csr          a second key beside the first, and its request
  anaplan-agent rotate finish --certificate new.pem --upload-out upload.pem
                                                       stores what the CA has sent
  anaplan-agent rotate finish                          once upload.pem is registered in Anaplan: logs in with
                                                       the new key, puts it into the configuration,
                                                       and has the agent take it over
  anaplan-agent rotate retire                          deletes the old key and its certificate

  anaplan-agent rotate                                 how far it is
  anaplan-agent rotate back                            after finish: the old key again
  anaplan-agent rotate cancel                          before finish: deletes the new key

A running agent keeps its token through all of it: no caller notices.`

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
			return explain.Usagef(cmd.CommandPath(), "unknown command %q", "rotate "+args[0])
		}
		if _, err := settings.load(); err != nil {
			return err
		}
		known, err := rotationOf(settings)
		if err != nil {
			return err
		}
		return printResult(printable(known.text()) + "\n")
	}
	cmd.AddCommand(newRotateStartCommand(say), newRotateFinishCommand(say), newRotateBackCommand(say), newRotateRetireCommand(say), newRotateCancelCommand(say))
	return cmd
}

// rotateOrder is what the flags of rotate start and finish say.
type rotateOrder struct {
	object, slot string
	answer       string // file of the CA's
	newUser      bool
	enrolment
}

// newRotateStartCommand returns the start command of rotate.
func newRotateStartCommand(say *messenger) *cobra.Command {
	cmd := &cobra.Command{Use: "start", Short: "make a second key and its request (CSR)", Args: noArguments,
		Long: "start makes a second key beside the profile's, and prints its request (CSR) for the CA. The\nfirst key stays in use. Called again it prints the request again."}
	settings := addSettings(cmd, []string{"pin", "pin_pad", "timeout", "touch_command"})
	var order rotateOrder
	flags := cmd.Flags()
	flags.StringVar(&order.output, "output", "", "new file for the CSR (default: standard output)")
	flags.StringVar(&order.object, "object", "", "name of the new key in the token (default: the old one's with a number)")
	flags.StringVar(&order.slot, "slot", "", "YubiKey: slot of the new key (default: the first of 82 to 95 that is free)")
	flags.IntVar(&order.bits, "bits", 0, "length of the RSA key: 2048, 3072 or 4096 (default: as long as the present one)")
	flags.StringVar(&order.email, "email", "", "e-mail address of the Anaplan user (default: that in the present certificate)")
	flags.StringVar(&order.subject, "subject", "", "subject of the CSR, as 'CN=Nightly load,O=Example AG,C=CH' (default: the e-mail address)")
	order.card.addFlags(cmd)
	cmd.RunE = onRotation(settings, say, func(r *rotating) error { return r.start(order, cmd.CommandPath()) })
	return cmd
}

// newRotateFinishCommand returns the finish command of rotate.
func newRotateFinishCommand(say *messenger) *cobra.Command {
	cmd := &cobra.Command{Use: "finish", Short: "store the new certificate, try it, and switch to it", Args: noArguments,
		Long: "finish stores the CA's answer, if --certificate is given, and logs in with the new key. If\nAnaplan takes it, the configuration gets the new key, and a running agent logs in with it, too; if\nthat cannot, all is as it was before. If Anaplan does not know the certificate yet nothing changes:\ncall it again once it is registered."}
	settings := addSettings(cmd, []string{"pin", "pin_pad", "touch_command", "format"}, serverSettings)
	var order rotateOrder
	flags := cmd.Flags()
	flags.StringVar(&order.answer, "certificate", "", "what the CA has sent: PEM, DER or PKCS#7, alone or with the CA's own certificates")
	flags.StringVar(&order.uploadOut, "upload-out", "", "with --certificate: new file with the one PEM block that is uploaded to Anaplan")
	flags.StringVar(&order.chainOut, "chain-out", "", "with --certificate: new file for the CA's own certificates, for which cards have no place")
	flags.BoolVar(&order.newUser, "new-user", false, "the new certificate may be another user's")
	addManagementKeyFlag(cmd, &order.card)
	cmd.RunE = onRotation(settings, say, func(r *rotating) error { return r.finish(order, cmd.CommandPath()) })
	return cmd
}

// newRotateBackCommand returns the back command of rotate.
func newRotateBackCommand(say *messenger) *cobra.Command {
	cmd := &cobra.Command{Use: "back", Short: "switch back to the old key", Args: noArguments,
		Long: "back logs in with the old key, and puts it into the configuration again if that works."}
	settings := addSettings(cmd, []string{"pin", "pin_pad", "touch_command", "format"}, serverSettings)
	cmd.RunE = onRotation(settings, say, func(r *rotating) error { return r.back() })
	return cmd
}

// newRotateRetireCommand returns the retire command of rotate.
func newRotateRetireCommand(say *messenger) *cobra.Command {
	cmd := &cobra.Command{Use: "retire", Short: "delete the old key and its certificate", Args: noArguments,
		Long: "retire deletes the old key and its certificate from the device for good, once the new one is in\nuse: it logs in with that first, and refuses if any profile still has the old one, or a running\nagent has not logged in with the new one and cannot."}
	settings := addSettings(cmd, []string{"pin", "pin_pad", "touch_command", "format"}, serverSettings)
	return withDeletion(cmd, settings, say, (*rotating).retire)
}

// newRotateCancelCommand returns the cancel command of rotate.
func newRotateCancelCommand(say *messenger) *cobra.Command {
	cmd := &cobra.Command{Use: "cancel", Short: "give the rotation up, and delete the new key", Args: noArguments,
		Long: "cancel gives a rotation up that has not switched: it deletes the new key, which nothing uses."}
	settings := addSettings(cmd, []string{"pin", "pin_pad", "timeout", "touch_command"})
	return withDeletion(cmd, settings, say, (*rotating).cancel)
}

// withDeletion gives a command that deletes a key its flags and its body.
func withDeletion(cmd *cobra.Command, settings *settings, say *messenger, work func(*rotating, bool, cardEnrolment) error) *cobra.Command {
	yes := cmd.Flags().Bool("yes", false, "do not ask")
	var card cardEnrolment
	addManagementKeyFlag(cmd, &card)
	cmd.RunE = onRotation(settings, say, func(r *rotating) error { return work(r, *yes, card) })
	return cmd
}

// addManagementKeyFlag gives a command the one of the flags for cards that it needs.
func addManagementKeyFlag(cmd *cobra.Command, card *cardEnrolment) {
	cmd.Flags().StringVar(&card.managementKey, "management-key", "", "YubiKey: where its management key comes from: prompt, protected (by the PIN), file:PATH or env:NAME (default: the factory's, else protected, else prompt)")
}

// rotating is one step of a rotation.
type rotating struct {
	*deviceRun
	settings *settings
	known    *rotation
}

// onRotation returns the body of a command of rotate. The key is the configuration's: one that
// a flag or a variable gives would not be the one to replace there.
func onRotation(settings *settings, say *messenger, work func(*rotating) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, _ []string) error {
		if err := checkStdout(); err != nil {
			return err
		}
		if value, ok := settings.override(config.Setting{Name: "key"}); ok {
			return fmt.Errorf("%w: %s is set, and rotate replaces the key in the configuration file: unset it", errSettings, value.From)
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
		known, err := rotationOf(settings)
		if err != nil {
			return err
		}
		unlock, err := known.lock()
		if err != nil {
			return err
		}
		defer unlock()
		if known, err = rotationOf(settings); err != nil { // as it is now that nobody changes it
			return err
		}
		defer run.device.pin.Keep()()
		return work(&rotating{run, settings, known})
	}
}

// withKey returns the run with another key in the place of the profile's.
func (r *rotating) withKey(text string) (*deviceRun, config.Address, error) {
	address, err := config.ParseAddress(text)
	if err != nil {
		return nil, nil, err
	}
	profile := *r.profile
	profile.Keys = []config.Address{address}
	run, device := *r.deviceRun, *r.device
	device.profile = &profile
	run.profile, run.device = &profile, &device
	return &run, address, nil
}

// errNotDeleted says that a person did not want it.
var errNotDeleted = errors.New("nothing was deleted")

// confirm asks a person, for a key that is deleted is gone for good.
func (r *rotating) confirm(yes bool, what string) error {
	if yes {
		return nil
	}
	terminal, err := console.OpenTerminal()
	if err != nil {
		return fmt.Errorf("%w: it needs a yes: call it on a terminal, or add --yes", errNotDeleted)
	}
	defer terminal.Close()
	defer r.device.pin.Pause()()
	agreed, err := terminal.AskYes(r.ctx, fmt.Sprintf("Delete %s and its certificate for good?", what))
	if err == nil && !agreed {
		err = errNotDeleted
	}
	return err
}

// users names the profiles of the configuration file that may mean a key.
func (r *rotating) users(address config.Address) ([]string, error) {
	file, err := parseConfig(r.known.Config)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, name := range file.Profiles() {
		profile, err := file.Profile(name, nil)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errSettings, err)
		}
		for _, key := range profile.Keys {
			if mayMean(key, address) {
				names = append(names, name)
				break
			}
		}
	}
	return names, nil
}

// unused returns an error if a profile of the configuration file may mean a key.
func (r *rotating) unused(address config.Address) error {
	names, err := r.users(address)
	if err != nil || len(names) == 0 {
		return err
	}
	return fmt.Errorf("%w: %s is still the key of profile %s in %s, so it is not deleted", errRotation, address, strings.Join(names, ", "), r.known.Config)
}
