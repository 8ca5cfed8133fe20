package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// newVersionCommand returns the version command, which --version is short for.
func newVersionCommand(*messenger) *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "print the version",
		Args:  noArguments,
		RunE:  func(*cobra.Command, []string) error { return printVersion() },
	}
}

// printVersion prints what a report of a fault should say: the build, and whether
// it has PKCS#11 and PIV at all.
func printVersion() error {
	if err := checkStdout(); err != nil {
		return err
	}
	return printResult(fmt.Sprintf("%s %s (%s, %s/%s, PKCS#11: %s, PIV: %s)\n",
		program, version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, pkcs11Support, pivSupport))
}

// version returns the module's version, or the revision that it was built from, as
// the Go command has put it into the binary: no flag of the linker is needed, and a
// build by "go install" tells it too.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok { // a build without modules
		return "unknown"
	}
	return info.Main.Version
}
