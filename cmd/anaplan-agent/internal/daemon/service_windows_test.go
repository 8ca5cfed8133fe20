package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/windows/svc"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
)

// eventList is an Event Log.
type eventList struct {
	mu    sync.Mutex
	lines []string
}

func (l *eventList) add(kind string, id uint32, text string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines = append(l.lines, fmt.Sprintf("%s %d: %s", kind, id, text))
	return nil
}

func (l *eventList) Info(id uint32, text string) error    { return l.add("info", id, text) }
func (l *eventList) Warning(id uint32, text string) error { return l.add("warning", id, text) }
func (l *eventList) Error(id uint32, text string) error   { return l.add("error", id, text) }

var errWrong = errors.New("the configuration is wrong")

// TestExecute: the SCM is told how the agent does, and the agent does what it is told.
func TestExecute(t *testing.T) {
	for _, test := range []struct {
		name     string
		requests []svc.Cmd
		serve    func(ctx context.Context, host Host) error
		states   []svc.State
		code     uint32
		events   []string
	}{
		{"stopped", []svc.Cmd{svc.Interrogate, svc.Stop}, func(ctx context.Context, host Host) error {
			host.Ready()
			<-ctx.Done()
			return nil
		}, []svc.State{svc.StartPending, svc.Running, svc.Running, svc.StopPending}, 0, nil},
		{"the machine goes down", []svc.Cmd{svc.PreShutdown}, func(ctx context.Context, host Host) error {
			host.Ready()
			<-ctx.Done()
			return nil
		}, []svc.State{svc.StartPending, svc.Running, svc.StopPending}, 0, nil},
		{"reloads", []svc.Cmd{ServiceReload}, func(ctx context.Context, host Host) error {
			host.Ready()
			<-host.Hangups
			return nil
		}, []svc.State{svc.StartPending, svc.Running}, 0, nil},
		{"wrong settings", nil, func(context.Context, Host) error { return errWrong },
			[]svc.State{svc.StartPending}, explain.Usage, []string{"error 3: error: the configuration is wrong\nhint: correct it"}},
		{"logs", nil, func(_ context.Context, host Host) error {
			log := slog.New(host.handler(&config.Agent{})).With("profile", "p").WithGroup("g")
			log.Debug("not this")
			log.Info("serving", "n", 1)
			log.Warn("slow")
			log.Error("failed", "error", errWrong)
			return nil
		}, []svc.State{svc.StartPending}, 0, []string{
			"info 1: msg=serving profile=p g.n=1", "warning 2: msg=slow profile=p", `error 3: msg=failed profile=p g.error="the configuration is wrong"`,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			log := &eventList{}
			s := &service{test.serve, log, explain.Table{{Is: errWrong, Exit: explain.Usage, Hints: explain.Hints("correct it")}}}
			states, code := execute(t, s, test.requests)
			if !slices.Equal(states, test.states) || code != test.code || !slices.Equal(log.lines, test.events) {
				t.Errorf("states %v, code %d, events %q", states, code, log.lines)
			}
		})
	}
}

// execute has a service run, and sends the requests once it does.
func execute(t *testing.T, s *service, requests []svc.Cmd) (states []svc.State, code uint32) {
	t.Helper()
	changes, statuses := make(chan svc.ChangeRequest, len(requests)), make(chan svc.Status)
	ended := make(chan uint32)
	go func() {
		_, code := s.Execute(nil, changes, statuses)
		ended <- code
	}()
	for {
		select {
		case status := <-statuses:
			if states = append(states, status.State); status.State == svc.Running && len(states) == 2 {
				for _, request := range requests {
					changes <- svc.ChangeRequest{Cmd: request, CurrentStatus: status}
				}
			}
		case code := <-ended:
			return states, code
		case <-time.After(30 * time.Second):
			t.Fatalf("it hangs after %v", states)
		}
	}
}

// TestHostOfPerson: without a service the agent runs for a person.
func TestHostOfPerson(t *testing.T) {
	host := Host{}
	host.ready()
	if _, isText := host.handler(&config.Agent{}).(*slog.TextHandler); !isText {
		t.Error("the log is not text")
	}
	select {
	case s := <-host.hangups():
		t.Errorf("it is told %v", s)
	default:
	}
}
