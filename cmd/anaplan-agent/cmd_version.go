package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// newVersionCommand returns the version command; --version does the same.
func newVersionCommand(*console.Messenger) *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "print the version",
		Example: "anaplan-agent version --json",
		Args:    settings.NoArguments,
		RunE:    func(*cobra.Command, []string) error { return printVersion() },
	}
}

// printVersion prints what a bug report needs: the build, and whether it has PKCS#11 and PIV.
func printVersion() error {
	if err := console.CheckStdout(); err != nil {
		return err
	}
	return console.PrintResult(fmt.Sprintf("%s %s (%s, %s/%s, PKCS#11: %s, PIV: %s)\n",
		build.Program, build.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, build.PKCS11Support, build.PIVSupport))
}
