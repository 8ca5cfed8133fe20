// Package neterror tells why a connection failed, by the numbers that each system has for it.
//
//	if _, err := net.Dial("tcp", address); neterror.IsRefused(err) {
//		// nobody listens there
//	}
//
// The sockets of Windows have numbers of their own, from 10000 on, which the names of package
// syscall do not mean: there syscall.ECONNREFUSED is a number that nothing returns. No Unix uses
// theirs, so both are looked for everywhere.
package neterror

import (
	"errors"
	"slices"
	"syscall"
)

// Numbers of Windows' sockets (winsock.h).
const (
	wsaEMFILE       = syscall.Errno(10024)
	wsaEADDRINUSE   = syscall.Errno(10048)
	wsaECONNABORTED = syscall.Errno(10053)
	wsaECONNRESET   = syscall.Errno(10054)
	wsaENOBUFS      = syscall.Errno(10055)
	wsaECONNREFUSED = syscall.Errno(10061)
)

// IsRefused reports whether nobody listens there.
func IsRefused(err error) bool { return isAny(err, syscall.ECONNREFUSED, wsaECONNREFUSED) }

// IsBroken reports whether the other end has ended a connection without a word, or what lies in
// between has.
func IsBroken(err error) bool {
	return isAny(err, syscall.ECONNRESET, syscall.EPIPE, wsaECONNRESET, wsaECONNABORTED)
}

// IsInUse reports whether somebody else listens there already.
func IsInUse(err error) bool { return isAny(err, syscall.EADDRINUSE, wsaEADDRINUSE) }

// IsGone reports whether a caller was gone before it was accepted.
func IsGone(err error) bool {
	return isAny(err, syscall.ECONNABORTED, wsaECONNABORTED, wsaECONNRESET)
}

// IsShortage reports whether something is used up for now that accepting takes.
func IsShortage(err error) bool {
	return isAny(err, syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, wsaEMFILE, wsaENOBUFS)
}

func isAny(err error, numbers ...syscall.Errno) bool {
	return slices.ContainsFunc(numbers, func(number syscall.Errno) bool { return errors.Is(err, number) })
}
