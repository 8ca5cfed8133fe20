//go:build !cgo && !windows

package piv_test

import (
	"errors"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// TestStub: without cgo everything says so.
func TestStub(t *testing.T) {
	ctx, address, options := t.Context(), pivuri.URI{}, piv.Options{}
	_, open := piv.Open(ctx, address, options)
	_, list := piv.List(ctx, address, options)
	_, generate := piv.Generate(ctx, address, piv.KeySpec{}, options)
	_, request := piv.CertificateRequest(ctx, address, options, nil)
	_, store := piv.StoreCertificate(ctx, address, nil, options)
	_, attest := piv.Attest(ctx, address, options)
	_, imported := piv.Import(ctx, address, nil, piv.KeySpec{}, options)
	_, deleted := piv.Delete(ctx, address, options)
	_, sign := (&piv.Key{}).SignSHA512(ctx, nil)
	for _, err := range []error{open, list, generate, request, store, attest, imported, deleted, sign} {
		if !errors.Is(err, hardware.ErrNoCgo) || piv.Transient(err) {
			t.Errorf("error %v, want ErrNoCgo", err)
		}
	}
	key := &piv.Key{}
	if key.Certificate() != nil || key.Close() != nil || key.Address() != (pivuri.URI{}) {
		t.Error("the key of a build without PIV has something")
	}
}
