package signer

// stackBelow is more of the stack than it takes to check a signature.
const stackBelow = 32 << 10

// withoutTraces calls f and overwrites what f leaves on the stack. To check a signature is
// to copy it and the message there, in a hash's block and as a number, where they stay
// until a call that is as deep comes to lie on them.
//
//go:noinline
func withoutTraces(f func()) {
	overwriteStack(0) // for a stack that grows leaves the smaller one behind as it is
	f()
	overwriteStack(0)
}

// overwriteStack overwrites what lies on the stack below its caller. It gives out a byte
// of its choice, so that the compiler cannot take it for useless.
//
//go:noinline
func overwriteStack(i int) byte {
	var below [stackBelow]byte
	return below[i]
}
