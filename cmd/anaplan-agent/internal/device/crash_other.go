//go:build !(cgo && (windows || (linux && (amd64 || arm64))))

package device

// WatchModules has nothing to do where there are no modules, or where the Go runtime's own report
// of a crash must do.
func WatchModules() {}

// WatchModulesOfSigner has nothing to do, either.
func WatchModulesOfSigner() {}

// modulesClose has nothing to do, either: a module that crashes while it closes ends the
// program, with what it has not delivered by then.
func modulesClose(bool) {}

// moduleDied reports nothing.
func moduleDied() bool { return false }

// modulesLeft has nothing to do, either.
func modulesLeft() {}

// BeforeExit has nothing to do, either.
func BeforeExit(int) {}
