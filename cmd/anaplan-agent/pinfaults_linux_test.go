//go:build cgo

package main

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// cellsAtOnce is how many cells run at the same time. They wait most of the time.
const cellsAtOnce = 8

// TestPINFaults keeps the promise about PINs (docs/reliability.md): a wrong one costs a try at
// most, whatever happens to it, and a right one works again by itself. It has a few cells of
// each table, and all of them where tablesVariable names a file to write the tables to.
func TestPINFaults(t *testing.T) {
	l := newFaultLab(t)
	if file := os.Getenv(tablesVariable); file != "" {
		l.writeTables(t, file)
		return
	}
	l.most = 10 * mostRecovery // a machine that runs all tests at once is slow
	l.refusalGrid(fewRefusals(), stays{time.Second / 2, 5500 * time.Millisecond}).fill(t)
	l.recoveryGrid(fewRecoveries()).fill(t)
}

// faultNamed returns the fault of a name and a moment. Logins have more time than in the tables, for
// the same reason.
func faultNamed(name string, moment moment) fault {
	all := append(tokenFaults(), cardFaults()...)
	i := slices.IndexFunc(all, func(f fault) bool { return strings.HasPrefix(f.name, name) && f.moment == moment })
	f := all[i]
	if f.timeout != "" {
		f.timeout = "8s"
	}
	return f
}

// fewRefusals are the rows and columns of the first table that each test run has.
func fewRefusals() []refusal {
	return []refusal{
		{fault: refusedPlainly, place: inFile, columns: []string{oneShots, restarted}},
		{fault: claimsSuccess, place: inFile, columns: []string{oneShots, restarted}},
		{fault: tellsNothing, place: inFile, columns: []string{oneShots, called}},
		{fault: claimsLogin, place: inFile, columns: []string{oneShots, alone}},
		{fault: faultNamed("DEVICE_ERROR", before), place: inFile, columns: []string{called}},
		{fault: faultNamed("DEVICE_ERROR", after), place: inFile, columns: []string{oneShots, alone, restarted}},
		{fault: faultNamed("a vendor's code", after), place: inEnv, columns: []string{called}},
		{fault: faultNamed("the module crashes", after), place: byCommand, columns: []string{oneShots, called}},
		{fault: faultNamed("the process is killed", after), place: inFile, columns: []string{oneShots, restarted}},
		{fault: faultNamed("the module hangs", after), place: inFile, columns: []string{oneShots, killed}},
		{fault: faultNamed("the module crashes", after), place: byPerson, columns: []string{oneShots, called}},
		{fault: cardRefuses, place: byPerson, columns: []string{alone}},
		{fault: faultNamed("card answers 6F00", after), place: inFile, columns: []string{oneShots, called}},
		{fault: faultNamed("card is pulled", after), place: credential, columns: []string{restarted}},
		{fault: refusedPlainly.called("refused, the file is touched"), place: inFile, change: touch, columns: []string{called}},
		{fault: refusedPlainly.called("refused, laid down anew"), place: credential, change: layAnew, columns: []string{restarted}},
		{fault: refusedPlainly.called("refused, the disk is full"), place: inFile, change: fullDisk, kept: []string{oneShots}, columns: []string{oneShots, restarted}},
		{fault: refusedPlainly.called("refused, there is no home"), place: inFile, change: noHome, kept: []string{oneShots}, columns: []string{oneShots, restarted}},
	}
}

// fewRecoveries are those of the second.
func fewRecoveries() []recovery {
	return []recovery{
		{faultNamed("DEVICE_ERROR", before), []string{oneShot, called, newOneShot, newCalled}},
		{faultNamed("the module crashes", after), []string{oneShot, alone}},
		{faultNamed("the module hangs", before), []string{called}},
		{faultNamed("card answers 6F00", before), []string{oneShot}},
		{faultNamed("card is pulled", after), []string{newCalled}},
		{refusedPlainly.called("the wrong PIN is put right"), []string{oneShot, called, alone}},
	}
}
