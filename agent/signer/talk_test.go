package signer

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/frame"
)

func framed(t *testing.T, kind frame.Kind, value any) message {
	t.Helper()
	payload, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return message{Frame: frame.Frame{Kind: kind, Payload: payload}}
}

func notice(t *testing.T, kind agent.NoticeKind) message {
	return framed(t, kindNotice, agent.Notice{Kind: kind, Message: "about " + string(kind)})
}

// Times on the clock, in a bubble where time costs nothing: what a child says, and how
// long it is silent after each.
func TestClockStandsStillForPersons(t *testing.T) {
	type step struct {
		kind   agent.NoticeKind
		silent time.Duration
	}
	tests := []struct {
		name  string
		steps []step
		want  string // in the problem; "": a login in time
		human bool
	}{
		{"a person's time does not count", []step{{agent.NoticePerson, 4 * time.Minute}, {agent.NoticeWorking, 29 * time.Second}}, "", false},
		{"nor does a touch", []step{{agent.NoticeInfo, 15 * time.Second}, {agent.NoticeTouch, 2 * time.Minute}, {agent.NoticeTouchOver, 14 * time.Second}}, "", false},
		{"a machine's does", []step{{agent.NoticeBusy, 31 * time.Second}}, "after 30s and was killed; the last that it said was: about busy", false},
		{"all of it", []step{{agent.NoticeInfo, 20 * time.Second}, {agent.NoticePerson, time.Minute}, {agent.NoticeWorking, 11 * time.Second}}, "after 1m30s and was killed; the last that it said was: about working", false},
		{"a person has an end", []step{{agent.NoticeTouch, 5*time.Minute + time.Second}}, "after 5m0s and was killed; the last that it said was: about touch", true},
		{"all persons together", []step{{agent.NoticePerson, 3 * time.Minute}, {agent.NoticeWorking, time.Second}, {agent.NoticeTouch, 3 * time.Minute}}, "after 5m1s", true},
		{"said twice", []step{{agent.NoticePerson, 3 * time.Minute}, {agent.NoticePerson, 3 * time.Minute}}, "after 5m0s", true},
		{"a warning changes nothing", []step{{agent.NoticePerson, time.Minute}, {agent.NoticeWarning, time.Minute}}, "", false},
	}
	for _, test := range tests {
		synctest.Test(t, func(t *testing.T) {
			messages := make(chan message)
			order := Order{Timeout: 30 * time.Second}
			talk := &talk{clock: newClock(order.limits())}
			go func() {
				defer close(messages)
				for _, step := range test.steps {
					messages <- notice(t, step.kind)
					time.Sleep(step.silent)
				}
			}()
			talk.listen(t.Context(), messages)
			for range messages { // the child's end
			}
			if test.want == "" {
				if talk.problem != nil {
					t.Errorf("%s: %v", test.name, talk.problem)
				}
				return
			}
			if talk.problem == nil || talk.problem.Code != agent.CodeSignerFailed || talk.problem.Final ||
				talk.problem.Human != test.human || !strings.Contains(talk.problem.Message, test.want) {
				t.Errorf("%s: %+v, want %q", test.name, talk.problem, test.want)
			}
		})
	}
}

func TestLimits(t *testing.T) {
	machines, persons := (&Order{}).limits()
	if machines != time.Minute || persons != 5*time.Minute {
		t.Errorf("the limits of an order without any are %v and %v", machines, persons)
	}
	machines, persons = (&Order{Timeout: 1, PersonTimeout: 2}).limits()
	if machines != 1 || persons != 2 {
		t.Errorf("limits 1 and 2 are %v and %v", machines, persons)
	}
}

func TestListenEndsWithContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the agent is told to end"))
	talk := &talk{clock: newClock(time.Minute, time.Minute)}
	talk.listen(ctx, nil)
	if talk.problem == nil || talk.problem.Code != agent.CodeStopping || !strings.Contains(talk.problem.Message, "told to end") {
		t.Errorf("got %+v", talk.problem)
	}
}

func TestTakeRefusesTooManyNotices(t *testing.T) {
	told := 0
	talk := &talk{clock: newClock(time.Minute, time.Minute), notify: func(agent.Notice) { told++ }}
	for range 3 * maxNotices {
		if talk.problem == nil {
			talk.take(notice(t, agent.NoticeInfo))
		}
	}
	if told != maxNotices || talk.problem == nil || !strings.Contains(talk.problem.Message, "more than 1000 notices") {
		t.Errorf("%d told, then %+v", told, talk.problem)
	}
}

// What is to be remembered is written to the disk each time: no more of it than of notices, before
// the result and after it.
func TestTakeRefusesTooMuchToRemember(t *testing.T) {
	for _, after := range []bool{false, true} {
		learnt := 0
		talk := &talk{clock: newClock(time.Minute, time.Minute), remember: func(json.RawMessage) { learnt++ }}
		for range 2 * maxNotices {
			if after {
				talk.overhear(framed(t, kindMemory, "again"))
			} else {
				talk.take(framed(t, kindMemory, "again"))
			}
		}
		if isProblem := talk.problem != nil && strings.Contains(talk.problem.Message, "more than 1000 notices"); learnt != maxNotices || isProblem == after {
			t.Errorf("after the result: %v; %d learnt, then %+v", after, learnt, talk.problem)
		}
	}
}

// Nobody need remember.
func TestTakeWithoutAMemory(t *testing.T) {
	talk := &talk{clock: newClock(time.Minute, time.Minute)}
	if talk.take(framed(t, kindMemory, "x")); talk.problem != nil {
		t.Error(talk.problem)
	}
}

// What is to be remembered is passed on at any time, and what makes no sense is not.
func TestTakeRemembers(t *testing.T) {
	var learnt []string
	talk := &talk{clock: newClock(time.Minute, time.Minute), remember: func(text json.RawMessage) { learnt = append(learnt, string(text)) }}
	talk.take(framed(t, kindMemory, "first"))
	talk.overhear(framed(t, kindMemory, "second"))
	if strings.Join(learnt, " ") != `"first" "second"` || talk.problem != nil {
		t.Errorf("learnt %q, %v", learnt, talk.problem)
	}
	talk.take(message{Frame: frame.Frame{Kind: kindMemory, Payload: []byte("{")}})
	if len(learnt) != 2 || talk.problem == nil || !strings.Contains(talk.problem.Message, "not JSON") {
		t.Errorf("learnt %q, %v", learnt, talk.problem)
	}
}

func TestTakeClearsPayloads(t *testing.T) {
	payload, err := encodeLogin(testLogin(t, agent.V2))
	if err != nil {
		t.Fatal(err)
	}
	talk := &talk{clock: newClock(time.Minute, time.Minute)}
	talk.take(message{Frame: frame.Frame{Kind: kindLogin, Payload: payload}})
	if talk.login == nil || verify(talk.login, time.Now()) != nil {
		t.Fatalf("no good login: %v", talk.problem)
	}
	late, err := encodeLogin(testLogin(t, agent.V2))
	if err != nil {
		t.Fatal(err)
	}
	talk.overhear(message{Frame: frame.Frame{Kind: kindLogin, Payload: late}})
	for i, b := range append(payload, late...) {
		if b != 0 {
			t.Fatalf("byte %d of the payloads is still there", i)
		}
	}
}

// A refused PIN that arrives too late for its login must still stop the next one.
func TestOverhear(t *testing.T) {
	final := &agent.Problem{Code: agent.CodePINRefused, Message: "wrong PIN", Final: true}
	passing := &agent.Problem{Code: agent.CodeDeviceAbsent, Message: "no card"}
	late := failure("too late")
	tests := []struct {
		name string
		talk talk
		m    message
		want *agent.Problem
	}{
		{"final", talk{problem: late}, framed(t, kindProblem, final), final},
		{"passing", talk{problem: late}, framed(t, kindProblem, passing), late},
		{"final, after a login", talk{login: &agent.Login{}}, framed(t, kindProblem, final), nil},
		{"a notice", talk{problem: late}, notice(t, agent.NoticeInfo), late},
		{"garbage", talk{problem: late}, message{err: frame.ErrGarbage}, late},
		{"not a problem", talk{problem: late}, framed(t, kindProblem, 1), late},
		{"final, with no result before", talk{}, framed(t, kindProblem, final), final},
	}
	for _, test := range tests {
		test.talk.overhear(test.m)
		if got := test.talk.problem; (got == nil) != (test.want == nil) || got != nil && got.Message != test.want.Message {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func TestVerify(t *testing.T) {
	now := time.Now()
	v1, v2 := testLogin(t, agent.V1), testLogin(t, agent.V2)
	tests := []struct {
		name  string
		login *agent.Login
		now   time.Time
		want  string
	}{
		{"v2", v2, now, ""},
		{"v2 of just before", v2, now.Add(4 * time.Minute), ""},
		{"v2 of just after", v2, now.Add(-4 * time.Minute), ""},
		{"v1 at any time", v1, now.AddDate(9, 0, 0), ""},
		{"as old as may be", v2, v2.MadeAt().Add(5 * time.Minute), ""},
		{"as early as may be", v2, v2.MadeAt().Add(-5 * time.Minute), ""},
		{"old", v2, v2.MadeAt().Add(5*time.Minute + 1), "off by 5m0s"},
		{"from the future", v2, now.Add(-6 * time.Minute), "off by"},
		{"from far away", v2, time.Unix(0, 0), "off by"},
		{"v1 that says v2", &agent.Login{Format: agent.V2, Certificate: v1.Certificate, Message: v1.Message, Signature: v1.Signature}, now, "150 bytes"},
		{"v2 that says v1", &agent.Login{Format: agent.V1, Certificate: v2.Certificate, Message: v2.Message, Signature: v2.Signature}, now, "100 bytes"},
		{"another's signature", &agent.Login{Format: agent.V1, Certificate: v1.Certificate, Message: v1.Message, Signature: v2.Signature}, now, "not by the key"},
		{"no signature", &agent.Login{Format: agent.V1, Certificate: v1.Certificate, Message: v1.Message}, now, "not by the key"},
		{"no format", &agent.Login{Certificate: v1.Certificate}, now, "unknown login format"},
	}
	for _, test := range tests {
		err := verify(test.login, test.now)
		if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v, want %q", test.name, err, test.want)
		}
	}
}
