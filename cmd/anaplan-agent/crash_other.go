//go:build !linux || !cgo || !(amd64 || arm64)

package main

// watchModules has nothing to do where there are no modules, or where the Go
// runtime's own words about a crash have to do.
func watchModules() {}

// watchModulesOfSigner has nothing to do, either.
func watchModulesOfSigner() {}
