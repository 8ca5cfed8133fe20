//go:build !cgo

package hsm_test

import (
	"errors"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// TestStub: without cgo everything says so.
func TestStub(t *testing.T) {
	ctx, address, options := t.Context(), uri.URI{}, hsm.Options{}
	_, open := hsm.Open(ctx, address, options)
	_, list := hsm.List(ctx, address, options)
	_, examined := hsm.Examine(ctx, address, options)
	_, generate := hsm.Generate(ctx, address, hsm.KeySpec{}, options)
	_, request := hsm.CertificateRequest(ctx, address, options, nil)
	_, store := hsm.StoreCertificate(ctx, address, nil, options)
	_, imported := hsm.Import(ctx, address, nil, options)
	_, chain := hsm.StoreChain(ctx, address, nil, options)
	_, deleted := hsm.Delete(ctx, address, options)
	_, sign := (&hsm.Key{}).SignSHA512(ctx, nil)
	for _, err := range []error{open, list, examined, generate, request, store, imported, chain, deleted, sign} {
		if !errors.Is(err, hardware.ErrNoCgo) || hsm.Transient(err) {
			t.Errorf("error %v, want ErrNoCgo", err)
		}
	}
	key := &hsm.Key{}
	if key.Certificate() != nil || key.PassedOver() != nil || key.Close() != nil || key.Address().String() != "pkcs11:" {
		t.Error("the key of a build without PKCS#11 has something")
	}
}
