package rv

import (
	"errors"
	"fmt"
)

// Error is what a module returned, in words. The code is in the text only: no caller shall decide by it.
type Error struct {
	Doing string // "logging in"
	Words string
	Code  string // "CKR_DEVICE_REMOVED"

	Final     bool // asking again cannot help
	Protected bool // the token cannot be written to
	Refusal   bool // the token does not take what it was asked to do or to make, and never will
}

func (e *Error) Error() string { return fmt.Sprintf("%s: %s (%s)", e.Doing, e.Words, e.Code) }

// UnwritableError says that nothing can be written to a token.
type UnwritableError struct{ Text string }

func (e UnwritableError) Error() string { return e.Text }

// IsRefusal reports whether an error is the token's final answer to something that it should make.
func IsRefusal(err error) bool {
	answer, answered := errors.AsType[*Error](err)
	return answered && answer.Refusal || IsProtected(err)
}

// IsProtected reports whether an error is that the token cannot be written.
func IsProtected(err error) bool {
	_, unwritable := errors.AsType[UnwritableError](err)
	return unwritable
}
