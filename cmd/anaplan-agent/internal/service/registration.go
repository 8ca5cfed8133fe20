package service

// The service of a whole Windows machine: it is registered with the service control manager, and not
// written into a file.

import (
	"crypto/sha1"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
)

// registration is a service of Windows as it is registered.
type registration struct {
	title, description string
	command            string // line
	account            string
	automatic, delayed bool // it starts with the machine, after what is more urgent
	privileges         string

	// How often it is started again, after what time, and after what time without a failure that
	// counts anew. Then a person looks at it.
	restarts             int
	restartDelay, resets time.Duration
	afterExitCode        bool // also where it has ended by itself, with an exit code

	stopTime time.Duration // before the machine goes down
}

// newRegistration returns the service as it should be, with the times of the units for systemd.
func newRegistration(program string) *registration {
	return &registration{
		title:         "Anaplan signing agent",
		description:   "Keeps tokens of Anaplan alive for the programs of this machine. Its key stays in its hardware.",
		command:       `"` + program + `" serve --service`,
		account:       `NT SERVICE\` + build.Program, // it has no password, and is nobody else's
		automatic:     true,
		delayed:       true,
		privileges:    "SeChangeNotifyPrivilege", // everybody has it, and nothing goes without
		restarts:      4,
		restartDelay:  5 * time.Second,
		resets:        5 * time.Minute,
		afterExitCode: true,
		stopTime:      time.Minute,
	}
}

// eventLogKey is where the source of the events is registered, whose messages are nothing but text.
const (
	eventLogKey  = `HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application\` + build.Program
	eventMessage = `%SystemRoot%\System32\EventCreate.exe`
)

// commands returns what a person would type to register it, for cmd.exe.
func (r *registration) commands() string {
	start := "demand"
	if r.automatic {
		start = "auto"
	}
	if r.delayed {
		start = "delayed-auto"
	}
	restart := fmt.Sprintf("restart/%d/", r.restartDelay.Milliseconds())
	flag := 0
	if r.afterExitCode {
		flag = 1
	}
	command := strings.ReplaceAll(r.command, `"`, `\"`)
	lines := []string{
		fmt.Sprintf(`create %s start= %s obj= "%s" DisplayName= "%s" binPath= "%s"`, build.Program, start, r.account, r.title, command),
		fmt.Sprintf(`description %s "%s"`, build.Program, r.description),
		fmt.Sprintf("failure %s reset= %.0f actions= %s/0", build.Program, r.resets.Seconds(), strings.Repeat(restart, r.restarts)),
		fmt.Sprintf("failureflag %s %d", build.Program, flag),
		fmt.Sprintf("privs %s %s", build.Program, r.privileges),
		fmt.Sprintf("preshutdown %s %d", build.Program, r.stopTime.Milliseconds()),
	}
	return "sc.exe " + strings.Join(lines, "\nsc.exe ") + "\n" +
		fmt.Sprintf("reg.exe add %s /v EventMessageFile /t REG_EXPAND_SZ /d %s\n", eventLogKey, strings.ReplaceAll(eventMessage, "%", "^%")) +
		fmt.Sprintf("reg.exe add %s /v TypesSupported /t REG_DWORD /d 7\n", eventLogKey)
}

// checksum is kept beside the registration, by which a later version of the program tells one that
// it may replace from one that a person has changed.
func (r *registration) checksum() string {
	return seal(fmt.Sprintf("%+v\n"+checksumMark, *r))
}

// serviceSID returns the account of a service as Windows makes it of the name (RtlCreateServiceSid):
// where it is asked for, the service need not exist.
func serviceSID(name string) string {
	hash := sha1.New()
	binary.Write(hash, binary.LittleEndian, utf16.Encode([]rune(strings.ToUpper(name))))
	sid := "S-1-5-80"
	for part := hash.Sum(nil); len(part) > 0; part = part[4:] {
		sid += fmt.Sprintf("-%d", binary.LittleEndian.Uint32(part))
	}
	return sid
}

// folder is a directory of the service, and who may do what there (SDDL).
type folder struct {
	path, access   string
	administrators bool // nobody else may change it, also where it was there before
}

// machineFolders are the configuration's, which the service only reads, and the one for an
// audit_file and a log_file. Nobody but administrators can put something into the first.
func machineFolders(config string) []folder {
	const mayRead, mayChange = "0x1200a9", "0x1301bf"
	const administrators = "O:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)"
	return []folder{
		{config, administrators + "(A;OICI;" + mayRead + ";;;BU)", true},
		{config + `\log`, administrators + "(A;OICI;" + mayChange + ";;;" + serviceSID(build.Program) + ")", false},
	}
}

// register registers the service, or changes it to what it should be.
func (s *Service) register() error {
	found, isOurs, err := readRegistration()
	switch {
	case err != nil:
		return s.needsRights(err)
	case found != nil && *found == *s.registration:
		s.Say.Note("the service %s is as it should be", build.Program)
	case found != nil && !isOurs && !s.force:
		return errChangedRegistration
	case s.dryRun:
		s.Say.Note("would register the service %s", build.Program)
	default:
		if err := s.writeRegistration(); err != nil {
			return s.needsRights(err)
		}
		s.Say.Note("registered the service %s", build.Program)
	}
	if err := s.makeFolders(); err != nil || s.dryRun {
		return s.needsRights(err)
	}
	s.sayNext(found != nil)
	return nil
}

var errChangedRegistration = fmt.Errorf("the service %s was changed by hand, so nothing is done; to see it: sc.exe qc %[1]s; "+
	"as it would be: %[1]s service print --system\n--force overwrites the changes", build.Program)

// unregister stops the service and removes it.
func (s *Service) unregister() error {
	found, isOurs, err := readRegistration()
	switch {
	case err != nil:
		return s.needsRights(err)
	case found == nil:
		s.Say.Note("the service %s is not there", build.Program)
		return nil
	case !isOurs && !s.force:
		return errChangedRegistration
	case s.dryRun:
		s.Say.Note("would stop and remove the service %s", build.Program)
		return nil
	}
	if err := removeRegistration(); err != nil {
		return s.needsRights(err)
	}
	s.Say.Note("removed the service %s", build.Program)
	s.Say.Note("%s", s.Manager.left)
	return nil
}

// makeFolders makes the directories that the service needs. One that is there must be one that only
// administrators can change.
func (s *Service) makeFolders() error {
	configs := paths.DefaultConfigs()
	for _, f := range machineFolders(filepath.Dir(configs[len(configs)-1])) {
		if s.dryRun {
			s.Say.Note("would make %s, unless it is there", f.path)
			continue
		}
		isNew, err := f.make()
		if err != nil {
			return err
		}
		if isNew {
			s.Say.Note("made %s", f.path)
		}
	}
	return nil
}
