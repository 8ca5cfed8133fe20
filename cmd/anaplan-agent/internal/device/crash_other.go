//go:build !(cgo && (windows || (linux && (amd64 || arm64))))

package device

import "runtime"

// WatchModules has nothing to do where there are no modules, or where the Go runtime's own report
// of a crash must do.
func WatchModules() {}

// WatchModulesOfSigner has nothing to do, either.
func WatchModulesOfSigner() {}

// workDone has nothing to do, either.
func workDone() {}

// closesEarly: on macOS a module that crashes while it closes ends the program, so it closes when the
// work is done. Elsewhere there are no modules here.
const closesEarly = runtime.GOOS != "darwin"

// modulesClose has nothing to do, either.
func modulesClose(bool) {}

// moduleDied reports nothing.
func moduleDied() bool { return false }

// modulesLeft has nothing to do, either.
func modulesLeft() {}

// BeforeExit has nothing to do, either.
func BeforeExit(int) {}
