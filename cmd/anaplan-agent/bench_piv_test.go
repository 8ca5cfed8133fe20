//go:build linux && cgo

package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/piv/pivtest"
)

// BenchmarkOneShotPIV measures a whole sign on a virtual YubiKey in a real pcscd, in
// turn with Yubico's own tool, and lists what one login asks the card. Run it with:
// make bench
func BenchmarkOneShotPIV(b *testing.B) {
	l, card := newCardLab(b)
	row, print := newTable(b)
	b.Run("sign", func(b *testing.B) {
		wall := compare(b, l.command(l.binary, "sign"), l.command(pivtest.Tool(b, "yubico", "yubico-piv-tool"),
			"-a", "verify-pin", "-P", cardPIN, "--sign", "-s", "9c", "-A", "RSA2048", "-H", "SHA512",
			"-i", l.file("message"), "-o", l.file("signature")))
		row("sign on a YubiKey, wall", wall, "<= 1.30", "%.2f", "yubico-piv-tool -a verify-pin --sign")
	})
	l.signMemory(b, "sign on a YubiKey", row)
	print()

	card.ForgetCommands()
	l.run(b, l.binary, "sign")
	fmt.Println("\none login's commands to the card:")
	for _, command := range card.Commands() {
		fmt.Printf("  INS %02X P1 %02X P2 %02X, %d bytes: %04X\n", command.INS, command.P1, command.P2, command.Length, command.SW)
	}
}

// cardPIN is the PIN of the benchmark's card.
const cardPIN = "246810"

// newCardLab is a lab whose key is in slot 9c of a virtual card.
func newCardLab(b *testing.B) (*lab, *pivtest.Card) {
	l := &lab{dir: b.TempDir()}
	l.binary = l.file("anaplan-agent")
	l.install(b)
	stack := pivtest.NewStack(b)
	card, err := pivtest.NewCard(pivtest.Options{PIN: cardPIN})
	if err != nil {
		b.Fatal(err)
	}
	if err := stack.Insert(0, card); err != nil {
		b.Fatal(err)
	}
	l.env = append(stack.Env(), "PIN="+cardPIN, "XDG_STATE_HOME="+l.file("state"),
		"ANAPLAN_AGENT_PIN=env:PIN", "ANAPLAN_AGENT_KEY=piv:slot=9c")
	l.write(b, "message", strings.Repeat("m", 100))
	l.write(b, "login.csr", l.run(b, l.binary, "enroll", "--email", "ana@example.com"))
	l.write(b, "login.pem", l.run(b, l.file("anaplan-emulator"), "--ca-dir", l.file("ca"), "--issue", l.file("login.csr")))
	l.run(b, l.binary, "enroll", "--certificate", l.file("login.pem"))
	return l, card
}
