//go:build cgo

package main

// moment is whether the device has compared the PIN when the fault comes.
type moment string

const (
	before moment = "before"
	after  moment = "after"
)

// fault is what happens when a PIN comes.
type fault struct {
	name   string // as the tables have it
	moment moment // "": there is no fault, and the device says what it thinks of the PIN
	onCard bool

	orders  []string   // a token's
	card    *cardFault // a card's
	timeout string     // of a login; "": longer than anything takes
	middle  bool       // the PIN is on its way for as long as that

	asks bool // only a person can know afterwards whether a PIN is right that has never worked
}

// shortTimeout is that of logins that a module hangs in. A login takes a tenth of it.
const shortTimeout = "3s"

// tokenCodes are return values of C_Login (PKCS#11 section 5.1) that say nothing of the PIN.
var tokenCodes = []struct{ code, name string }{
	{"0x5", "GENERAL_ERROR (0x5)"},
	{"0x6", "FUNCTION_FAILED (0x6)"},
	{"0x30", "DEVICE_ERROR (0x30)"},
	{"0x32", "DEVICE_REMOVED (0x32)"},
	{"0x101", "USER_NOT_LOGGED_IN (0x101)"},
	{"0x103", "USER_TYPE_INVALID (0x103)"},
	{"0x80000042", "a vendor's code (0x80000042)"},
	{"0x1234", "an undefined code (0x1234)"},
}

// tokenEnds are what else becomes of C_Login.
var tokenEnds = []fault{
	{name: "the module crashes", orders: []string{"crash"}},
	{name: "the module ends the process", orders: []string{"exit"}},
	{name: "the process is killed", orders: []string{"kill"}},
	{name: "the module hangs", orders: []string{"hang"}, timeout: shortTimeout, middle: true},
	{name: "the module is too slow", orders: []string{"sleep:9000"}, timeout: shortTimeout, middle: true},
}

// cardWords are answers to VERIFY (ISO 7816-4 section 5.6) that may mean anything.
var cardWords = []struct {
	word uint16
	name string
}{
	{0x6f00, "card answers 6F00"},
	{0x6982, "card answers 6982"},
	{0x6985, "card answers 6985"},
	{0x6700, "card answers 6700"},
	{0x6a80, "card answers 6A80"},
}

// What the device says without a fault, or in place of one.
var (
	refusedPlainly = fault{name: "refused plainly (0xA0)"}
	cardRefuses    = fault{name: "card refuses plainly (63Cx)", onCard: true}
	claimsSuccess  = fault{name: "OK over a refusal", moment: after, orders: []string{"C_Login=after:0"}}
	tellsNothing   = fault{name: "OK over a refusal, no state", moment: after, orders: []string{"C_Login=refusal:0", "C_GetSessionInfo=0x30", noFlags}}
	claimsLogin    = fault{name: "OK over a refusal, claims a login", moment: after, orders: []string{"C_Login=refusal:0", "claimsloggedin", noFlags}}
)

// noFlags takes the flags about wrong PINs from a token (CKF_USER_PIN_COUNT_LOW and its like).
const noFlags = "clearflags=0x70000"

// tokenFaults returns all faults of a token.
func tokenFaults() (all []fault) {
	for _, moment := range []moment{before, after} {
		for _, c := range tokenCodes {
			// A token that took the PIN says that somebody is logged in, so there is nothing to ask.
			all = append(all, fault{name: c.name, moment: moment, orders: ordersOf(moment, c.code), asks: moment == before})
		}
		for _, f := range tokenEnds {
			f.moment, f.orders, f.asks = moment, ordersOf(moment, f.orders[0]), true
			all = append(all, f)
		}
	}
	return all
}

// cardFaults returns all faults of a card.
func cardFaults() (all []fault) {
	for _, moment := range []moment{before, after} {
		for _, w := range cardWords {
			all = append(all, fault{name: w.name, moment: moment, onCard: true, card: &cardFault{word: w.word}})
		}
		all = append(all, fault{name: "card is pulled", moment: moment, onCard: true, card: &cardFault{pull: true}})
	}
	return all
}

// called returns the fault under another name.
func (f fault) called(name string) fault {
	f.name = name
	return f
}
