//go:build cgo

package main

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/piv/pivtest"
	"github.com/rogpeppe/go-internal/testscript"
)

// TestCardScripts runs the scripts with cards, each on a pcscd of its own. They have
// SoftHSM too, since a list of keys may mix both.
func TestCardScripts(t *testing.T) {
	pivtest.NewStack(t).Close() // skips where there can be none
	runScripts(t, func(name string) bool { return strings.HasPrefix(name, "piv-") })
}

// scriptPIN is the PIN of cards, but of those with the factory's.
const scriptPIN = "471108"

// cardsKey is where a script's cards are kept.
type cardsKey struct{}

// cardTable is a script's pcscd, and the cards that are or were in its two readers.
type cardTable struct {
	stack *pivtest.Stack
	cards [2]*pivtest.Card
	free  [2]func()    // lets go of a card that is held
	kept  [2]*keptCard // by kill-at-each-step

	pulls sync.WaitGroup // that a card's fault is at
}

// cardCommand is the command card of the scripts. N is a reader, 0 or 1, or the card in
// it, INS an instruction and SW a status word in hexadecimal. The first call starts a
// pcscd.
//
//	card none                  readers only
//	card insert N [OPTION...]  a new card, see newCard; the last one again without options
//	card pull N
//	card key N SLOT KIND [CSR] puts a key: rsa2048, rsa1024, p256; a request for it is written to CSR
//	card certificate N SLOT FILE
//	card tries N COUNT         PIN tries left; puktries is the PUK's
//	card touch N never|FILE    nobody touches it, or not before there is a file
//	card freeze N INS          it answers no such command
//	card thaw N
//	card fault N INS SW
//	card pullat N INS          it is pulled instead of an answer to such a command
//	card verify N HOW          what goes wrong with the next PIN that is sent, see faultAtPIN
//	card wrong N COUNT         fails unless it has compared so many wrong PINs, ever
//	card sent N INS COUNT      fails unless it had so many of these; a PIN is 20
//	card forget N              what it had
//	card guid N HEX            its GUID, of two bytes that are there eight times
//	card protect N HEX         keeps this management key under the PIN
//	card keep N                kill-at-each-step puts it back to what it is now
//	card hold N                another program has it, until card release N
//	card daemon kill|stop|start
func cardCommand(ts *testscript.TestScript, _ bool, args []string) {
	table := tableOf(ts)
	if args[0] == "none" {
		return
	}
	if args[0] == "daemon" {
		ts.Check(table.daemon(args[1]))
		return
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	switch args[0] {
	case "insert":
		table.pulls.Wait()
		if len(args) > 2 || table.cards[n] == nil {
			table.cards[n] = newCard(ts, args[2:])
		}
		ts.Check(table.stack.Insert(n, table.cards[n]))
	case "pull":
		ts.Check(table.stack.Pull(n))
	case "hold":
		table.free[n], err = table.stack.Hold(n, true)
		ts.Check(err)
	case "release":
		table.free[n]()
	case "keep":
		ts.Check(table.keep(n))
	case "pullat":
		table.cards[n].Inject(pivtest.Fault{INS: byteOf(ts, args[2]), Before: table.pull(n)})
	case "verify":
		table.cards[n].Inject(table.faultAtPIN(ts, n, args[2:]))
	default:
		change(ts, table.cards[n], args[0], args[2:])
	}
}

// pull returns what pulls a card while it is at a command. The next insertion waits for it.
func (c *cardTable) pull(n int) func() {
	c.pulls.Add(1)
	return func() {
		defer c.pulls.Done()
		c.stack.Pull(n)
	}
}

// faultAtPIN makes a fault of the next PIN that is sent:
//
//	before SW    answered so, and not compared
//	after SW     compared, and answered so all the same
//	pull-before  the card is pulled before it compares
//	pull-after   it is pulled after that, before the answer
func (c *cardTable) faultAtPIN(ts *testscript.TestScript, n int, how []string) pivtest.Fault {
	fault := pivtest.Fault{INS: 0x20, WithData: true}
	switch how[0] {
	case "before":
		fault.SW = wordOf(ts, how[1])
	case "after":
		fault.AfterSW = wordOf(ts, how[1])
	case "pull-before":
		fault.Before, fault.SW = c.pull(n), 0x6f00 // nobody sees it
	case "pull-after":
		fault.After = c.pull(n)
	default:
		ts.Fatalf("unknown fault %q", how[0])
	}
	return fault
}

// tableOf returns the script's cards, and starts its pcscd at first.
func tableOf(ts *testscript.TestScript) *cardTable {
	held := ts.Value(cardsKey{}).(**cardTable)
	if *held != nil {
		return *held
	}
	stack, err := pivtest.StartStack(context.Background(), pivtest.StackOptions{})
	ts.Check(err)
	ts.Defer(func() { stack.Close() })
	ts.Setenv("PCSCLITE_CSOCK_NAME", stack.Socket())
	*held = &cardTable{stack: stack}
	return *held
}

// daemon ends and starts pcscd.
func (c *cardTable) daemon(what string) error {
	switch what {
	case "kill":
		return c.stack.KillDaemon()
	case "stop":
		return c.stack.StopDaemon()
	}
	return c.stack.StartDaemon()
}

// newCard makes a card with options firmware=5.4.3, serial=N, factory (its PIN), nopiv,
// maker=canokey|pivapplet|other, firstselect=SW (the answer to the first SELECT), strictle (no answer
// without Le), nopolicies (those of keys are not told), badsign (each signature has a wrong bit), managementkey=HEX and algorithm=N (its), and
// fewkeys, for a script in which many are made: it makes the same ones again and again, but none
// that it has.
func newCard(ts *testscript.TestScript, options []string) *pivtest.Card {
	opts := pivtest.Options{PIN: scriptPIN, PUK: "87654321"}
	var keys keysInTurn
	for _, option := range options {
		name, value, _ := strings.Cut(option, "=")
		switch name {
		case "firmware":
			opts.Firmware = value
		case "serial":
			serial, err := strconv.ParseUint(value, 10, 32)
			ts.Check(err)
			opts.Serial = uint32(serial)
		case "factory":
			opts.PIN, opts.PUK = "", ""
		case "badsign":
			opts.Quirks.BadSignatures = true
		case "fewkeys":
			opts.Keys = keys.next
		case "nopiv":
			opts.NoPIV = true
		case "maker":
			opts.Maker = pivtest.Maker(value)
		case "firstselect":
			opts.Quirks.FirstSelect = wordOf(ts, value)
		case "strictle":
			opts.Quirks.StrictLe = true
		case "nopolicies":
			opts.Quirks.NoPolicies = true
		case "managementkey":
			key, err := hex.DecodeString(value)
			ts.Check(err)
			opts.ManagementKey = key
		case "algorithm":
			opts.ManagementAlgorithm = byteOf(ts, value)
		default:
			ts.Fatalf("unknown option %q", option)
		}
	}
	card, err := pivtest.NewCard(opts)
	ts.Check(err)
	keys.card = card
	return card
}

// keysInTurn makes keys of 2048 bits for a card.
type keysInTurn struct {
	card *pivtest.Card
	made []*rsa.PrivateKey
}

// next returns the first key that is not on the card, and makes one if there is none.
func (k *keysInTurn) next(bits int) (*rsa.PrivateKey, error) {
	for _, key := range k.made {
		isThere := func(slot byte) bool { return key.PublicKey.Equal(k.card.PublicKey(slot)) }
		if !slices.ContainsFunc([]byte{0x9a, 0x9c, 0x82, 0x83}, isThere) {
			return key, nil
		}
	}
	key, err := rsa.GenerateKey(rand.Reader, bits)
	k.made = append(k.made, key)
	return key, err
}

// printedObject is the one that needs the PIN to be read, in which programs of Yubico's
// keep the management key: 88 { 89 KEY }.
const printedObject = 0x5fc109

// guidObject is the one that tells which card it is.
const guidObject = 0x5fc102

// byteOf reads two hexadecimal digits.
func byteOf(ts *testscript.TestScript, text string) byte {
	n, err := strconv.ParseUint(text, 16, 8)
	ts.Check(err)
	return byte(n)
}

// wordOf reads a status word.
func wordOf(ts *testscript.TestScript, text string) uint16 {
	n, err := strconv.ParseUint(text, 16, 16)
	ts.Check(err)
	return uint16(n)
}

// change does to a card what a command of cardCommand says.
func change(ts *testscript.TestScript, card *pivtest.Card, what string, args []string) {
	switch what {
	case "key":
		key, err := newPrivateKey(args[1])
		ts.Check(err)
		ts.Check(card.PutKey(byteOf(ts, args[0]), key, pivtest.Policy{}))
		if len(args) > 2 {
			der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "ana@example.com"}, EmailAddresses: []string{"ana@example.com"}}, key)
			ts.Check(err)
			ts.Check(os.WriteFile(ts.MkAbs(args[2]), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der}), 0o600))
		}
	case "certificate":
		block, _ := pem.Decode([]byte(ts.ReadFile(args[1])))
		cert, err := x509.ParseCertificate(block.Bytes)
		ts.Check(err)
		card.PutCertificate(byteOf(ts, args[0]), cert)
	case "tries", "puktries":
		tries, err := strconv.Atoi(args[0])
		ts.Check(err)
		if what == "tries" {
			card.SetPINTriesLeft(tries)
		} else {
			card.SetPUKTriesLeft(tries)
		}
	case "touch":
		setTouch(ts, card, args[0])
	case "freeze":
		card.Inject(pivtest.Fault{INS: byteOf(ts, args[0]), Freeze: true})
	case "thaw":
		card.Thaw()
	case "fault":
		card.Inject(pivtest.Fault{INS: byteOf(ts, args[0]), SW: wordOf(ts, args[1])})
	case "wrong":
		wantCount(ts, "wrong PINs", card.WrongPINs(), args[0])
	case "sent":
		wantCount(ts, "commands "+args[0], countOf(card, byteOf(ts, args[0])), args[1])
	case "forget":
		card.ForgetCommands()
	case "guid":
		guid, err := hex.DecodeString(strings.Repeat(args[0], 8))
		ts.Check(err)
		card.PutObject(guidObject, slices.Concat([]byte{0x34, 0x10}, guid))
	case "protect":
		key, err := hex.DecodeString(args[0])
		ts.Check(err)
		card.PutObject(printedObject, slices.Concat([]byte{0x88, 0x1a, 0x89, 0x18}, key))
	default:
		ts.Fatalf("unknown command card %s", what)
	}
}

// newPrivateKey makes a key of a kind.
func newPrivateKey(kind string) (crypto.PrivateKey, error) {
	if kind == "p256" {
		return ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	bits, err := strconv.Atoi(strings.TrimPrefix(kind, "rsa"))
	if err != nil {
		return nil, err
	}
	return rsa.GenerateKey(rand.Reader, bits)
}

// setTouch says who touches a card.
func setTouch(ts *testscript.TestScript, card *pivtest.Card, who string) {
	if who == "never" {
		card.OnTouch(func() bool { return false })
		return
	}
	file := ts.MkAbs(who)
	card.OnTouch(func() bool {
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
			if _, err := os.Stat(file); err == nil {
				return true
			}
		}
		return false
	})
}

// countOf counts the commands of an instruction that a card has had. A question for
// the counter is not a PIN that was sent (SP 800-73-4 part 2, section 3.2.1).
func countOf(card *pivtest.Card, ins byte) int {
	n := 0
	for _, command := range card.Commands() {
		if command.INS == ins && (ins != 0x20 || command.Length > 0) {
			n++
		}
	}
	return n
}
