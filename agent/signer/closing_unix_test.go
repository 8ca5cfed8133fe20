//go:build !windows

package signer

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/frame"
)

// slowly returns a lab whose children do their task and then hang, as a module may that closes.
func slowly() *lab {
	lab := newLab("closing")
	lab.Grace = 5 * time.Second // in which the test must have looked
	return lab
}

// isThere reports whether there is such a process, also one that nobody has waited for.
func isThere(t *testing.T, pid string) bool {
	t.Helper()
	number, err := strconv.Atoi(pid)
	if err != nil {
		t.Fatal(err)
	}
	return syscall.Kill(number, 0) == nil
}

// A result is there as soon as the child has it, also while the child cannot end.
func TestResultBeforeTheEnd(t *testing.T) {
	t.Parallel()
	ended := regexp.MustCompile(`signer="(exit status 1|signal: killed)"`)
	for _, do := range []string{"login by", "refuse by"} {
		lab, child := slowly(), ""
		order := task{Do: do}.order(t)
		login, err := lab.Sign(limited(t), order, func(n agent.Notice) { child = n.Message })
		if !isThere(t, child) {
			t.Errorf("%s: the child has ended before its result was there", do)
		}
		clear(order.PIN) // it is the caller's
		if (err == nil) != (do == "login by") || err == nil && verify(login, time.Now()) != nil {
			t.Errorf("%s: %v", do, err)
		}
		lab.Wait()
		wantGone(t, child)
		log := lab.log.String()
		if !strings.Contains(log, "a device was not closed well") || !ended.MatchString(log) || !strings.Contains(log, "C_Finalize([redacted])") || strings.Contains(log, testPIN) {
			t.Errorf("%s: logged %s", do, log)
		}
	}
}

// A child that takes a moment to close its device gets it, also where nobody has said how long.
func TestMomentToClose(t *testing.T) {
	t.Parallel()
	lab := newLab("tidy")
	lab.Grace = 0
	if _, problem := lab.sign(t, limited(t), task{Do: "login"}.order(t), nil); problem != nil || lab.log.Len() > 0 {
		t.Errorf("%v, logged %s", problem, lab.log.String())
	}
}

// The device is the child's until there is no child.
func TestNextWaitsForTheEnd(t *testing.T) {
	t.Parallel()
	lab := slowly()
	order := task{Do: "login by"}.order(t)
	order.Device = "reader 1"
	first := ""
	if _, err := lab.Sign(limited(t), order, func(n agent.Notice) { first = n.Message }); err != nil {
		t.Fatal(err)
	}
	var kinds []agent.NoticeKind
	_, err := lab.Sign(limited(t), order, func(n agent.Notice) {
		if kinds = append(kinds, n.Kind); n.Kind == agent.NoticeInfo {
			wantGone(t, first)
		}
	})
	if err != nil || len(kinds) != 2 || kinds[0] != agent.NoticeBusy {
		t.Errorf("%v after %q", err, kinds)
	}
	lab.Wait()
}

// What a child wants remembered after its result is remembered.
func TestRemembersAfterTheResult(t *testing.T) {
	t.Parallel()
	var said bytes.Buffer
	frame.Write(&said, maxPayload, kindProblem, []byte(`{"code":"device_absent","message":"done"}`))
	frame.Write(&said, maxPayload, kindMemory, []byte(`"late"`))
	lab := newLab(say(said.String()))
	var learnt []string
	lab.sign(t, limited(t), Order{Remember: func(text json.RawMessage) { learnt = append(learnt, string(text)) }}, nil)
	if strings.Join(learnt, " ") != `"late"` {
		t.Errorf("learnt %q", learnt)
	}
}
