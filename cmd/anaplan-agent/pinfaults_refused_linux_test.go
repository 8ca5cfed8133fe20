//go:build cgo

package main

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// refusal is a row of the first table: a wrong PIN, and what happens to it.
type refusal struct {
	fault
	place  pinPlace
	change func(*site) // what else is unusual; nil: nothing
	kept   []string    // columns in which the PIN must not leave at all

	columns []string // nil: all
}

// column is a way of running the program for as long as it takes to send a wrong PIN again.
type column struct {
	name string
	run  func(*site, stays)
}

// stays are how long an agent is left alone with a PIN that it must not send: while the fault
// lasts, and afterwards. There is no condition to wait for, since nothing is to happen. A PIN
// that may be sent again is after 4 and 9.5 seconds, and an agent tries by itself after 2.5 to
// 5, and again after 5 to 10.
type stays struct{ during, afterwards time.Duration }

// The columns of the first table.
const (
	oneShots  = "5 one-shots"
	called    = "agent, 8 callers"
	alone     = "agent alone"
	restarted = "agent, 3 restarts"
	killed    = "agent, killed"
)

var refusalColumns = []column{
	{oneShots, (*site).runOneShots},
	{called, (*site).runCalled},
	{alone, (*site).runAlone},
	{restarted, (*site).runRestarted},
	{killed, (*site).runKilled},
}

// runOneShots runs commands one after the other. A person types the PIN for the first, and is
// not there any more for the others.
func (s *site) runOneShots(stays) {
	s.begin()
	for i, name := range []string{"token", "sign", "token", "sign", "token"} {
		if i == 2 {
			s.end()
		}
		s.shake()
		if i == 0 && s.place == byPerson {
			s.configure()
			var person typist
			person.run(s.t, append(s.environment(), "ANAPLAN_AGENT_SOCKET=none"), []string{name}, "PIN for ", s.pin+"\n")
			continue
		}
		s.once(name)
	}
}

// shake does what should make no difference.
func (s *site) shake() {
	if s.disturb != nil {
		s.disturb()
	}
}

// isOver reports whether a wrong PIN has met the fault, and was compared if it was to be.
func (s *site) isOver() bool {
	return s.hasMet() && (s.fault.moment == before || s.device.refused() > 0)
}

// startFailing starts an agent with callers, whose PIN meets the fault.
func (s *site) startFailing() *crowd {
	s.begin()
	s.start()
	callers := s.gather(8)
	s.typeOnce()
	s.await("the PIN has met the fault", s.isOver)
	return callers
}

func (s *site) runCalled(stays stays) {
	callers := s.startFailing()
	callers.await(3)
	s.shake()
	time.Sleep(stays.during)
	s.end()
	s.shake()
	callers.await(3)
	time.Sleep(stays.afterwards)
	callers.stop()
	s.stop()
}

func (s *site) runAlone(stays stays) {
	s.settings["token_file"] = s.path("run/token")
	s.begin()
	s.start()
	s.typeOnce()
	s.await("the PIN has met the fault", s.isOver)
	s.shake()
	time.Sleep(stays.during)
	s.end()
	s.shake()
	time.Sleep(stays.afterwards)
	s.stop()
}

func (s *site) runRestarted(stays) {
	s.begin()
	for i := range 4 {
		s.shake()
		s.start()
		callers := s.gather(2)
		if i == 0 {
			s.typeOnce()
			s.await("the PIN has met the fault", s.isOver)
		}
		callers.await(3)
		callers.stop()
		s.stop()
		if i == 1 {
			s.end()
		}
	}
}

// runKilled kills the agent while the PIN is on its way, and again after another start.
func (s *site) runKilled(stays stays) {
	callers := s.startFailing()
	s.kill()
	s.start()
	callers.await(3)
	s.kill()
	s.end()
	s.start()
	callers.await(3)
	time.Sleep(stays.afterwards)
	callers.stop()
	s.stop()
}

// runRefusal runs a cell, and returns how many logins with the wrong PIN the device refused.
func (l *faultLab) runRefusal(t *testing.T, row refusal, column column, stays stays) int {
	s := l.newSite(t, row.fault, row.place)
	if row.timeout != "" {
		s.settings["timeout"] = row.timeout
	}
	s.give(s.device.wrong)
	if row.change != nil {
		row.change(s)
	}
	column.run(s, stays)
	sent, refused := s.device.sent(), s.device.refused()
	switch {
	case refused > 1:
		t.Errorf("the device has refused %d logins with one wrong PIN", refused)
	case slices.Contains(row.kept, column.name):
		if sent > 0 {
			t.Errorf("the PIN was sent")
		}
	case sent == 0, row.moment != before && refused == 0:
		t.Errorf("the test is wrong: the PIN has not met the fault")
	}
	return refused
}

// refusalGrid returns the first table.
func (l *faultLab) refusalGrid(rows []refusal, stays stays) *grid {
	g := &grid{heads: []string{"what happens to the wrong PIN", "it is compared", "PIN from"}}
	for _, column := range refusalColumns {
		g.heads = append(g.heads, column.name)
	}
	for _, row := range rows {
		g.first = append(g.first, []string{row.name, row.moment.compared(), string(row.place)})
	}
	g.has = func(row, column int) bool {
		name := refusalColumns[column].name
		return includes(rows[row].columns, name) && (name != killed || rows[row].middle)
	}
	g.run = func(t *testing.T, row, column int) string {
		return fmt.Sprint(l.runRefusal(t, rows[row], refusalColumns[column], stays))
	}
	return g
}

// compared says whether the device compares the PIN.
func (m moment) compared() string {
	switch m {
	case before:
		return "no"
	case after:
		return "yes"
	}
	return ""
}

// includes reports whether a column is among those of a row; nil are all.
func includes(columns []string, name string) bool {
	return columns == nil || slices.Contains(columns, name)
}
