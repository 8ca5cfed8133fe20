package daemon

// The agent as a service of Windows: what the service control manager (SCM) asks for and is told
// ("Service Programs", Win32).

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// ServiceReload is the control code by which the service reads its configuration again, of those
// that are a service's own to define (ControlService, 128 to 255).
const ServiceReload = svc.Cmd(128)

// How long the service may take, as the units for systemd have it: requests under way may end, and
// logout_at_end takes as long as Anaplan does.
const (
	startTime = 30 * time.Second
	stopTime  = 60 * time.Second
)

// ServeService runs the agent as a service, in a process that the SCM has started.
func ServeService(s *settings.Settings, say *console.Messenger) error {
	events, err := eventlog.Open(build.Program)
	if err != nil {
		return fmt.Errorf("opening the Event Log: %w", err)
	}
	defer events.Close()
	serve := func(ctx context.Context, host Host) error { return Serve(ctx, s, say, host) }
	err = svc.Run(build.Program, &service{serve, events, say.Errors()})
	if errors.Is(err, windows.ERROR_FAILED_SERVICE_CONTROLLER_CONNECT) {
		err = fmt.Errorf("--service is for the service control manager, which has not started this; to have it do so: sc.exe start %s", build.Program)
	}
	return err
}

// service is the agent between the SCM and the Event Log.
type service struct {
	serve  func(context.Context, Host) error
	events events
	errors explain.Table
}

// Execute implements svc.Handler: it serves until the SCM wants it to stop. The exit code is the
// program's. Nothing here waits for a signal: Windows sends services one whenever anybody logs off.
func (s *service) Execute(_ []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (isOwn bool, code uint32) {
	status <- svc.Status{State: svc.StartPending, WaitHint: milliseconds(startTime)}
	if err := console.WithoutStandardFiles(); err != nil {
		return true, s.end(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ready, ended := make(chan struct{}), make(chan error, 1)
	host := Host{
		Socket:  paths.SystemSocket(),
		Log:     func(level slog.Level) slog.Handler { return newEventHandler(s.events, level) },
		Hangups: make(chan os.Signal, 1),
		Ready:   sync.OnceFunc(func() { close(ready) }),
	}
	go func() { ended <- s.serve(ctx, host) }()
	for {
		select {
		case <-ready:
			ready = nil
			status <- svc.Status{State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptPreShutdown}
		case err := <-ended:
			return true, s.end(err)
		case request := <-requests:
			switch request.Cmd {
			case svc.Interrogate:
				status <- request.CurrentStatus
			case svc.Stop, svc.PreShutdown:
				ready = nil
				status <- svc.Status{State: svc.StopPending, WaitHint: milliseconds(stopTime)}
				stop()
			case ServiceReload:
				select {
				case host.Hangups <- syscall.SIGHUP:
				default: // one is on its way
				}
			}
		}
	}
}

func milliseconds(d time.Duration) uint32 { return uint32(d.Milliseconds()) }

// end writes down why the agent has ended, and returns the exit code.
func (s *service) end(err error) uint32 {
	if err == nil {
		return 0
	}
	explained := s.errors.Explain(err)
	lines := append([]string{"error: " + explained.Text}, explained.Hints...)
	s.events.Error(eventError, console.Printable(strings.Join(lines, "\nhint: ")))
	return uint32(explained.Exit)
}
