//go:build cgo

package hsm

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/miekg/pkcs11"

	"github.com/anaplan-agent/anaplan-agent/agent/certread"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
)

// Which certificate belongs to a key is a question that ids and labels answer
// wrongly often enough: renewed certificates under the old id, two keys under one,
// certificates stored by another tool under an id of its own. The public key
// answers it rightly, so it alone decides, and ids only say where to look first.

// candidate is a certificate that may be the key's.
type candidate struct {
	CertificateInfo
	sameID bool // as the key: it was stored for the key
	pairs  bool // its public key is the key's
}

// certificateFor returns the certificate of the key, and those that were passed
// over. It looks first where the certificate should be, under the key's id or
// label, and then at all certificates of the token; what pairs them is the public
// key alone.
func (r *keyring) certificateFor(ctx context.Context, k *keyObject) (*x509.Certificate, []CertificateInfo, error) {
	if r.certificate != nil {
		return r.judgeGiven(ctx, k)
	}
	// A search that finds a valid certificate is the last: one that would last
	// longer under another id is not looked for on a token of thousands.
	var all []candidate
	seen := map[pkcs11.ObjectHandle]bool{}
	for _, template := range certificateSearches(k) {
		candidates, err := r.candidates(ctx, k, seen, template)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, candidates...)
		if best := choose(all, r.now); best != nil {
			return best.Certificate, passedOver(all), nil
		}
	}
	return nil, passedOver(all), noneOf(all, r.now)
}

// certificateSearches are the templates to find certificates of the key with, the
// likeliest first.
func certificateSearches(k *keyObject) [][]*pkcs11.Attribute {
	class := pkcs11.NewAttribute(pkcs11.CKA_CLASS, pkcs11.CKO_CERTIFICATE)
	var searches [][]*pkcs11.Attribute
	if len(k.id) > 0 {
		searches = append(searches, []*pkcs11.Attribute{class, pkcs11.NewAttribute(pkcs11.CKA_ID, k.id)})
	} else if k.label != "" {
		searches = append(searches, []*pkcs11.Attribute{class, pkcs11.NewAttribute(pkcs11.CKA_LABEL, k.label)})
	}
	return append(searches, []*pkcs11.Attribute{class})
}

// judgeGiven judges the certificate that the caller gave, by the same rules as those on
// the token. It comes before them, even if one of them would last longer.
func (r *keyring) judgeGiven(ctx context.Context, k *keyObject) (*x509.Certificate, []CertificateInfo, error) {
	certificate := r.certificate
	if why := hardware.NoLogin(certificate); why != "" {
		return nil, nil, hardware.NotForLogins(certificate, why)
	}
	pairs, err := r.pairs(ctx, k, certificate.PublicKey)
	if err != nil {
		return nil, nil, err
	}
	if !pairs {
		return nil, nil, cmp.Or(hardware.OtherKind(certificate), fmt.Errorf("%w: the one given (%s) is not that of %s",
			hardware.ErrCertificateMismatch, certread.Name(certificate.Subject), r.tell(k)))
	}
	return certificate, nil, hardware.CheckTime(certificate, r.now)
}

// candidates reads the certificates that fit the template and were not seen
// before.
func (r *keyring) candidates(ctx context.Context, k *keyObject, seen map[pkcs11.ObjectHandle]bool, template []*pkcs11.Attribute) ([]candidate, error) {
	handles, err := r.find(template...)
	if err != nil {
		return nil, err
	}
	var found []candidate
	for _, handle := range handles {
		if seen[handle] {
			continue
		}
		seen[handle] = true
		c, err := r.candidate(ctx, k, handle)
		if err != nil {
			return nil, err
		}
		found = append(found, c)
	}
	return found, nil
}

// candidate reads one certificate and compares it with the key.
func (r *keyring) candidate(ctx context.Context, k *keyObject, handle pkcs11.ObjectHandle) (c candidate, err error) {
	c.CertificateInfo, err = r.readCertificate(handle)
	if err != nil {
		return c, err
	}
	c.sameID = len(k.id) > 0 && bytes.Equal(c.ID, k.id)
	if c.Certificate != nil {
		c.pairs, err = r.pairs(ctx, k, c.Certificate.PublicKey)
	}
	return c, err
}

// pairs reports whether public is the key's. A token that does not tell the
// modulus of its private keys is asked for a signature instead.
func (r *keyring) pairs(ctx context.Context, k *keyObject, public crypto.PublicKey) (bool, error) {
	if k.public != nil {
		return k.public.Equal(public), nil
	}
	rsaKey, ok := public.(*rsa.PublicKey)
	if !ok {
		return false, nil
	}
	if k.probe == nil { // one signature does for all candidates
		signature, err := r.user.sign(ctx, k, crypto.SHA256, []byte(hardware.ProbeText))
		if err != nil {
			return false, err
		}
		k.probe = signature
	}
	return hardware.Verify(rsaKey, crypto.SHA256, []byte(hardware.ProbeText), k.probe) == nil, nil
}

// choose notes on each candidate why it is not used, and returns the one that is:
// of those that are the key's and valid now, the one that ends last; nil if there
// is none.
func choose(candidates []candidate, now time.Time) *candidate {
	var best *candidate
	for i := range candidates {
		c := &candidates[i]
		if c.Certificate == nil {
			continue // readCertificate has noted why
		}
		c.Note = objection(c, now)
		if c.Note == "" && (best == nil || c.Certificate.NotAfter.After(best.Certificate.NotAfter)) {
			best = c
		}
	}
	for i := range candidates {
		// Known only now that all have been compared.
		if c := &candidates[i]; c.Note == "" && c != best {
			c.Note = "another certificate ends later"
		}
	}
	return best
}

// objection says why a certificate cannot be used; "" if it can.
func objection(c *candidate, now time.Time) string {
	switch {
	case !c.pairs && hardware.OtherKind(c.Certificate) != nil:
		return "it is for " + certread.KeyName(c.Certificate)
	case !c.pairs:
		return "it is for another key"
	case c.NoLogin:
		return c.Note
	case now.After(c.Certificate.NotAfter):
		return "expired " + hardware.Day(c.Certificate.NotAfter)
	case now.Before(c.Certificate.NotBefore):
		return "not valid before " + hardware.Day(c.Certificate.NotBefore)
	}
	return ""
}

// passedOver returns the candidates with a note that have to do with the key: its
// own, and strangers under its id.
func passedOver(candidates []candidate) []CertificateInfo {
	var passed []CertificateInfo
	for _, c := range candidates {
		if c.Note != "" && (c.pairs || c.sameID) {
			passed = append(passed, c.CertificateInfo)
		}
	}
	return passed
}

// noneOf returns why none of the candidates is used: the objection to the one
// that comes nearest, and of several that to the one that ends last. That is the
// certificate which the reader of the error has in mind.
func noneOf(candidates []candidate, now time.Time) error {
	var nearest *candidate
	for i := range candidates {
		if c := &candidates[i]; nearest == nil || nearness(c, now) > nearness(nearest, now) ||
			nearness(c, now) == nearness(nearest, now) && c.pairs && c.Certificate.NotAfter.After(nearest.Certificate.NotAfter) {
			nearest = c
		}
	}
	if nearest == nil {
		return hardware.ErrNoCertificate
	}
	return nearest.refusal(now)
}

// nearness orders candidates by how little they lack: time that passes by itself, a
// renewal, the right certificate under the id, anything at all under the id.
func nearness(c *candidate, now time.Time) int {
	switch {
	case c.pairs && c.NoLogin:
		return 1
	case c.pairs && now.Before(c.Certificate.NotBefore):
		return 4
	case c.pairs:
		return 3
	case c.sameID && c.Certificate != nil:
		return 2
	case c.sameID:
		return 1
	}
	return 0
}

// refusal is the error for a key whose best certificate is c.
func (c *candidate) refusal(now time.Time) error {
	switch nearness(c, now) {
	case 4, 3:
		return hardware.CheckTime(c.Certificate, now)
	case 2:
		return cmp.Or(hardware.OtherKind(c.Certificate),
			fmt.Errorf("%w: under the key's id there is one of %s", hardware.ErrCertificateMismatch, certread.Name(c.Certificate.Subject)))
	case 1:
		if c.NoLogin {
			return hardware.NotForLogins(c.Certificate, c.Note)
		}
		return fmt.Errorf("%w: under the key's id there is something else: %s", hardware.ErrNoCertificate, c.Note)
	}
	return hardware.ErrNoCertificate
}

// certified says what certificate has the key's id or label, for a person who
// must choose between keys.
func (r *keyring) certified(k *keyObject) string {
	if k.public == nil {
		return "the token does not tell its public key"
	}
	certificate, _, err := r.certificateFor(context.Background(), k)
	if err != nil {
		return err.Error()
	}
	return hardware.Describe(certificate)
}
