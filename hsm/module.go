//go:build cgo

package hsm

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/loader"
	"github.com/anaplan-agent/anaplan-agent/hsm/modules"
	"github.com/anaplan-agent/anaplan-agent/hsm/owned"
	"github.com/anaplan-agent/anaplan-agent/hsm/remedies"
	"github.com/anaplan-agent/anaplan-agent/hsm/rv"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// initReserved is the attribute whose value goes to C_Initialize as it is, named
// as in p11-kit's module files. NSS does not start without it:
// x-init-reserved=configdir='sql:/home/me/.pki/nssdb'.
const initReserved = "x-init-reserved"

// module is a loaded and initialised PKCS#11 library.
type module struct {
	*pkcs11.Ctx
	path string
	// handles are the sessions that were opened.
	handles []pkcs11.SessionHandle
	// closing is Options.Closing; it is called once.
	closing func(module string, close func())
	// closingNow is Options.CloseNow; so is it.
	closingNow func(module string, close func()) bool
	closed     bool
	// owner: this module did the C_Initialize that counts, so it does C_Finalize.
	owner bool
	// odd: it wants more at its start, or more patience with its slots, than crypto11 has.
	odd bool
}

// openModule finds, loads and initialises the module that the address names.
func openModule(address uri.URI, options Options) (*module, error) {
	path, err := modules.Find(address)
	if err != nil {
		return nil, err
	}
	if err := checkFile(path); err != nil {
		return nil, fmt.Errorf("PKCS#11 module: %w", err)
	}
	if err := remedies.CheckStore(path); err != nil {
		return nil, &ModuleError{Module: path, Told: true, Err: err}
	}
	defer remedies.SpareHome()()
	m, err := load(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %s: %w", ErrModule, path, err)
	}
	if m.closing = options.Closing; m.closing == nil {
		m.closing = func(module string, close func()) { closeInTime(module, close) }
	}
	if m.closingNow = options.CloseNow; m.closingNow == nil {
		m.closingNow = closeInTime
	}
	if err := m.initialize(address); err != nil {
		m.Destroy()
		return nil, m.broken(err)
	}
	if err := m.check(address); err != nil {
		m.close()
		return nil, err
	}
	return m, nil
}

// checkFile refuses a library that somebody else can change. A name without a directory is looked
// for by the loader; of the places that it looks in only those of the environment are not root's.
func checkFile(path string) error {
	if loader.IsPath(path) {
		return owned.Check(path)
	}
	for _, dir := range filepath.SplitList(os.Getenv("LD_LIBRARY_PATH")) {
		candidate := filepath.Join(dir, path) // ld.so(8): an empty one is the working directory
		if _, err := os.Stat(candidate); err == nil {
			return owned.Check(candidate)
		}
	}
	return nil
}

// load loads the library, or says in the loader's words why not. That the file is
// missing is said here, because loaders say it in a dozen ways; a name without a
// directory is left to them.
func load(path string) (*module, error) {
	if loader.IsPath(path) {
		if _, err := os.Stat(path); err != nil {
			return nil, errors.Unwrap(err)
		}
	}
	// From here on the library's code runs: loaders call its constructors.
	unload, err := loader.Probe(path)
	if err != nil {
		return nil, err
	}
	defer unload()
	// The loader counts, so unload gives back only what probe took.
	ctx := pkcs11.New(loader.ForC(path))
	if ctx == nil {
		return nil, loader.ErrNotModule
	}
	return &module{Ctx: ctx, path: path}, nil
}

// initialize calls C_Initialize. Another user of the module in this process has
// been there first if it says so; then its C_Finalize ends this one's sessions.
func (m *module) initialize(address uri.URI) error {
	err := m.start(address)
	if rv.Is(err, pkcs11.CKR_CRYPTOKI_ALREADY_INITIALIZED) {
		return nil
	}
	m.owner = err == nil
	return rv.InWords("starting the module", err)
}

// broken returns the error for a module that loads and does not work, with what to do about it.
func (m *module) broken(err error) error {
	return &ModuleError{Module: m.path, Told: remedies.For(m.path) != "", Err: remedies.Hint(m.path, err)}
}

// start calls C_Initialize, and does not let it change what is the whole process's. A module that
// takes no arguments, or knows no threads, is started without: a module has one call at a time here.
func (m *module) start(address uri.URI) error {
	defer loader.KeepProcess()()
	err := m.Initialize(reserved(address))
	_, m.odd = address.Get(initReserved)
	if !m.odd && rv.Is(err, pkcs11.CKR_ARGUMENTS_BAD, pkcs11.CKR_CANT_LOCK, pkcs11.CKR_NEED_TO_CREATE_THREADS) {
		m.odd = true
		return loader.StartBare(m.path)
	}
	return err
}

// reserved passes the address's x-init-reserved to C_Initialize, which PKCS#11
// reserves and NSS and its kin use all the same.
func reserved(address uri.URI) pkcs11.InitializeOption {
	text, ok := address.Get(initReserved)
	if !ok {
		return pkcs11.InitializeWithFlags(pkcs11.CKF_OS_LOCKING_OK)
	}
	return pkcs11.InitializeWithReserved(loader.CString(text))
}

// check compares the module with the library-* attributes of the address, by which
// an address can insist on, say, a version without a certain fault.
func (m *module) check(address uri.URI) error {
	if address.MatchLibrary(uri.Library{}) {
		return nil // it asks for none, so spare the call
	}
	info, err := m.GetInfo()
	if err != nil {
		return fmt.Errorf("%w: %s: %w", ErrModule, m.path, rv.InWords("asking the module for its name", err))
	}
	library := uri.Library{
		Manufacturer: info.ManufacturerID,
		Description:  info.LibraryDescription,
		Version:      fmt.Sprintf("%d.%d", info.LibraryVersion.Major, info.LibraryVersion.Minor),
	}
	if !address.MatchLibrary(library) {
		return fmt.Errorf("%w: %s is %q %s of %q, and the address asks for another library",
			ErrModule, m.path, library.Description, library.Version, library.Manufacturer)
	}
	return nil
}

// isTPM reports whether the module is tpm2-pkcs11. The token does not tell: its
// maker is that of the TPM, and its model whatever that maker wrote into it.
func (m *module) isTPM() bool {
	info, err := m.GetInfo()
	return err == nil && strings.Contains(strings.ToLower(info.ManufacturerID+info.LibraryDescription), "tpm2")
}

// close ends the module's life in this process, as far as it was begun here, now or when
// Options.Closing wants it. Closing twice is closing once: what writes closes early, and its
// caller again. Errors help nobody: there is nothing that could still be done with the module.
func (m *module) close() {
	if !m.closed {
		m.closed = true
		m.closing(m.path, func() { _ = hardware.Recovered(broken, m.end) })
	}
}

// free closes the module at once, for somebody else in this process to open it, and reports whether
// it has closed.
func (m *module) free() (closed bool) {
	m.closed = true
	return m.closingNow(m.path, func() { _ = hardware.Recovered(broken, m.end) })
}

// end closes all sessions, which logs out, and the module.
func (m *module) end() error {
	for _, handle := range m.handles {
		_ = m.CloseSession(handle)
	}
	if m.owner {
		_ = m.Finalize()
	}
	m.Destroy()
	return nil
}

// closePatience is how long a module is waited for that closes. C_Finalize takes
// milliseconds, that of a network HSM some hundreds.
const closePatience = 2 * time.Second

// closeInTime closes a module, leaves one behind that does not end, and reports whether it did.
func closeInTime(_ string, end func()) (closed bool) {
	ctx, cancel := context.WithTimeout(context.Background(), closePatience)
	defer cancel()
	_, err := await(ctx, ctx.Err, func() (struct{}, error) { end(); return struct{}{}, nil }, forget)
	return err == nil
}
