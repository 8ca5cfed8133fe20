package service

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
	"golang.org/x/sys/windows/registry"
	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/eventlog"
	"golang.org/x/sys/windows/svc/mgr"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/hsm/owned"
)

// isPrivileged reports whether this user may change the machine.
func isPrivileged() bool { return windows.GetCurrentProcessToken().IsElevated() }

const privilegedAs = "an administrator"

// withService calls do with the service; nil if there is none.
func withService(do func(*mgr.Mgr, *mgr.Service) error) error {
	manager, err := mgr.Connect()
	if err != nil {
		return fmt.Errorf("asking the service control manager: %w", err)
	}
	defer manager.Disconnect()
	service, err := manager.OpenService(build.Program)
	if errors.Is(err, windows.ERROR_SERVICE_DOES_NOT_EXIST) {
		return do(manager, nil)
	}
	if err != nil {
		return fmt.Errorf("opening the service %s: %w", build.Program, err)
	}
	defer service.Close()
	return do(manager, service)
}

// readRegistration returns the service as it is registered, nil if it is not, and whether it is as
// some version of this program has left it.
func readRegistration() (found *registration, isOurs bool, err error) {
	err = withService(func(_ *mgr.Mgr, service *mgr.Service) error {
		if service == nil {
			return nil
		}
		found, err = readFrom(service)
		if err == nil {
			isOurs = keptChecksum() == found.checksum()
		}
		return err
	})
	return found, isOurs, err
}

// readFrom returns how a service is registered.
func readFrom(service *mgr.Service) (*registration, error) {
	config, err := service.Config()
	if err != nil {
		return nil, fmt.Errorf("reading the service %s: %w", build.Program, err)
	}
	r := &registration{
		title: config.DisplayName, description: config.Description, command: config.BinaryPathName, account: config.ServiceStartName,
		automatic: config.StartType == mgr.StartAutomatic, delayed: config.DelayedAutoStart,
	}
	actions, err := service.RecoveryActions()
	for _, action := range actions {
		if action.Type == mgr.ServiceRestart {
			r.restarts, r.restartDelay = r.restarts+1, action.Delay
		}
	}
	resets, resetsErr := service.ResetPeriod()
	r.resets = time.Duration(resets) * time.Second
	flag, flagErr := service.RecoveryActionsOnNonCrashFailures()
	r.afterExitCode = flag
	if err := errors.Join(err, resetsErr, flagErr); err != nil {
		return nil, fmt.Errorf("reading how the service %s is started again: %w", build.Program, err)
	}
	return r, errors.Join(query(service, windows.SERVICE_CONFIG_PRESHUTDOWN_INFO, func(answer unsafe.Pointer) {
		r.stopTime = time.Duration(*(*uint32)(answer)) * time.Millisecond
	}), query(service, windows.SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO, func(answer unsafe.Pointer) {
		r.privileges = joined(*(**uint16)(answer))
	}))
}

// query hands on what QueryServiceConfig2 answers.
func query(service *mgr.Service, level uint32, take func(unsafe.Pointer)) error {
	const most = 8 << 10 // QueryServiceConfig2 has no more
	answer := make([]uint64, most/8)
	var needed uint32
	if err := windows.QueryServiceConfig2(service.Handle, level, (*byte)(unsafe.Pointer(&answer[0])), most, &needed); err != nil {
		return fmt.Errorf("reading the service %s (%d): %w", build.Program, level, err)
	}
	take(unsafe.Pointer(&answer[0]))
	return nil
}

// joined returns strings that follow each other, the last of which is empty, with commas between.
func joined(list *uint16) string {
	var words []string
	for list != nil && *list != 0 {
		words = append(words, windows.UTF16PtrToString(list))
		for *list != 0 {
			list = (*uint16)(unsafe.Add(unsafe.Pointer(list), 2))
		}
		list = (*uint16)(unsafe.Add(unsafe.Pointer(list), 2))
	}
	return strings.Join(words, ",")
}

// writeRegistration makes the service what it should be, and the source of its events.
func (s *Service) writeRegistration() error {
	if err := owned.Check(s.Program); err != nil { // it would run as the service
		return err
	}
	return withService(func(manager *mgr.Mgr, service *mgr.Service) (err error) {
		if service == nil {
			service, err = manager.CreateService(build.Program, s.Program, s.registration.config(), "serve", "--service")
			if err != nil {
				return fmt.Errorf("making the service %s: %w", build.Program, err)
			}
			defer service.Close()
			defer func() {
				if err != nil {
					service.Delete()
				}
			}()
		}
		if err := s.registration.writeTo(service); err != nil {
			return fmt.Errorf("setting up the service %s: %w", build.Program, err)
		}
		if err := registerSource(); err != nil {
			return fmt.Errorf("registering it as a source of the Event Log: %w", err)
		}
		there, err := readFrom(service)
		if err == nil {
			err = keepChecksum(there.checksum())
		}
		return err
	})
}

func (r *registration) config() mgr.Config {
	config := mgr.Config{
		ServiceType: windows.SERVICE_WIN32_OWN_PROCESS, StartType: mgr.StartManual, ErrorControl: mgr.ErrorNormal,
		BinaryPathName: r.command, ServiceStartName: r.account, DisplayName: r.title, Description: r.description,
		SidType: windows.SERVICE_SID_TYPE_UNRESTRICTED, DelayedAutoStart: r.delayed,
	}
	if r.automatic {
		config.StartType = mgr.StartAutomatic
	}
	return config
}

// writeTo sets what a service is.
func (r *registration) writeTo(service *mgr.Service) error {
	actions := make([]mgr.RecoveryAction, r.restarts, r.restarts+1)
	for i := range actions {
		actions[i] = mgr.RecoveryAction{Type: mgr.ServiceRestart, Delay: r.restartDelay}
	}
	actions = append(actions, mgr.RecoveryAction{Type: mgr.NoAction}) // the last one is for all that follow
	privileges, err := windows.UTF16FromString(r.privileges)
	if err != nil {
		return err
	}
	list := &append(privileges, 0)[0]
	stopTime := uint32(r.stopTime.Milliseconds())
	for _, step := range []func() error{
		func() error { return service.UpdateConfig(r.config()) },
		func() error { return service.SetRecoveryActions(actions, uint32(r.resets.Seconds())) },
		func() error { return service.SetRecoveryActionsOnNonCrashFailures(r.afterExitCode) },
		func() error {
			return windows.ChangeServiceConfig2(service.Handle, windows.SERVICE_CONFIG_PRESHUTDOWN_INFO, (*byte)(unsafe.Pointer(&stopTime)))
		},
		func() error {
			return windows.ChangeServiceConfig2(service.Handle, windows.SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO, (*byte)(unsafe.Pointer(&list)))
		},
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// removeRegistration stops the service and removes it, and the source of its events.
func removeRegistration() error {
	return withService(func(_ *mgr.Mgr, service *mgr.Service) error {
		if service == nil {
			return nil
		}
		if err := stopAndWait(service); err != nil {
			return fmt.Errorf("stopping the service %s: %w", build.Program, err)
		}
		if err := service.Delete(); err != nil {
			return fmt.Errorf("removing the service %s: %w", build.Program, err)
		}
		if err := eventlog.Remove(build.Program); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("removing the source of the Event Log: %w", err)
		}
		return forgetChecksum()
	})
}

// stopLimit is how long a service is waited for, which has a minute by itself.
const stopLimit = 90 * time.Second

// stopAndWait ends a service, if it runs.
func stopAndWait(service *mgr.Service) error {
	status, err := service.Query()
	if err == nil && status.State != svc.Stopped && status.State != svc.StopPending {
		status, err = service.Control(svc.Stop)
	}
	if errors.Is(err, windows.ERROR_SERVICE_NOT_ACTIVE) {
		return nil
	}
	for deadline := time.Now().Add(stopLimit); err == nil && status.State != svc.Stopped; status, err = service.Query() {
		if time.Now().After(deadline) {
			return fmt.Errorf("it has not ended within %s", stopLimit)
		}
		time.Sleep(200 * time.Millisecond) // the SCM tells it only to who asks
	}
	return err
}

// registerSource makes the service's name one that the Event Log shows the texts of.
func registerSource() error {
	err := eventlog.InstallAsEventCreate(build.Program, eventlog.Info|eventlog.Warning|eventlog.Error)
	if err != nil && strings.HasSuffix(err.Error(), "registry key already exists") {
		return nil
	}
	return err
}

// The checksum is in the service's own key.
const (
	parametersKey = `SYSTEM\CurrentControlSet\Services\` + build.Program + `\Parameters`
	checksumValue = "Checksum"
)

func keptChecksum() string {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, parametersKey, registry.QUERY_VALUE)
	if err != nil {
		return ""
	}
	defer key.Close()
	text, _, _ := key.GetStringValue(checksumValue) // "" is nobody's
	return text
}

func keepChecksum(sum string) error {
	key, _, err := registry.CreateKey(registry.LOCAL_MACHINE, parametersKey, registry.SET_VALUE)
	if err != nil {
		return err
	}
	defer key.Close()
	return key.SetStringValue(checksumValue, sum)
}

// forgetChecksum removes what a service that was removed may leave.
func forgetChecksum() error {
	err := registry.DeleteKey(registry.LOCAL_MACHINE, parametersKey)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, windows.ERROR_KEY_DELETED) {
		return nil
	}
	return err
}

// make makes the directory, or reports that it is there already and nobody else can change it.
func (f folder) make() (isNew bool, err error) {
	descriptor, err := windows.SecurityDescriptorFromString(f.access)
	if err != nil {
		return false, err
	}
	name, err := windows.UTF16PtrFromString(f.path)
	if err != nil {
		return false, err
	}
	attributes := windows.SecurityAttributes{SecurityDescriptor: descriptor}
	attributes.Length = uint32(unsafe.Sizeof(attributes))
	err = windows.CreateDirectory(name, &attributes)
	if errors.Is(err, windows.ERROR_ALREADY_EXISTS) {
		if f.administrators {
			return false, owned.Check(f.path)
		}
		return false, nil
	}
	return err == nil, err
}
