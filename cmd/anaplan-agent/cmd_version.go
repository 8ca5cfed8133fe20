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
	cmd := &cobra.Command{
		Use:     "version",
		Short:   "print the version",
		Example: "anaplan-agent version --json",
		Args:    settings.NoArguments,
	}
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(*cobra.Command, []string) error {
		if *asJSON {
			return console.PrintJSON(build.Info())
		}
		return printVersion()
	}
	return cmd
}

// printVersion prints what a bug report needs: the build, and whether it has PKCS#11 and PIV.
func printVersion() error {
	if err := console.CheckStdout(); err != nil {
		return err
	}
	return console.PrintResult(fmt.Sprintf("%s %s (%s, %s/%s, PKCS#11: %s, PIV: %s)\n",
		build.Program, build.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, build.PKCS11Support, build.PIVSupport))
}
