//go:build !race

package main

// underRace: there is no race detector.
const underRace = false
