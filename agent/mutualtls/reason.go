package mutualtls

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/neterror"
)

// Reason says in words why another machine has not answered. within is how long it was given.
func Reason(err error, within time.Duration) string {
	if told := Explain(err); told != err {
		return told.Error()
	}
	name, isName := errors.AsType[*net.DNSError](err)
	timeout, isNet := errors.AsType[net.Error](err)
	_, isTLS := errors.AsType[tls.RecordHeaderError](err)
	switch {
	case isName && name.IsNotFound:
		return fmt.Sprintf("there is no host %q", name.Name)
	case isName:
		return fmt.Sprintf("the name %q cannot be looked up now", name.Name)
	case neterror.IsRefused(err):
		return "the connection was refused: no agent listens there"
	case errors.Is(err, context.DeadlineExceeded), isNet && timeout.Timeout():
		return fmt.Sprintf("it has not answered within %v", within)
	case isTLS:
		return "what listens there does not speak TLS: is it the port of listen_tls?"
	case neterror.IsBroken(err), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection broke"
	}
	return err.Error()
}
