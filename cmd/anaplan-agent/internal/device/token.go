package device

// A key's place in a PKCS#11 token.

import (
	"context"
	"crypto/rsa"
	"crypto/x509"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// tokenPlace is a Place in a token.
type tokenPlace struct {
	*Device
	address uri.URI
}

// Address implements Place.
func (p tokenPlace) Address(context.Context) config.Address { return p.address }

// FreeName implements Place: "login" is followed by "login-2".
func (p tokenPlace) FreeName(context.Context) (string, error) {
	name := Name(p.address)
	if name == "" {
		return "anaplan-2", nil
	}
	if dash := strings.LastIndexByte(name, '-'); dash > 0 {
		if number, err := strconv.ParseUint(name[dash+1:], 10, 20); err == nil {
			return fmt.Sprintf("%s-%d", name[:dash], number+1), nil
		}
	}
	return name + "-2", nil
}

// Open implements Place.
func (p tokenPlace) Open(ctx context.Context, cert *x509.Certificate) (Key, error) {
	options := p.tokenOptions(p.address)
	options.Certificate = cert
	key, err := hsm.Open(ctx, p.address, options)
	if err != nil {
		return nil, err
	}
	p.tellOf(key)
	return key, nil
}

// Keys implements Place.
func (p tokenPlace) Keys(ctx context.Context, logIn bool) (found []FoundKey, err error) {
	options := p.publicOptions()
	if logIn {
		options = p.tokenOptions(p.address)
	}
	tokens, err := hsm.List(ctx, p.address, options)
	for _, token := range tokens {
		err = errors.Join(err, token.Err)
		for _, key := range token.Keys {
			found = append(found, p.foundInToken(key))
		}
	}
	return found, err
}

// withPIN returns an address that the token gave a key, with the place of the PIN that is in the one
// asked for: the next login is at that address.
func (p tokenPlace) withPIN(address uri.URI) uri.URI {
	if source, named := p.address.Get("pin-source"); named {
		return address.With("pin-source", source)
	}
	return address
}

// foundInToken returns a key of a listing.
func (p tokenPlace) foundInToken(key hsm.KeyInfo) FoundKey {
	found := FoundKey{Address: p.withPIN(key.Address), Public: key.Public, Certificate: key.Certificate, Newest: key.Certificate, Problem: key.Problem}
	if found.Newest == nil {
		found.Newest = lastOf(key.PassedOver)
	}
	return found
}

// lastOf returns the certificate that ends last, of those that were meant for logins; nil for none.
func lastOf(certs []hsm.CertificateInfo) (last *x509.Certificate) {
	for _, info := range certs {
		if cert := info.Certificate; cert != nil && !info.NoLogin && (last == nil || cert.NotAfter.After(last.NotAfter)) {
			last = cert
		}
	}
	return last
}

// Shown implements Place. Certificates are public objects as a rule (PKCS#11 section 4.6), so
// this spares the PIN for what is public anyway.
func (p tokenPlace) Shown(ctx context.Context) (FoundKey, bool) {
	tokens, err := hsm.List(ctx, p.address, p.publicOptions())
	if err != nil || len(tokens) != 1 || len(tokens[0].Keys) != 1 {
		return FoundKey{}, false
	}
	return p.foundInToken(tokens[0].Keys[0]), true
}

// Chain implements ChainStore. The labels and ids of CAs' certificates are not the key's.
func (p tokenPlace) Chain(ctx context.Context) (chain []*x509.Certificate) {
	tokens, err := hsm.List(ctx, p.address.Without("object", "id", "type"), p.publicOptions())
	if err != nil || len(tokens) != 1 {
		return nil
	}
	for _, other := range tokens[0].Certificates {
		if other.Certificate != nil && other.Certificate.IsCA {
			chain = append(chain, other.Certificate)
		}
	}
	return chain
}

// StoreChain implements ChainStore.
func (p tokenPlace) StoreChain(ctx context.Context, chain []*x509.Certificate) (stored int, err error) {
	return hsm.StoreChain(ctx, p.address, chain, p.tokenOptions(p.address))
}

// Make implements Place.
func (p tokenPlace) Make(ctx context.Context, spec KeySpec) (config.Address, error) {
	before := spec.beginning(func() { p.Say.Note("making an RSA key of %d bits in the token", spec.Bits) })
	var key hsm.KeyInfo
	err := p.alone(ctx, p.address, func() (err error) {
		key, err = hsm.Generate(ctx, p.address, hsm.KeySpec{Bits: spec.Bits, Before: before}, p.tokenOptions(p.address))
		return err
	})
	return p.withPIN(key.Address), err
}

// Import implements Place.
func (p tokenPlace) Import(ctx context.Context, key *rsa.PrivateKey, _ KeySpec) (config.Address, error) {
	info, err := hsm.Import(ctx, p.address, key, p.tokenOptions(p.address))
	if err != nil && !errors.Is(err, hardware.ErrKeyExists) {
		return p.address, err
	}
	address := p.withPIN(info.Address)
	if err == nil {
		p.Say.Note("the key is in the token as %s, cannot be taken out again, and has proved itself by a signature", address)
	}
	return address, err
}

// Request implements Place. A login writes to some tokens (SoftHSM's), and hides them from another
// process that looks meanwhile.
func (p tokenPlace) Request(ctx context.Context, template *x509.CertificateRequest, public *rsa.PublicKey) (request []byte, err error) {
	err = p.alone(ctx, p.address, func() (err error) {
		options := p.tokenOptions(p.address)
		options.Public = public
		request, err = hsm.CertificateRequest(ctx, p.address, options, template)
		return err
	})
	return request, err
}

// StoreCertificate implements Place. A token has no management key.
func (p tokenPlace) StoreCertificate(ctx context.Context, cert *x509.Certificate, _ string) (stored bool, err error) {
	return hsm.StoreCertificate(ctx, p.address, cert, p.tokenOptions(p.address))
}

// Delete implements Place. A token has no management key.
func (p tokenPlace) Delete(ctx context.Context, _ string) (deleted []string, err error) {
	return hsm.Delete(ctx, p.address, p.tokenOptions(p.address))
}
