//go:build !linux

package piv

// daemon is what people call the computer's smartcard service.
const daemon = "the smartcard service"
