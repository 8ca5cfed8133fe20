//go:build cgo

package hsm

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/hsm/rv"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// Objects are made and destroyed in a read/write session of miekg/pkcs11: crypto11 makes
// no object of a private key that there is already, and does not say which object it has
// made, so that it could be taken away again.

// openToWrite opens a session that may write, not logged in. A token that lets nobody write is
// refused before anybody is asked for a PIN.
func (t token) openToWrite() (*session, error) {
	if err := t.writable(); err != nil {
		return nil, err
	}
	s, err := t.openWith(pkcs11.CKF_RW_SESSION)
	return s, t.unlessWritable(err)
}

// works collects the objects that a call makes, so that all of them go if one cannot be
// made: half a key is found by the next call, and by nobody wanted.
type works struct {
	user    *user
	handles []pkcs11.ObjectHandle
}

// add makes an object. Nothing is made any more once the caller has given up: it was told
// that the call failed, so that must be so.
func (w *works) add(ctx context.Context, doing string, template []*pkcs11.Attribute) (pkcs11.ObjectHandle, error) {
	return w.make(ctx, doing, func() (pkcs11.ObjectHandle, error) {
		return w.user.CreateObject(w.user.handle, template)
	})
}

// make makes an object in whatever way.
func (w *works) make(ctx context.Context, doing string, work func() (pkcs11.ObjectHandle, error)) (pkcs11.ObjectHandle, error) {
	if err := context.Cause(ctx); err != nil {
		return 0, err
	}
	w.user.progress.Module(doing)
	handle, err := work()
	if err == nil {
		w.handles = append(w.handles, handle)
	}
	return handle, err
}

// fail says that the token did not make an object. An error that is not a return value of the
// module has its words already.
func (w *works) fail(doing string, err error) error {
	if rv.IsAny(err) {
		return w.user.unlessWritable(w.user.fail(doing, err))
	}
	return err
}

// takeBack destroys the objects, the last first, and returns err with what could not be
// destroyed.
func (w *works) takeBack(err error, named uri.URI) error {
	w.user.progress.Module("taking back what was made")
	for i := len(w.handles) - 1; i >= 0; i-- {
		failure := w.user.destroy(w.handles[i])
		if failure != nil && !rv.Is(failure, pkcs11.CKR_OBJECT_HANDLE_INVALID) { // then it is gone
			err = fmt.Errorf("%w; and what was made until then is still there: delete %s (%w)", err, named, rv.InWords("destroying it", failure))
		}
	}
	w.handles = nil
	return err
}

// errStillThere is a success that is not one.
var errStillThere = errors.New("the token says that it is destroyed, and still has it")

// destroy destroys an object, and looks whether it is gone.
func (s *session) destroy(handle pkcs11.ObjectHandle) error {
	if err := s.DestroyObject(s.handle, handle); err != nil {
		return err
	}
	values, err := s.readAtOnce(handle, pkcs11.CKA_CLASS)
	class, told := values.Number(pkcs11.CKA_CLASS)
	if err != nil || !told {
		return nil
	}
	// A module may remember what it has read before. What it finds is there.
	found, err := s.find(pkcs11.NewAttribute(pkcs11.CKA_CLASS, class))
	if err == nil && slices.Contains(found, handle) {
		return errStillThere
	}
	return nil
}
