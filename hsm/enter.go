//go:build cgo

package hsm

import (
	"context"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/progress"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// A module shows tokens, a token opens a session, a login logs in to that, a user signs and writes
// by it, and a keyring is what the user finds. Each knows those before it, and none that come after.

// opener opens a session with a token: token.open, or token.openToWrite.
type opener func(token) (*session, error)

// visit runs work with the keys of the one token that address names, and leaves the token again. It
// waits for the person, the module and work until ctx ends.
func visit[T any](ctx context.Context, address uri.URI, options Options, open opener, work func(*keyring) (T, error)) (T, error) {
	return call(ctx, address, func(p *progress.Progress) (result T, err error) {
		keys, err := enter(ctx, open, address, options, p)
		if err != nil {
			return result, err
		}
		defer keys.user.leave()
		return work(keys)
	}, forget)
}

// enter opens the module, the one token that fits the address, and a session, and
// logs in.
func enter(ctx context.Context, open opener, address uri.URI, options Options, progress *progress.Progress) (*keyring, error) {
	m, err := openModule(address, options)
	if err != nil {
		return nil, err
	}
	s, err := m.session(address, open)
	if err != nil {
		m.close()
		return nil, err
	}
	login := newLogin(s, address, options, progress)
	pin, err := login.logIn(ctx)
	if err != nil {
		m.close()
		return nil, err
	}
	progress.Module("reading the token")
	return &keyring{
		session: s, user: &user{login: login, pin: pin},
		certificate: options.Certificate, public: options.Public, now: time.Now(),
	}, nil
}

// user is somebody who has logged in to a token, and may sign and write there.
type user struct {
	*login
	pin      hardware.PIN // for keys that want it for each signature; without a value where there is none
	rejected error        // of the PIN for a signature, which is not sent again
}

func (u *user) forgetPIN() {
	clear(u.pin.Value)
	u.pin = hardware.PIN{}
}

// leave overwrites the PIN, and closes the module.
func (u *user) leave() {
	u.forgetPIN()
	u.module.close()
}

// session opens a session with the one token that fits the address. The rest of
// the tokens is not touched: a wrong one must not even see a PIN.
func (m *module) session(address uri.URI, open opener) (*session, error) {
	found, err := m.survey(address)
	if err != nil {
		return nil, err
	}
	t, err := found.one(address)
	if err != nil {
		return nil, err
	}
	return open(t)
}
