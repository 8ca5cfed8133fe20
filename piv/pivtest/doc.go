// Package pivtest is a virtual PIV card, a YubiKey by its answers, and the PC/SC
// stack to put it into: for tests, and for people who want to try without a key.
//
// A Card answers APDUs and knows nothing of how they come. A Stack is a real pcscd
// with two virtual readers in namespaces of its own, so that several run at once and
// none is seen by the machine's own programs; cards are put into its readers and
// pulled by a call.
//
// A Card guards nothing: its keys and its PIN lie in memory, and Save writes them in
// the clear. Its attestations lead to a root of this package, AttestationRoot, whose key
// anybody has. What real cards do was taken from the standards and Yubico's
// documentation; where cards differ, Quirks chooses.
//
// The card shares no code with package piv: what it checks it must not be. Any PIV
// program can use it: yubico-piv-tool, OpenSC, ykcs11.
package pivtest
