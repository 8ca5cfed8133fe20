package anaplan

import (
	"crypto/x509"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
)

// wide is the transport with all roots, which takes over from the one with those that are read fast
// when they do not vouch for the service. nil: there are no more roots.
type wide struct {
	narrow *http.Transport
	roots  func() *x509.CertPool

	once sync.Once
	all  atomic.Pointer[http.Transport]
}

// isOpen reports whether the transport has taken over.
func (w *wide) isOpen() bool { return w != nil && w.all.Load() != nil }

// open returns the transport. Its connections are new ones; the others have come to nothing.
func (w *wide) open() *http.Transport {
	w.once.Do(func() {
		all := w.narrow.Clone()
		all.TLSClientConfig.RootCAs = w.roots()
		w.all.Store(all)
	})
	return w.all.Load()
}

// mayTrust returns the request for another try, if more roots may do where it has failed: nothing of
// it has been sent. nil: they may not.
func (w *wide) mayTrust(request *http.Request, err error) *http.Request {
	if _, isUnknown := errors.AsType[x509.UnknownAuthorityError](err); w == nil || !isUnknown {
		return nil
	}
	again := request.Clone(request.Context())
	if request.GetBody != nil {
		if again.Body, err = request.GetBody(); err != nil {
			return nil
		}
	} else if request.Body != nil && request.Body != http.NoBody {
		return nil
	}
	return again
}
