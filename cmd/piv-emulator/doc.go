// Command piv-emulator is a YubiKey for people who have none at hand: a virtual PIV
// card in a virtual reader of a real pcscd, to try PIV programs with and to show
// what they do when a card is pulled, frozen or never touched.
//
// It is a thin main over package pivtest: flags, a command line's environment, and a
// control socket by which a script does what a hand would. Run it with --help.
//
// The card's keys are worth nothing: they lie in this process's memory, and with --state in a file,
// for anybody to read that may read that.
//
//	piv-emulator exec -- yubico-piv-tool -a status
package main
