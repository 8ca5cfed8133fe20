//go:build cgo

package hsm

import (
	"errors"
	"fmt"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/hsm/attribute"
	"github.com/anaplan-agent/anaplan-agent/hsm/rv"
)

// session is a session with one token, read-only unless it was opened to write. It is
// used by one goroutine at a time.
type session struct {
	token
	handle pkcs11.SessionHandle
}

// open opens a session, not logged in. Read-only: tokens that are
// write-protected, or have one read/write session only, sign all the same.
func (t token) open() (*session, error) { return t.openWith(0) }

// openWith opens a session with a flag more than every session has. That the security officer
// is logged in is what modules answer, too, that have read/write sessions only.
func (t token) openWith(flag uint) (*session, error) {
	handle, err := t.OpenSession(t.slot, pkcs11.CKF_SERIAL_SESSION|flag)
	if rv.Is(err, pkcs11.CKR_SESSION_READ_WRITE_SO_EXISTS) {
		handle, err = t.OpenSession(t.slot, pkcs11.CKF_SERIAL_SESSION|pkcs11.CKF_RW_SESSION)
	}
	if err != nil {
		return nil, t.fail("opening a session", err)
	}
	t.handles = append(t.handles, handle)
	return &session{token: t, handle: handle}, nil
}

// fail says which token returned err, while doing what.
func (t token) fail(doing string, err error) error {
	return fmt.Errorf("token %q: %w", t.info.Label, rv.InWords(doing, err))
}

// batch is how many handles one C_FindObjects asks for: few tokens hold as many
// objects that fit.
const batch = 256

// mostObjects is more than any token holds. A module that goes on beyond it would
// go on for ever.
const mostObjects = 1 << 18

var errEndless = errors.New("the module finds objects without end")

// find returns the objects that fit the template. Without a login these are the
// public ones only; the token does not say that there are more.
func (s *session) find(template ...*pkcs11.Attribute) ([]pkcs11.ObjectHandle, error) {
	if err := s.FindObjectsInit(s.handle, template); err != nil {
		return nil, s.fail("searching the token", err)
	}
	defer s.FindObjectsFinal(s.handle)
	found, err := gather(func() ([]pkcs11.ObjectHandle, error) {
		handles, _, err := s.FindObjects(s.handle, batch)
		return handles, err
	})
	if err != nil {
		return nil, s.fail("searching the token", err)
	}
	return found, nil
}

// gather calls next until it has nothing more. Fewer than were asked for are not the end: modules
// may hand them out in portions of their own, and only none at all says that there are no more
// (PKCS#11 section 5.7, C_FindObjects). Stopping earlier would take one of two keys for the only
// one.
func gather[T any](next func() ([]T, error)) (all []T, err error) {
	for len(all) <= mostObjects {
		some, err := next()
		if err != nil || len(some) == 0 {
			return all, err
		}
		all = append(all, some...)
	}
	return nil, errEndless
}

// read reads attributes of an object: all in one call, or, since one that is missing fails the call,
// each alone. Modules have other answers for one that is missing, too, so that any is believed which
// not every attribute gets, and which is not trouble of the token.
func (s *session) read(object pkcs11.ObjectHandle, types ...uint) (attribute.Values, error) {
	values, err := s.readAtOnce(object, types...)
	if !rv.IsAny(err) || rv.Is(err, rv.Trouble...) {
		return values, err
	}
	// miekg/pkcs11 gives nothing at all back then, although the module has told the
	// others.
	values = attribute.Values{}
	for _, kind := range types {
		value, failure := s.readAtOnce(object, kind)
		switch {
		case failure == nil:
			values[kind], err = value[kind], nil
		case rv.Is(failure, rv.Untold...):
			err = nil
		case rv.Is(failure, rv.Trouble...):
			return nil, failure
		}
	}
	return values, err
}

// readAtOnce reads attributes in one call of miekg/pkcs11, which makes two of the
// module: for the lengths, and for the values.
func (s *session) readAtOnce(object pkcs11.ObjectHandle, types ...uint) (attribute.Values, error) {
	template := make([]*pkcs11.Attribute, len(types))
	for i, kind := range types {
		template[i] = pkcs11.NewAttribute(kind, nil)
	}
	read, err := s.GetAttributeValue(s.handle, object, template)
	if err != nil {
		return nil, err
	}
	values := attribute.Values{}
	for _, a := range read {
		values[a.Type] = a.Value
	}
	return values, nil
}
