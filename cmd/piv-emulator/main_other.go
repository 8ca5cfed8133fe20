//go:build !linux

package main

import (
	"fmt"
	"os"
)

func main() {
	// pcscd is hidden from the machine in namespaces, which only Linux has.
	fmt.Fprintln(os.Stderr, "piv-emulator: error: it runs on Linux only")
	os.Exit(1)
}
