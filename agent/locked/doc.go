// Package locked keeps small secrets, such as a PIN or a token, in memory that is locked:
// it is never written to swap space, and the garbage collector neither moves it nor leaves
// copies of it behind.
//
//	var memory locked.Memory
//	block := memory.Keep(pin)
//	clear(pin)
//	...
//	use(block.Bytes())
//	...
//	block.Free() // overwrites it
//
// Of such memory a process may have little (mlock(2), RLIMIT_MEMLOCK; VirtualLock). So
// blocks share pages, and what the system refuses to lock is kept all the same: it is as
// safe then as in any other program. Check tells whether that is so.
//
// The agent keeps its tokens here, and the PINs that people type.
package locked
