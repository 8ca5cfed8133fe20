package agent

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// PanicError is a panic of Sign or Exchange, which is a mistake of this program.
type PanicError struct {
	Stack []byte // where it was
	doing string
	value any // what was panicked with; it may hold a secret
}

func (p *PanicError) Error() string {
	if err, ok := p.value.(runtime.Error); ok {
		return fmt.Sprintf("a mistake of this program in %s: %v", p.doing, err)
	}
	return fmt.Sprintf("a mistake of this program in %s: panic of a %T", p.doing, p.value)
}

// protect makes an error of a panic.
func protect(doing string, call func() error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &PanicError{Stack: debug.Stack(), doing: doing, value: value}
		}
	}()
	return call()
}
